"""Layers that read levels: the stem and the pixel delay. With a cache they read the canvas, and keep no copy."""

import torch
from torch import Tensor, nn

from pixelsnail.nn.cache import Cache
from pixelsnail.nn.convolution import CausalConv
from pixelsnail.nn.delay import delayed
from pixelsnail.nn.layout import channels_first


class UnitScale(nn.Module):
    """Levels 0 ... L - 1 to 0 ... 1, as the pytorch-generative models read them (L = 2: the published 0/1 input)."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Levels of any integer dtype -> floats of the dtype of `like`."""
        return x.to(like.dtype) / (self.levels - 1)


class PixelConv(nn.Module):
    """The first layer: a causal convolution of the image itself."""

    def __init__(self, scale: nn.Module, conv: CausalConv) -> None:
        super().__init__()
        self.scale, self.conv = scale, conv

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> features."""
        conv = self.conv
        if cache is None:
            return conv(self.scale(x, conv.weight)).contiguous(memory_format=torch.channels_last)
        cache.put(x)
        levels, inside = cache.pixels_at(conv.offsets, x.shape[-1])  # (B, n, offsets, C)
        seen = torch.where(inside, self.scale(levels, conv.weight), 0.0)
        return conv.combine(seen.flatten(2).flatten(0, 1), cache)


class PixelDelay(nn.Module):
    """The raster-previous pixel at every position; zero at the first."""

    def __init__(self, scale: nn.Module) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor, like: Tensor, cache: Cache | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> floats of the same shape and of the dtype of `like`."""
        if cache is None:
            return delayed(self.scale(x, like))
        cache.put(x)
        levels, inside = cache.pixel_before(x.shape[-1])  # (B, n, C)
        return channels_first(torch.where(inside, self.scale(levels, like), 0.0)[:, None])
