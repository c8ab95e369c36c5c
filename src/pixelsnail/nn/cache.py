"""What the layers remember while images are decided pixel by pixel.

A call `layer(h, cache)` is about one *segment* of each image: n pixels that follow each other in raster order, over the
ends of rows too, from the first undecided one on. Features of a segment are (B, D, 1, n). Every image has its own
position, so that images advance at their own pace. A call computes and writes what it computed into the layer's
buffer, and does not advance: what lies beyond the decided pixels is provisional, and the next call overwrites it.
`commit` decides pixels. That is enough, because features at t depend on pixels before t only, so what was stored for a
decided position is right whatever pixel t became; and pixels are read from the canvas alone, which `commit` corrects.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.nn.layout import channels_first, channels_last

Offsets = tuple[tuple[int, int], ...]
"""Places around a pixel, as (rows, columns) to it; none may come after it in raster order."""


class Cache:
    """The state of one walk over a batch of images, owned by whoever walks.

    `position` (B,) is each image's first undecided pixel in raster order. `canvas` holds the levels (B, C, H, W):
    decided before the position, guesses from there on. With `by_rows` no segment goes on over the end of a row.
    """

    def __init__(self, canvas: Tensor, position: Tensor, context: Tensor | None = None, by_rows: bool = False) -> None:
        self.batch, self.channels, self.height, self.width = canvas.shape
        self.canvas, self.position, self.context = canvas, position, context
        self.longest = self.width if by_rows else self.pixels
        """The largest number of pixels of a segment."""
        self.chosen: Tensor | None = None
        """The images that a call is about, where it is not about all."""
        self.rows: Cache | None = None
        """The state of streams that run on whole rows."""
        self.least, self.most = 0, 0
        """The positions of the image that is behind and of the one that is ahead."""
        self.buffers: dict[tuple[nn.Module, str], Tensor] = {}
        """Features of all positions that layers keep, by layer and name: (B, H * W + 1, D)."""
        self.constants: dict[Any, Tensor] = {}
        """What stays the same during a walk."""
        self.of_segment: dict[tuple[Any, ...], Tensor] = {}
        """What layers share until the next commit: by the method that computes it and its arguments."""

    @classmethod
    def empty(
        cls,
        batch: int,
        shape: tuple[int, int, int],
        device: torch.device,
        context: Tensor | None = None,
        by_rows: bool = False,
    ) -> "Cache":
        """A cache of `batch` images of shape (C, H, W), all undecided."""
        canvas = torch.zeros(batch, *shape, dtype=torch.long, device=device)
        return cls(canvas, torch.zeros(batch, dtype=torch.long, device=device), context, by_rows)

    @property
    def pixels(self) -> int:
        """The number of pixels of an image, H * W."""
        return self.height * self.width

    @property
    def images(self) -> Tensor:
        """The images that a call is about: 0 ... B - 1, or those chosen."""
        return self.shared("_images", 0) if self.chosen is None else self.chosen

    # The segment at hand

    def segment(self, length: int) -> Tensor:
        """The raster positions of the next `length` pixels of each image: (B, length).

        Near the end of an image (or of a row, where it must not go on) a segment begins earlier, with decided pixels,
        so that it has its length.
        """
        if length > self.longest:
            whole = "an image" if self.longest == self.pixels else "a row"
            raise WrongValueError(f"A segment of {length} pixels is longer than {whole} of {self.longest}.")
        return self.shared("_segment", length)

    def levels(self, length: int) -> Tensor:
        """What the canvas holds in the segment: (B, C, 1, length)."""
        return self._canvas_at(self.segment(length)).transpose(1, 2).contiguous()[:, :, None]

    def put(self, x: Tensor) -> None:
        """Puts a segment's levels (B, C, 1, n) on the canvas."""
        if self.chosen is not None:  # whole rows are read from the canvas
            return
        flat = x.flatten(2)
        index = self.segment(flat.shape[-1])[:, None].expand(-1, self.channels, -1)
        self.canvas.view(self.batch, self.channels, -1).scatter_(2, index, flat.long())

    def commit(self, levels: Tensor, count: Tensor | None = None) -> None:
        """Puts a segment's levels (B, C, 1, n) on the canvas and decides the first `count` (B,) undecided ones.

        By default all of them are decided; the rest are guesses. Pixels decided before stay as they are.
        """
        index = self.segment(levels.flatten(2).shape[-1])
        undecided = (index >= self.position[:, None])[:, None, None]
        self.put(torch.where(undecided, levels.flatten(2)[:, :, None], self.levels(index.shape[1])))
        self.position = self.position + (undecided.sum(-1).flatten() if count is None else count)
        self._locate()

    def keep(self, rows: Tensor) -> Tensor:
        """Goes on with the images at `rows` (in rising order) alone; returns which of them lies where: (rows,).

        Only the images that lie beyond the new end are moved, into the places of those that are left out.
        """
        count = len(rows)
        order = torch.arange(count, device=rows.device)
        free = torch.ones(count, dtype=torch.bool, device=rows.device)
        free[rows[rows < count]] = False
        order[free] = rows[rows >= count]
        moved, places = order[free], free.nonzero()[:, 0]

        def kept(state: Tensor) -> Tensor:
            state[places] = state[moved]
            return state[:count]

        self.batch = count
        self.canvas, self.position = kept(self.canvas), kept(self.position)
        self.context = None if self.context is None else self.context[order]
        self.buffers = {key: kept(buffer) for key, buffer in self.buffers.items()}
        if self.rows is not None:
            self.rows.canvas, self.rows.position = self.canvas, kept(self.rows.position)
            self.rows.buffers = {key: kept(buffer) for key, buffer in self.rows.buffers.items()}
        self._locate()
        return order

    def choose(self, images: Tensor) -> None:
        """The next call is about these images alone."""
        self.chosen, self.batch = images, len(images)
        self.of_segment.clear()

    def _locate(self) -> None:
        """After a change of positions: notes the least and the most, and forgets what belonged to the old ones."""
        self.least, self.most = (int(n) for n in torch.stack(torch.aminmax(self.position)).tolist())
        self.of_segment.clear()

    # What layers keep

    def once(self, key: Any, compute: Callable[[], Tensor]) -> Tensor:
        """What `compute` gave the first time: for values that stay the same during a walk."""
        if key not in self.constants:
            self.constants[key] = compute()
        return self.constants[key]

    def shared(self, name: str, length: int, *arguments: Any) -> Tensor:
        """What the method `name` gave for this segment the first time since the last commit."""
        key = (name, *arguments)
        if key not in self.of_segment:
            self.of_segment[key] = getattr(self, name)(length, *arguments)
        return self.of_segment[key]

    def store(self, layer: nn.Module, name: str, h: Tensor) -> Tensor:
        """Writes a segment's features (B, D, 1, n); returns the buffer (B, H * W + 1, D), zero in the last place."""
        data = self._buffer(layer, name, h)
        data.view(-1, h.shape[1]).index_copy_(0, self._places_at(((0, 0),), h), channels_last(h).flatten(0, 2))
        return data

    def around(self, layer: nn.Module, h: Tensor, offsets: Offsets, node: int = 1, behind: int = 0) -> Tensor:
        """Stores a segment's features and returns those at `offsets` from each: (B, D, 1, n) -> (B * n, offsets * D).

        Zero outside of the image. Features of a lower resolution lie at every pixel of their node, a square of `node`
        pixels' width: offsets then count, in pixels, from the node's first pixel. Features that are `behind` by one
        pixel (`Behind`) lie one place later than the pixel they are of, which is the one that offsets mean.
        """
        data = self.store(layer, "features", h)
        seen = data.view(-1, h.shape[1]).index_select(0, self._places_at(offsets, h, node, behind))
        return seen.view(-1, len(offsets) * h.shape[1])

    def recall(self, layer: nn.Module, name: str, offsets: Offsets, like: Tensor) -> Tensor:
        """What was stored at `offsets` from the pixels of a segment like `like` (B, D, 1, n): (B, n, offsets, D).

        Zero outside of the image. For what a layer stores only after it has read.
        """
        data = self._buffer(layer, name, like)
        seen = data.view(-1, data.shape[-1]).index_select(0, self._places_at(offsets, like))
        return seen.view(self.batch, -1, len(offsets), data.shape[-1])

    def inside(self, offsets: Offsets, length: int) -> Tensor:
        """Whether there is a pixel at `offsets` from each of the segment's: (B, n, offsets)."""
        return self.shared("_inside", length, offsets)

    def before(self, layer: nn.Module, h: Tensor) -> Tensor:
        """Stores a segment's features (B, D, 1, n) and returns the raster-previous pixels': zero at t = 0."""
        data = self.store(layer, "features", h)
        batch, channels, _, length = h.shape
        seen = data.view(-1, channels).index_select(0, self.shared("_places_before", length).flatten())
        return channels_first(seen.view(batch, 1, length, channels))

    def place(self, whole: Tensor, length: int) -> Tensor:
        """A map of the whole image (1 or B, D, H, W) at the segment: (B, D, 1, n)."""
        flat = channels_last(whole).flatten(1, 2)
        index = self.segment(length)
        if flat.shape[0] == 1:
            return flat[0, index].transpose(1, 2)[:, :, None]
        return flat[self.images[:, None], index].transpose(1, 2)[:, :, None]

    def pixels_at(self, offsets: Offsets, length: int) -> tuple[Tensor, Tensor]:
        """The canvas at `offsets` from each pixel of the segment, (B, n, offsets, C), and where that is inside."""
        table = self._table(offsets)[self.segment(length)]  # (B, n, offsets)
        return self._canvas_at(table), (table < self.pixels)[..., None]

    def pixel_before(self, length: int) -> tuple[Tensor, Tensor]:
        """The raster-previous pixel on the canvas, (B, n, C), and where there is one."""
        previous = self._previous(length)
        return self._canvas_at(previous), (previous < self.pixels)[..., None]

    def above(self, stream: nn.Module, length: int) -> Tensor:
        """What `stream`, which maps levels to several features and sees rows above alone, gives: (B, D, 1, n), joined.

        It runs on a whole row at a time, once, when an image begins that row: all it sees is decided by then.
        """
        return self.shared("_above", length, stream)

    def parity(self, node: int, length: int) -> Tensor:
        """Which quarter of the node above it a node of `node` pixels' width is, for the segment: 0 ... 3, (B * n,)."""
        return self.shared("_parity", length, node)

    def visible(self, length: int, like: Tensor, first: int) -> Tensor:
        """What the segment's queries see of entries 0 ... E - 1, as a term of the scores: (B, n, E).

        The query of pixel t sees entries `first` ... t; with `first` 1, that of pixel 0 sees entry 0, whose value is
        zero. E is the end of the segment that is ahead.
        """
        return self.shared("_visible", length, like.dtype, first)

    def later(self, length: int, like: Tensor, first: int = 1) -> Tensor:
        """0 at the image's `first` pixels and 1 at the other pixels of the segment: (B, 1, 1, n)."""
        return self.shared("_later", length, like.dtype, first)

    # What layers share, computed once for a segment

    def _images(self, _: int) -> Tensor:
        return torch.arange(self.batch, device=self.canvas.device)

    def _segment(self, length: int) -> Tensor:
        position = self.position if self.chosen is None else self.position[self.chosen]
        end = (position.clamp(max=self.pixels - 1) // self.longest + 1) * self.longest
        return torch.minimum(position, end - length)[:, None] + torch.arange(length, device=position.device)

    def _above(self, length: int, stream: nn.Module) -> Tensor:
        if self.rows is None:
            self.rows = Cache(self.canvas, torch.zeros_like(self.position), by_rows=True)
        rows = self.rows  # its position is the first row's that was not computed yet
        late = (self.position.clamp(max=self.pixels - 1) >= rows.position).nonzero()[:, 0]
        if len(late):
            context = None if self.context is None else self.context[late]
            rows.choose(late)
            rows.store(stream, "result", torch.cat(list(stream(rows.levels(self.width), rows, context)), dim=1))
            rows.position[late] += self.width
        result = rows.buffers[stream, "result"]
        places = self.shared("_places", length, ((0, 0),), 1, 0).flatten()
        seen = result.view(-1, result.shape[-1]).index_select(0, places)
        return channels_first(seen.view(self.batch, 1, length, -1))

    def _inside(self, length: int, offsets: Offsets) -> Tensor:
        return self._table(offsets)[self.segment(length)] < self.pixels

    def _parity(self, length: int, node: int) -> Tensor:
        t = self.segment(length).flatten()
        return t // self.width // node % 2 * 2 + t % self.width // node % 2

    def _visible(self, length: int, dtype: torch.dtype, first: int) -> Tensor:
        segment = self.segment(length)[..., None]
        entry = torch.arange(min(self.most + length, self.pixels), device=segment.device)
        seen = (entry <= segment) & ((entry >= first) | (segment < first))
        return torch.where(seen, 0.0, float("-inf")).to(dtype)

    def _later(self, length: int, dtype: torch.dtype, first: int) -> Tensor:
        return (self.segment(length) >= first).to(dtype)[:, None, None]

    def _places(self, length: int, offsets: Offsets, node: int, behind: int) -> Tensor:
        """The places in all buffers of the segment's nodes, moved by each of `offsets`: (B, n, offsets)."""
        return self._of_all(self._table(offsets, node, behind)[self.segment(length)])

    def _places_before(self, length: int) -> Tensor:
        """The places in all buffers of the raster-previous pixels: (B, n)."""
        return self._of_all(self._previous(length))

    # Buffers and indices

    def _buffer(self, layer: nn.Module, name: str, like: Tensor) -> Tensor:
        """The buffer of features like `like` (B, D, 1, n): (B, H * W + 1, D), all zero at first."""
        key = (layer, name)
        if key not in self.buffers:
            self.buffers[key] = like.new_zeros(self.canvas.shape[0], self.pixels + 1, like.shape[1])
        return self.buffers[key]

    def _places_at(self, offsets: Offsets, h: Tensor, node: int = 1, behind: int = 0) -> Tensor:
        return self.shared("_places", h.shape[-1], offsets, node, behind).flatten()

    def _canvas_at(self, table: Tensor) -> Tensor:
        """Levels at raster positions (B, ...); any level where the position is outside."""
        levels = channels_last(self.canvas).reshape(-1, self.channels)
        base = (self.images * self.pixels).view(-1, *[1] * (table.dim() - 1))
        return levels[(table.clamp(max=self.pixels - 1) + base)]

    def _previous(self, length: int) -> Tensor:
        """The raster positions before those of the segment; the place of zeros for the first pixel: (B, n)."""
        segment = self.segment(length)
        return torch.where(segment > 0, segment - 1, self.pixels)

    def _of_all(self, places: Tensor) -> Tensor:
        """Places of each image's buffer (B, ...) as places of all buffers in a row."""
        return places + (self.images * (self.pixels + 1)).view(-1, *[1] * (places.dim() - 1))

    def _table(self, offsets: Offsets, node: int = 1, behind: int = 0) -> Tensor:
        """For every pixel the places of `offsets` from its node, H * W where that is outside: (H * W, offsets)."""

        def compute() -> Tensor:
            t = torch.arange(self.pixels, device=self.canvas.device)
            row, column = (n // node * node for n in (t[:, None] // self.width, t[:, None] % self.width))
            moves = torch.tensor(offsets, device=t.device)
            rows, columns = row + moves[:, 0], column + moves[:, 1]
            inside = (rows >= 0) & (columns >= 0) & (columns < self.width)
            return torch.where(inside, rows * self.width + columns + behind, self.pixels)

        return self.once((offsets, node, behind), compute)
