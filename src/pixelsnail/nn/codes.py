"""Layers that read codes: convolutions of one-hot levels as sums of rows of a table, without the ones and zeros.

A convolution of one-hot levels adds, at every pixel, one column of each tap's weights: that of the level that it finds
there, and nothing outside of the image. No tensor is as wide as the codebook.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.layout import channels_first
from pixelsnail.nn.normalization import Normalized
from pixelsnail.nn.raster import Offsets
from pixelsnail.nn.segment import Segment

OUTSIDE = -1
"""Stands for the level of a pixel outside of the image."""


class CodeKernel(Normalized):
    """The weights of a convolution of one-hot levels: `weight` (outputs, C * L, rows, columns), normalised, and `bias`.

    Starts as torch's convolutions do. The kernel's first tap is that at `corner` from the pixel.
    """

    def __init__(self, inputs: int, outputs: int, corner: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *size))
        self.bias = nn.Parameter(torch.empty(outputs))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -1, 1).data.div_(math.sqrt(inputs * math.prod(size)))
        (row, column), (rows, columns) = corner, size
        self.offsets: Offsets = tuple((row + r, column + c) for r in range(rows) for c in range(columns))
        self.normalize(None)

    def rows(self) -> Tensor:
        """The weights in effect as rows of a table: (offsets, C * L, outputs)."""
        return self.kernel().flatten(2).permute(2, 1, 0)


class CodeConv(nn.Module):
    """The first layer of a model of codes: kernels that see the rows above and the pixels to the left, added.

    `above` covers k // 2 rows above and k // 2 columns on both sides, `left` as many columns to the left in the same
    rows and in the pixel's own; what both cover is counted twice. The biases are those of what was moved down and
    right by one pixel: the first row has none of `above`, the first column none of `left`.
    """

    def __init__(self, channels: int, levels: int, outputs: int, size: int) -> None:
        super().__init__()
        self.levels, middle = levels, size // 2
        inputs = channels * levels
        self.above = CodeKernel(inputs, outputs, (-middle, -middle), (middle, size))
        self.left = CodeKernel(inputs, outputs, (-middle, -middle), (middle + 1, middle))
        self.offsets: Offsets = tuple(sorted({*self.above.offsets, *self.left.offsets}))
        self.beside: Offsets = ((-1, 0), (0, -1))

    def forward(self, x: Tensor, segment: Segment | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them -> features."""
        if segment is None:
            h = summed(self.table(), codes_around(x, self.offsets), self.levels)
            inside = torch.stack([codes_around(x[:1, :1], (offset,))[..., 0] >= 0 for offset in self.beside], dim=-1)
            inside = inside[..., 0, :]  # (1, H, W, 2)
        else:
            levels, there = segment.pixels_at(self.offsets)
            table = segment.cache.once((self, "table"), self.table)
            h = summed(table, torch.where(there, levels, OUTSIDE), self.levels)[:, None]
            inside = segment.inside(self.beside)[:, None]
        assert self.above.bias is not None
        assert self.left.bias is not None
        return channels_first(h + inside.to(h.dtype) @ torch.stack([self.above.bias, self.left.bias]))

    def table(self) -> Tensor:
        """The weights of every level at every offset, and zeros: (offsets * C * L + 1, outputs)."""
        parts: list[Tensor | None] = [None] * len(self.offsets)
        for kernel in (self.above, self.left):
            for offset, rows in zip(kernel.offsets, kernel.rows(), strict=True):
                place = self.offsets.index(offset)
                part = parts[place]
                parts[place] = rows if part is None else part + rows
        return with_zeros(torch.cat([part for part in parts if part is not None]))


class CentredCodeConv(CodeKernel):
    """A convolution of a whole map of codes with a kernel around each place: what a model is conditioned on."""

    def __init__(self, channels: int, levels: int, outputs: int, size: int) -> None:
        super().__init__(channels * levels, outputs, (-(size // 2), -(size // 2)), (size, size))
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """Levels (B, C, H, W) -> features."""
        h = summed(with_zeros(self.rows().flatten(0, 1)), codes_around(x, self.offsets), self.levels)
        assert self.bias is not None
        return channels_first(h + self.bias)


def with_zeros(table: Tensor) -> Tensor:
    """A table with one more row, of zeros."""
    return F.pad(table, (0, 0, 0, 1))


def codes_around(x: Tensor, offsets: Sequence[tuple[int, int]]) -> Tensor:
    """The levels at `offsets` from every pixel of x (B, C, H, W), OUTSIDE outside: (B, H, W, offsets, C), int64."""
    height, width = x.shape[2:]
    rows, columns = zip(*offsets, strict=True)
    above, left = max(0, -min(rows)), max(0, -min(columns))
    padding = (left, max(0, *columns, 0), above, max(0, *rows, 0))
    padded = F.pad(x.long(), padding, value=OUTSIDE)
    seen = [padded[:, :, above + r : above + r + height, left + c : left + c + width] for r, c in offsets]
    return torch.stack(seen, dim=-1).permute(0, 2, 3, 4, 1)


def summed(table: Tensor, codes: Tensor, levels: int) -> Tensor:
    """The sum of the rows of a table (offsets * C * L + 1, D) that codes (..., offsets, C) name: (..., D)."""
    *batch, offsets, channels = codes.shape
    first = torch.arange(offsets * channels, device=codes.device).view(offsets, channels) * levels
    index = torch.where(codes == OUTSIDE, len(table) - 1, codes + first)
    return F.embedding_bag(index.view(-1, offsets * channels), table, mode="sum").view(*batch, -1)
