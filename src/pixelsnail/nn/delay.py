"""The raster-previous pixel's features: what makes plain causal attention strict.

A key or value computed from position u may contain pixel u itself, and then pixel u's query must not see it. Computing
keys and values from delayed features instead, position u holds what was known one pixel earlier; the attention is then
an ordinary causal one, its first entry does not exist, and the same wiring serves image, segment and single pixel.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.cache import Cache
from pixelsnail.nn.layout import channels_first, channels_last


def delayed(h: Tensor) -> Tensor:
    """(B, C, H, W) moved on by one pixel in raster order, zero at the first."""
    batch, channels, height, width = h.shape
    flat = channels_last(h).reshape(batch, height * width, channels)
    return channels_first(F.pad(flat, (0, 0, 1, -1)).view(batch, height, width, channels))


class Delay(nn.Module):
    """Moves features on by one pixel in raster order; the first position gets zero."""

    def forward(self, h: Tensor, cache: Cache | None = None) -> Tensor:
        """(B, C, H, W), or a segment -> the same shape."""
        if cache is None:
            return delayed(h)
        return cache.before(self, h)
