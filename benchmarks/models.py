"""The published models, with random weights."""

import inspect
from typing import Any

import torch

import pixelsnail
from pixelsnail.models import MODELS

PUBLISHED: dict[str, dict[str, Any]] = {"PixelCNN": {"channels": 16}, "ImageGPT": {"channels": 64, "heads": 2}}
"""Arguments of those models whose defaults are not what was published."""


def make_model(name: str, size: int | None = None, blocks: int | None = None) -> pixelsnail.Model:
    """A published model, at another size and depth where that is asked for."""
    torch.manual_seed(0)
    kind = MODELS[name]
    channels, height, width = inspect.signature(kind).parameters["shape"].default
    depth = {} if blocks is None else {"blocks": blocks}
    return kind((channels, size or height, size or width), **PUBLISHED.get(name, {}), **depth)
