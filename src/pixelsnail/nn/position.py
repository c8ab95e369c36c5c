"""Where a pixel is: maps of the whole image, of which a segment takes its own part."""

import torch
from torch import Tensor, nn

from pixelsnail.nn.delay import delayed
from pixelsnail.nn.segment import Segment


def position_planes(height: int, width: int, like: Tensor) -> Tensor:
    """(1, 2, H, W): i / H - 0.5 for row i, then j / W - 0.5 for column j. Exact at any size: no float step of 1 / H."""
    rows = torch.arange(height, device=like.device, dtype=like.dtype) / height - 0.5
    columns = torch.arange(width, device=like.device, dtype=like.dtype) / width - 0.5
    return torch.cat([h.expand(1, 1, height, width) for h in (rows[:, None], columns)], dim=1)


class Positions(nn.Module):
    """The position planes at every pixel of `h`, or (delay) those of the raster-previous pixel."""

    def __init__(self, *, delay: bool = False) -> None:
        super().__init__()
        self.delay = delay

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """Features (B, C, H, W), or a segment of them -> (1, 2, H, W), or that segment."""
        if segment is None:
            return self.planes(h.shape[-2], h.shape[-1], h)
        cache = segment.cache
        whole: Tensor = cache.once((self, "planes"), lambda: self.planes(cache.height, cache.width, h))
        return segment.place(whole)

    def planes(self, height: int, width: int, like: Tensor) -> Tensor:
        """The planes of a whole image, (1, 2, H, W)."""
        planes = position_planes(height, width, like)
        return delayed(planes) if self.delay else planes
