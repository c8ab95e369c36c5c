"""Models: one file each, wiring only. `MODELS` is the one table of names."""

from pixelsnail.models.condition import Condition, Labels
from pixelsnail.models.gatedpixelcnn import GatedPixelCNN
from pixelsnail.models.imagegpt import ImageGPT
from pixelsnail.models.model import Model
from pixelsnail.models.original import PixelSNAILOriginal
from pixelsnail.models.pixelcnn import PixelCNN
from pixelsnail.models.pixelcnnpp import PixelCNNpp
from pixelsnail.models.pixelrnn import PixelRNN
from pixelsnail.models.pixelsnail import PixelSNAIL

MODELS: dict[str, type[Model]] = {
    "PixelSNAIL": PixelSNAIL,
    "PixelSNAILOriginal": PixelSNAILOriginal,
    "PixelCNNpp": PixelCNNpp,
    "PixelCNN": PixelCNN,
    "GatedPixelCNN": GatedPixelCNN,
    "ImageGPT": ImageGPT,
    "PixelRNN": PixelRNN,
}

__all__ = [
    "MODELS",
    "Condition",
    "GatedPixelCNN",
    "ImageGPT",
    "Labels",
    "Model",
    "PixelCNN",
    "PixelCNNpp",
    "PixelRNN",
    "PixelSNAIL",
    "PixelSNAILOriginal",
]
