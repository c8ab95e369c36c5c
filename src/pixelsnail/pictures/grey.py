"""Levels to colours by one fixed rule, so that any two pictures compare."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.whole import whole

Pixels = NDArray[np.uint8]
"""(..., H, W, 3): red, green, blue."""


def colours(x: Tensor, levels: int) -> Pixels:
    """Levels (..., C, H, W) to pixels (..., H, W, 3): level * 255 / (levels - 1), rounded, never stretched.

    One channel is grey and three are red, green, blue; any other number stands side by side, in grey: (..., H, C W, 3).
    """
    x = x.detach().cpu().long()
    grey = (510 * x + levels - 1).div(2 * levels - 2, rounding_mode="floor").to(torch.uint8)
    if x.shape[-3] == 3:
        return np.asarray(grey.movedim(-3, -1).numpy())
    return np.asarray(beside(grey).unsqueeze(-1).expand(*beside(grey).shape, 3).numpy())


def beside(planes: Tensor) -> Tensor:
    """(..., C, H, W) to (..., H, C W): the channels from left to right."""
    return planes.movedim(-3, -2).flatten(-2)


def check_picture(name: str, x: Tensor, axes: str, levels: int) -> None:
    """Raises TypeError unless x is an integer tensor, ValueError unless it has these axes and levels in [0, L)."""
    levels = whole("levels", levels, 2)
    if not isinstance(x, Tensor) or x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        kind = f"has dtype {x.dtype}" if isinstance(x, Tensor) else f"is a {type(x).__name__}"
        raise WrongTypeError(f"{name} {kind}; expected integer levels 0 ... {levels - 1} in a tensor ({axes}).")
    if x.dim() != len(axes.split(", ")) or x.numel() == 0:
        raise WrongValueError(f"{name} has shape {tuple(x.shape)}; expected levels ({axes}), at least one of each.")
    low, high = int(x.min()), int(x.max())
    if low < 0 or high >= levels:
        raise WrongValueError(
            f"{name} holds level {low if low < 0 else high}; expected 0 ... {levels - 1} for levels = {levels}."
        )
