"""Memory layout: features are (B, C, H, W) in shape and channels-last in memory, so that a pixel's features lie side
by side and a 1 x 1 convolution is one matrix product without a copy."""

import torch
from torch import Tensor

from pixelsnail.nn.derivatives import transformed


def channels_last(h: Tensor) -> Tensor:
    """(B, C, H, W) seen as (B, H, W, C)."""
    return h.permute(0, 2, 3, 1)


def channels_first(h: Tensor) -> Tensor:
    """(B, H, W, C) seen as (B, C, H, W)."""
    return h.permute(0, 3, 1, 2)


def laid_out(h: Tensor) -> Tensor:
    """h (B, C, H, W), channels-last in memory. As it is under torch.func, whose vmap knows no such layout."""
    return h if transformed() else h.contiguous(memory_format=torch.channels_last)
