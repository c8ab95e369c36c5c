"""Models: one file each, wiring only. `MODELS` is the one table of names, those of other packages included."""

from pixelsnail.models.condition import Condition, Labels, Map
from pixelsnail.models.gatedpixelcnn import GatedPixelCNN
from pixelsnail.models.imagegpt import ImageGPT
from pixelsnail.models.model import Model
from pixelsnail.models.ordered import Ordered
from pixelsnail.models.original import PixelSNAILOriginal
from pixelsnail.models.pixelcnn import PixelCNN
from pixelsnail.models.pixelcnnpp import PixelCNNpp
from pixelsnail.models.pixelrnn import PixelRNN
from pixelsnail.models.pixelsnail import PixelSNAIL
from pixelsnail.models.prior import PixelSNAILPrior
from pixelsnail.models.table import Table

MODELS = Table(
    PixelSNAIL, PixelSNAILOriginal, PixelSNAILPrior, PixelCNNpp, PixelCNN, GatedPixelCNN, ImageGPT, PixelRNN, Ordered
)

__all__ = [
    "MODELS",
    "Condition",
    "GatedPixelCNN",
    "ImageGPT",
    "Labels",
    "Map",
    "Model",
    "Ordered",
    "PixelCNN",
    "PixelCNNpp",
    "PixelRNN",
    "PixelSNAIL",
    "PixelSNAILOriginal",
    "PixelSNAILPrior",
]
