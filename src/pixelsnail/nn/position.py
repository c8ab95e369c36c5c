"""Where a pixel is: maps of the whole image, of which a segment takes its own part."""

import torch
from torch import Tensor, nn

from pixelsnail.nn.delay import delayed
from pixelsnail.nn.segment import Segment


def position_planes(height: int, width: int, like: Tensor, frequencies: int = 0) -> Tensor:
    """(1, 2 + 4 `frequencies`, H, W), for pixel (i, j) with u = i / H - 0.5 and v = j / W - 0.5:

    u, v, then sin(pi f u), sin(pi f v), cos(pi f u), cos(pi f v) for f = 1, 2, 4 ... Exact at any size: no float step
    of 1 / H, and waves in float64 at first.
    """
    rows = torch.arange(height, device=like.device, dtype=like.dtype) / height - 0.5
    columns = torch.arange(width, device=like.device, dtype=like.dtype) / width - 0.5
    planes = [rows[:, None], columns]
    u, v = (torch.arange(size, dtype=torch.float64) / size - 0.5 for size in (height, width))
    for k in range(frequencies):
        for wave in (torch.sin, torch.cos):
            planes += [wave(torch.pi * 2**k * h).to(like) for h in (u[:, None], v)]
    return torch.cat([h.expand(1, 1, height, width) for h in planes], dim=1)


class Positions(nn.Module):
    """The position planes at every pixel of `h`, or (delay) those of the raster-previous pixel.

    With `frequencies`, sines and cosines too, by which a linear layer tells one row or column from the next (M. Tancik
    et al. 2020, arXiv 2006.10739).
    """

    def __init__(self, frequencies: int = 0, *, delay: bool = False) -> None:
        super().__init__()
        self.frequencies, self.delay = frequencies, delay
        self.channels = 2 + 4 * frequencies

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """Features (B, C, H, W), or a segment of them -> (1, `channels`, H, W), or that segment."""
        if segment is None:
            return self.planes(h.shape[-2], h.shape[-1], h)
        cache = segment.cache
        whole: Tensor = cache.once((self, "planes"), lambda: self.planes(cache.height, cache.width, h))
        return segment.place(whole)

    def planes(self, height: int, width: int, like: Tensor) -> Tensor:
        """The planes of a whole image, (1, `channels`, H, W)."""
        planes = position_planes(height, width, like, self.frequencies)
        return delayed(planes) if self.delay else planes
