"""What is kept while images are decided pixel by pixel, owned by whoever walks.

A call `layer(h, segment)` is about one `Segment`, some pixels that follow each other from each image's first undecided
one. Every image has its own position, so that images advance at their own pace. A call computes and writes what it
computed into the layer's buffer, and does not advance: what lies beyond the decided pixels is provisional, and the next
call overwrites it. `commit` decides pixels. That is enough, because features at t depend on pixels before t only, so
what was stored for a decided position is right whatever pixel t became; and levels are read from the canvas alone.

    cache = model.start(batch)
    while cache.least < cache.pixels:
        segment = cache.segment(5)
        segment.put(guesses)                          # (B, C, 1, 5)
        parameters = model(guesses, segment)          # right up to the first guess that is wrong
        cache.commit(segment, levels, count)          # count (B,) pixels of each image are decided
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.nn import raster
from pixelsnail.nn.segment import Given, Segment


class Cache:
    """The state of one walk over a batch of images.

    canvas      levels (B, C, H, W), int64: decided before the position, guesses from there on
    position    (B,), each image's first undecided pixel in raster order
    images      (B,), which images of the batch that the walk began with are left, in which order
    all         (B,), 0 ... B - 1: every image there is
    given       what the images are conditioned on, as layers read it: each tensor has the batch first
    longest     the largest number of pixels of a segment; W where no segment goes over the end of a row
    """

    def __init__(
        self,
        canvas: Tensor,
        position: Tensor | None = None,
        given: Given | None = None,
        longest: int | None = None,
    ) -> None:
        self.batch, self.channels, self.height, self.width = canvas.shape
        self.canvas, self.all = canvas, torch.arange(self.batch, device=canvas.device)
        self.images = self.all
        self.position = torch.zeros_like(self.images) if position is None else position
        self.given = dict(given or {})
        self.pixels = self.height * self.width
        self.paired: Given = {}
        """What layers read where every image is there twice (`pair`), the second time without its label."""
        self.longest = longest or self.pixels
        self.least, self.most = 0, 0
        """The positions of the image that is behind and of the one that is ahead."""
        self.buffers: dict[tuple[nn.Module, str], Tensor] = {}
        """Features of all positions that layers keep, by layer and name: (B, H * W + 1, D)."""
        self.constants: dict[Any, Tensor] = {}
        """What stays the same during a walk, for all images."""
        self.streams: dict[nn.Module, Cache] = {}
        """The state of streams that walk over the same canvas at a pace of their own (`Above`)."""

    @classmethod
    def empty(
        cls,
        batch: int,
        shape: tuple[int, int, int],
        device: torch.device,
        given: Given | None = None,
        by_rows: bool = False,
    ) -> "Cache":
        """A cache of `batch` images of shape (C, H, W), all undecided; `by_rows` keeps segments within rows."""
        canvas = torch.zeros(batch, *shape, dtype=torch.long, device=device)
        return cls(canvas, given=given, longest=shape[2] if by_rows else None)

    def segment(self, length: int, members: Tensor | None = None) -> Segment:
        """The next `length` pixels of each image, or of those that `members` (b,) names."""
        if not 1 <= length <= self.longest:
            whole = "an image" if self.longest == self.pixels else "a row"
            raise WrongValueError(f"A segment of {length} pixels; expected 1 ... {self.longest}, as {whole} has.")
        position = self.position if members is None else self.position[members]
        members = self.all if members is None else members
        return Segment(self, members, raster.following(position, length, self.longest, self.pixels))

    def end(self, length: int) -> int:
        """Where the segment of that length ends that is ahead of all others: no query sees beyond it."""
        return min(self.most + length, self.pixels)

    def commit(self, segment: Segment, levels: Tensor, count: Tensor | None = None) -> None:
        """Puts a segment's levels (B, C, 1, n) on the canvas and decides the first `count` (B,) undecided ones.

        By default all of them are decided; the rest are guesses. Pixels decided before stay as they are.
        """
        undecided = segment.undecided()
        segment.put(torch.where(undecided[:, None, None], levels, segment.levels))
        self.position = self.position + (undecided.sum(-1) if count is None else count)
        self._locate()

    def take(self, index: Tensor) -> None:
        """Goes on with the images at `index` (b,), in this order: any of them, each as often as it is named.

        What stays in its place is not moved, so that leaving out a few images costs no more than moving as many.
        """
        count = len(index)
        if count > self.batch:
            self._replace(lambda state: state[index])
        else:
            moved = (index != torch.arange(count, device=index.device)).nonzero()[:, 0]
            origin = index[moved]

            def kept(state: Tensor) -> Tensor:
                state[moved] = state[origin]
                return state[:count]

            self._replace(kept)
        self._locate()

    def pair(self) -> None:
        """Has every image twice, the others after all the first, conditioned as `paired` says."""
        if not self.paired:
            raise WrongValueError("guidance needs a cache for it; expected one of model.start(..., guided=True).")
        self.take(torch.cat([self.all, self.all]))
        self.given = dict(self.paired)

    def once(self, key: Any, compute: Callable[[], Tensor]) -> Tensor:
        """What `compute` gave the first time: for values that stay the same during a walk, for all images."""
        if key not in self.constants:
            self.constants[key] = compute()
        return self.constants[key]

    def buffer(self, layer: nn.Module, name: str, like: Tensor) -> Tensor:
        """A layer's buffer of features like `like` (., D, 1, n): (B, H * W + 1, D), all zero at first."""
        key = (layer, name)
        if key not in self.buffers:
            self.buffers[key] = like.new_zeros(self.batch, self.pixels + 1, like.shape[1])
        return self.buffers[key]

    def stream(self, layer: nn.Module) -> "Cache":
        """The state of a layer that walks over the same canvas row by row."""
        if layer not in self.streams:
            self.streams[layer] = Cache(self.canvas, longest=self.width)
        return self.streams[layer]

    def _replace(self, kept: Callable[[Tensor], Tensor], canvas: Tensor | None = None) -> None:
        """Passes all that there is of each image through `kept`, a canvas that streams share once."""
        self.canvas = kept(self.canvas) if canvas is None else canvas
        self.batch, self.all = len(self.canvas), torch.arange(len(self.canvas), device=self.canvas.device)
        self.position, self.images = kept(self.position.clone()), kept(self.images.clone())
        self.given = {name: kept(value.clone()) for name, value in self.given.items()}
        self.buffers = {key: kept(buffer) for key, buffer in self.buffers.items()}
        for stream in self.streams.values():
            stream._replace(kept, self.canvas)

    def _locate(self) -> None:
        """Notes the least and the most of the positions."""
        self.least, self.most = (int(n) for n in torch.stack(torch.aminmax(self.position)).tolist())
