"""What a model is worth and what it looks at.

Likelihood on a set of images, nats of each image and pixel; the receptive field of a pixel, and its attention.
"""

from pixelsnail.evaluation.attention import attention_weights
from pixelsnail.evaluation.likelihood import Evaluation, Protocol, evaluate
from pixelsnail.evaluation.receptive_field import ReceptiveField, connectivity, fresh, receptive_field
from pixelsnail.evaluation.scores import Scores, score

__all__ = [
    "Evaluation",
    "Protocol",
    "ReceptiveField",
    "Scores",
    "attention_weights",
    "connectivity",
    "evaluate",
    "fresh",
    "receptive_field",
    "score",
]
