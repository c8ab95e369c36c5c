"""The raster-previous pixel's features: what makes plain causal attention strict, and a stream behind its pixels.

A key or value computed from position u may contain pixel u itself, and then pixel u's query must not see it. Computing
keys and values from delayed features instead, position u holds what was known one pixel earlier; the attention is then
an ordinary causal one, its first entry does not exist, and the same wiring serves image, segment and single pixel.

Position 0 is never attended to. In a whole image it holds the last pixel, so that every pixel occurs once, and
data-dependent initialisation sees unbiased statistics.
"""

import torch
from torch import Tensor, nn

from pixelsnail.nn.layout import channels_first, channels_last
from pixelsnail.nn.segment import Segment


def delayed(h: Tensor) -> Tensor:
    """(B, C, H, W) moved on by one pixel in raster order, from the last to the first."""
    if torch.compiler.is_compiling():  # the result is kept for the gradient, and must be no view (see `gate`)
        return torch.cat([h[..., -1:].roll(1, dims=-2), h[..., :-1]], dim=-1)
    batch, channels, height, width = h.shape
    flat = channels_last(h).reshape(batch, height * width, channels)
    return channels_first(flat.roll(1, dims=1).view(batch, height, width, channels))


class Delay(nn.Module):
    """Moves features on by one pixel in raster order; what the first position gets is never used."""

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, C, H, W), or a segment -> the same shape."""
        if segment is None:
            return delayed(h)
        return segment.before(self, h)


class Behind(nn.Module):
    """Features of pixels as a stream that is one pixel behind: what lets a stream that holds its own pixel be cached.

    Of the whole image they are the features themselves, each at its pixel. In a segment, position t has those of pixel
    t - 1, so that they depend on pixels before t only; convolutions that read the stream take them for what they are
    (`CausalConv` with `behind`), and pointwise layers need not know. What position 0 gets is never read.
    """

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, C, H, W), or a segment -> the same shape."""
        return h if segment is None else segment.before(self, h)
