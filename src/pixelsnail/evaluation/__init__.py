"""What a model is worth: likelihood on a set of images, and nats of each image and pixel."""

from pixelsnail.evaluation.likelihood import Evaluation, Protocol, evaluate
from pixelsnail.evaluation.scores import Scores, score

__all__ = ["Evaluation", "Protocol", "Scores", "evaluate", "score"]
