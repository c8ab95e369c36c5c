"""Layers that read codes: convolutions of one-hot levels as sums of rows of a table, without the ones and zeros.

A convolution of one-hot levels adds, at every pixel, one column of each tap's weights: that of the level that it finds
there, and nothing outside of the image. No tensor is as wide as the codebook.
"""

import math
from collections.abc import Iterator

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
            h = summed(self.table(), x, self.offsets, self.levels)
            inside = torch.cat(list(around(x[:1, :1], self.beside)), dim=1).permute(0, 2, 3, 1) != OUTSIDE
        else:
            h = self._segment(segment)
            inside = segment.inside(self.beside)[:, None]
        assert self.above.bias is not None
        assert self.left.bias is not None
        return channels_first(h + inside.to(h.dtype) @ torch.stack([self.above.bias, self.left.bias]))

    def table(self) -> Tensor:
        """The weights of every level at every offset, and a row of zeros: (offsets, C * L + 1, outputs)."""
        parts: dict[tuple[int, int], Tensor] = {}
        for kernel in (self.above, self.left):
            for offset, rows in zip(kernel.offsets, kernel.rows(), strict=True):
                parts[offset] = parts[offset] + rows if offset in parts else rows
        return with_zeros(torch.stack([parts[offset] for offset in self.offsets]))

    def _segment(self, segment: Segment) -> Tensor:
        """(B, 1, n, outputs)"""
        levels, inside = segment.pixels_at(self.offsets)  # (B, n, offsets, C)
        table = segment.cache.once((self, "table"), self.table)
        rows = table.shape[1]
        first = torch.arange(levels.shape[-1], device=levels.device) * self.levels
        index = torch.where(inside, levels + first, rows - 1)
        index = index + torch.arange(len(table), device=levels.device)[:, None] * rows
        return F.embedding(index.flatten(2), table.flatten(0, 1)).sum(2)[:, None]


class CentredCodeConv(CodeKernel):
    """A convolution of a whole map of codes with a kernel around each place: what a model is conditioned on."""

    def __init__(self, channels: int, levels: int, outputs: int, size: int) -> None:
        super().__init__(channels * levels, outputs, (-(size // 2), -(size // 2)), (size, size))
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """Levels (B, C, H, W) -> features."""
        h = summed(with_zeros(self.rows()), x, self.offsets, self.levels)
        assert self.bias is not None
        return channels_first(h + self.bias)


def with_zeros(table: Tensor) -> Tensor:
    """A table (..., rows, D) with one more row, of zeros."""
    return F.pad(table, (0, 0, 0, 1))


def around(x: Tensor, offsets: Offsets) -> Iterator[Tensor]:
    """For each of `offsets` the level there from every pixel of x (B, C, H, W), int64, OUTSIDE outside: like x."""
    height, width = x.shape[2:]
    most = max(max(abs(row), abs(column)) for row, column in offsets)
    padded = F.pad(x.long(), (most, most, most, most), value=OUTSIDE)
    for row, column in offsets:
        yield padded[:, :, most + row : most + row + height, most + column : most + column + width]


def summed(table: Tensor, x: Tensor, offsets: Offsets, levels: int) -> Tensor:
    """The sum of the rows of a table (offsets, C * L + 1, D) that levels x (B, C, H, W) name: (B, H, W, D).

    Offset after offset, so that nothing larger than the sum is made.
    """
    first = torch.arange(x.shape[1], device=x.device)[:, None, None] * levels
    h: Tensor | None = None
    for codes, rows in zip(around(x, offsets), table.unbind(0), strict=True):
        for index in torch.where(codes == OUTSIDE, len(rows) - 1, codes + first).unbind(1):
            part = F.embedding(index, rows)
            h = part if h is None else h + part
    assert h is not None
    return h
