"""What a model is worth and what it looks at.

Likelihood on a set of images, nats of each image and pixel; the receptive field of a pixel, and its attention.
"""

from pixelsnail.evaluation.anomaly import auroc, nats_of
from pixelsnail.evaluation.attention import attention_weights
from pixelsnail.evaluation.classification import Classification, classify
from pixelsnail.evaluation.completion import is_exact
from pixelsnail.evaluation.detection import Detection, Detector, detect, fit
from pixelsnail.evaluation.laws import Laws, check
from pixelsnail.evaluation.likelihood import Evaluation, Protocol, evaluate, remember
from pixelsnail.evaluation.parts import Part, pixel_probabilities, region_log_prob
from pixelsnail.evaluation.reach import Reach, draw_reach, reach
from pixelsnail.evaluation.receptive_field import ReceptiveField, connectivity, fresh, receptive_field
from pixelsnail.evaluation.restoration import Restored, restore
from pixelsnail.evaluation.scores import Scores, score

__all__ = [
    "Classification",
    "Detection",
    "Detector",
    "Evaluation",
    "Laws",
    "Part",
    "Protocol",
    "Reach",
    "ReceptiveField",
    "Restored",
    "Scores",
    "attention_weights",
    "auroc",
    "check",
    "classify",
    "connectivity",
    "detect",
    "draw_reach",
    "evaluate",
    "fit",
    "fresh",
    "is_exact",
    "nats_of",
    "pixel_probabilities",
    "reach",
    "receptive_field",
    "region_log_prob",
    "remember",
    "restore",
    "score",
]
