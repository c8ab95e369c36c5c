"""What the layers remember while an image is decided pixel by pixel.

A call `layer(h, cache)` is about one *segment* of the image: the next w pixels of the current row (h is (B, C, 1, w)
with w < W) or k whole rows of which the current one is the first (h is (B, C, k, W)). A call computes and writes what
it computed into the layer's buffer, and does not advance: what lies beyond the decided pixels is provisional, and the
next call overwrites it. `commit` decides pixels. That is enough, because features at t depend on pixels before t only,
so what was stored for a decided position is right whatever pixel t became; and pixels are read from the canvas alone,
which `commit` corrects.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Cache:
    """The state of one walk over a batch of images, owned by whoever walks.

    `position` is the first undecided pixel in raster order, the same for the whole batch. `canvas` holds the levels
    (B, C, H, W): decided before `position`, guesses from there on.
    """

    def __init__(
        self, batch: int, shape: tuple[int, int, int], device: torch.device, context: Tensor | None = None
    ) -> None:
        self.batch, (self.channels, self.height, self.width) = batch, shape
        self.canvas = torch.zeros(batch, *shape, dtype=torch.long, device=device)
        self.context = context
        self.position = 0
        self._buffers: dict[tuple[nn.Module, str], Tensor] = {}
        self._first_rows: dict[nn.Module, int] = {}
        self._computed: dict[tuple[nn.Module, str], Any] = {}

    @property
    def pixels(self) -> int:
        """The number of pixels of an image, H * W."""
        return self.height * self.width

    def begin(self, segment: Tensor) -> tuple[int, int]:
        """The row and column at which a segment (B, C, k, w) begins: whole rows begin at the current row's first."""
        row, column = divmod(self.position, self.width)
        if segment.shape[-1] == self.width:
            return row, 0
        return row, column

    def put(self, x: Tensor) -> None:
        """Puts a segment's levels (B, C, k, w) on the canvas."""
        row, column = self.begin(x)
        self.canvas[..., row : row + x.shape[-2], column : column + x.shape[-1]] = x

    def commit(self, levels: Tensor) -> None:
        """Decides the next pixels in raster order: levels (B, C, k, w), read row by row, need not end with a row."""
        flat = levels.flatten(2)
        end = self.position + flat.shape[-1]
        self.canvas.view(self.batch, self.channels, -1)[..., self.position : end] = flat
        self.position = end

    def once(self, layer: nn.Module, name: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gave the first time it was asked for: values that stay the same during a walk."""
        key = (layer, name)
        if key not in self._computed:
            self._computed[key] = compute()
        return self._computed[key]

    def once_a_row(self, layer: nn.Module, row: int, compute: Callable[[], Tensor]) -> Tensor:
        """What `compute` gave the first time it was asked for in this row."""
        kept = self._computed.get((layer, "row of"))
        if kept is None or kept[0] != row:
            kept = self._computed[layer, "row of"] = (row, compute())
        value: Tensor = kept[1]
        return value

    def place(self, whole: Tensor, segment: Tensor) -> Tensor:
        """Crops a map of the whole image (B or 1, D, H, W) to the place of a segment (B, C, k, w)."""
        row, column = self.begin(segment)
        return whole[..., row : row + segment.shape[-2], column : column + segment.shape[-1]]

    def rows(self, layer: nn.Module, h: Tensor, above: int, left: int = 0, right: int = 0) -> Tensor:
        """Stores a segment's features and returns them with their surroundings.

        (B, C, k, w) -> (B, C, above + k, left + w + right), zero outside of the image. The columns to the right of the
        segment in its own rows are provisional: the layer must not use them. Keeps no more rows than a segment needs.
        """
        segment_rows, columns = h.shape[-2:]
        row, column = self.begin(h)
        data = self._rows_from(layer, h, row, above, left, right)
        data[:, above : above + segment_rows, left + column : left + column + columns] = h.permute(0, 2, 3, 1)
        return data[:, : above + segment_rows, column : column + left + columns + right].permute(0, 3, 1, 2)

    def _rows_from(self, layer: nn.Module, h: Tensor, row: int, above: int, left: int, right: int) -> Tensor:
        """The layer's buffer (B, above + rows, left + W + right, C), moved so that `row` comes after `above` rows."""
        key, needed = (layer, "rows"), above + h.shape[-2]
        data = self._buffers.get(key)
        if data is None:
            data = h.new_zeros(self.batch, needed, left + self.width + right, h.shape[1])
            self._first_rows[layer] = row
        moved = row - self._first_rows[layer]
        if moved or data.shape[1] < needed:
            assert moved + above <= data.shape[1], "a walk may not skip rows"
            kept = data[:, moved:]
            data = h.new_zeros(self.batch, max(needed, data.shape[1]), *data.shape[2:])
            data[:, : kept.shape[1]] = kept
        self._buffers[key], self._first_rows[layer] = data, row
        return data

    def rows_above(self, layer: nn.Module, above: int) -> Tensor:
        """The stored features of the `above` rows before the current one: (B, C, above, left + W + right)."""
        return self._buffers[layer, "rows"][:, :above].permute(0, 3, 1, 2)

    def before(self, layer: nn.Module, h: Tensor) -> Tensor:
        """Stores a segment's features and returns the raster-previous pixel's: (B, C, k, w) -> (B, C), zero at t = 0."""
        row, column = self.begin(h)
        self.rows(layer, h, above=1)
        data = self._buffers[layer, "rows"]
        return data[:, 1, column - 1] if column else data[:, 0, self.width - 1]

    def past(self, layer: nn.Module, name: str, h: Tensor) -> Tensor:
        """Stores a segment's features and returns those of every position up to its end: (B, start + k * w, C)."""
        row, column = self.begin(h)
        start = row * self.width + column
        end = start + h.shape[-2] * h.shape[-1]
        key = (layer, name)
        if key not in self._buffers:
            self._buffers[key] = h.new_zeros(self.batch, self.pixels, h.shape[1])
        data = self._buffers[key]
        data[:, start:end] = h.permute(0, 2, 3, 1).flatten(1, 2)
        return data[:, :end]
