"""Models: one file each, wiring only. `MODELS` is the one table of names."""

from pixelsnail.models.model import Model
from pixelsnail.models.pixelsnail import PixelSNAIL

MODELS: dict[str, type[Model]] = {"PixelSNAIL": PixelSNAIL}

__all__ = ["MODELS", "Model", "PixelSNAIL"]
