"""What a model is worth and what it looks at.

Likelihood on a set of images, nats of each image and pixel; the receptive field of a pixel, and its attention.
"""

from pixelsnail.evaluation.attention import attention_weights
from pixelsnail.evaluation.classification import Classification, classify
from pixelsnail.evaluation.completion import is_exact
from pixelsnail.evaluation.laws import Laws, check
from pixelsnail.evaluation.likelihood import Evaluation, Protocol, evaluate, remember
from pixelsnail.evaluation.reach import Reach, draw_reach, reach
from pixelsnail.evaluation.receptive_field import ReceptiveField, connectivity, fresh, receptive_field
from pixelsnail.evaluation.scores import Scores, score

__all__ = [
    "Classification",
    "Evaluation",
    "Laws",
    "Protocol",
    "Reach",
    "ReceptiveField",
    "Scores",
    "attention_weights",
    "check",
    "classify",
    "connectivity",
    "draw_reach",
    "evaluate",
    "fresh",
    "is_exact",
    "reach",
    "receptive_field",
    "remember",
    "score",
]
