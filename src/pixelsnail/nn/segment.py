"""One call's view of a walk: what the layers see of the pixels that are evaluated together."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, cast

import torch
from torch import Tensor, nn

from pixelsnail.nn import raster
from pixelsnail.nn.layout import channels_first, channels_last
from pixelsnail.nn.raster import Offsets

if TYPE_CHECKING:
    from pixelsnail.nn.cache import Cache

Context = Tensor | Mapping[str, Tensor]
"""What images are conditioned on, as a user gives it: the batch first; by name where it is several things."""
Given = Mapping[str, Tensor]
"""What images are conditioned on, as layers read it: each tensor has the batch first."""
Arguments = ParamSpec("Arguments")
Asked = tuple[Any, ...]
"""What was asked of a segment: the method, without its wrapper, and its arguments."""


def once(
    compute: Callable[Concatenate["Segment", Arguments], Tensor],
) -> Callable[Concatenate["Segment", Arguments], Tensor]:
    """A method whose result a segment computes when it is first asked for, and keeps."""

    @wraps(compute)
    def asked(self: "Segment", *arguments: Any) -> Tensor:
        key, answers = (compute, *arguments), self.answers
        if key not in answers:
            answers[key] = cast(Any, compute)(self, *arguments)
        return answers[key]

    return cast(Any, asked)


class RowStream(Protocol):
    """A layer that runs on whole rows, when images begin them (`Above`)."""

    def at(self, segment: "Segment") -> Tensor:
        """Its features at a segment: (B, D, 1, n)."""
        ...


class Segment:
    """n pixels of each image that follow each other in raster order, over the ends of rows too.

    `members` (B,) says which images of the cache it is about, `positions` (B, n) which of their pixels; features of a
    segment are (B, D, 1, n). Made by `Cache.segment`, for one call: the next call has a new one. Near the end of an
    image a segment begins with pixels that are decided already, so that it has its length.
    """

    def __init__(self, cache: "Cache", members: Tensor, positions: Tensor) -> None:
        self.cache, self.members, self.positions = cache, members, positions
        self.batch, self.length = positions.shape
        self.answers: dict[Asked, Tensor] = {}
        """What was computed so far, by what was asked."""

    # Levels

    @property
    def levels(self) -> Tensor:
        """What the canvas holds here: (B, C, 1, n), int64."""
        return self._canvas_at(self.positions).transpose(1, 2).contiguous()[:, :, None]

    def put(self, x: Tensor) -> None:
        """Writes levels (B, C, 1, n) on the canvas, from which layers read: guesses, or what is known."""
        flat, levels = self.cache.canvas.flatten(2), x.flatten(2).to(self.cache.canvas.dtype)
        if self.members is self.cache.all:
            flat.scatter_(2, self.positions[:, None].expand(-1, flat.shape[1], -1), levels)
        else:
            channels = torch.arange(flat.shape[1], device=flat.device)[:, None]
            flat[self.members[:, None, None], channels, self.positions[:, None]] = levels

    @property
    def images(self) -> Tensor:
        """Which images of the batch that the walk began with these are: (B,)."""
        images = self.cache.images
        return images if self.members is self.cache.all else images[self.members]

    def pixels_at(self, offsets: Offsets) -> tuple[Tensor, Tensor]:
        """The levels at `offsets` from each pixel, (B, n, offsets, C), and where that is inside, (B, n, offsets, 1)."""
        return self._canvas_at(self._neighbours(offsets)), self.inside(offsets)[..., None]

    def pixel_before(self) -> tuple[Tensor, Tensor]:
        """The levels of the raster-previous pixels, (B, n, C), and where there is one, (B, n, 1)."""
        return self._canvas_at(self._previous()), (self.positions > 0)[..., None]

    # Features that layers keep

    def store(self, layer: nn.Module, name: str, h: Tensor) -> Tensor:
        """Writes features (B, D, 1, n); returns the layer's buffer of all images (B', H * W + 1, D), zero at the end.

        What lies beyond the decided pixels is provisional: the next call overwrites it.
        """
        data = self.cache.buffer(layer, name, h)
        data.view(-1, h.shape[1]).index_copy_(0, self.places(), channels_last(h).flatten(0, 2))
        return data

    def around(self, layer: nn.Module, h: Tensor, offsets: Offsets, node: int = 1, behind: int = 0) -> Tensor:
        """Stores features and returns those at `offsets` from each: (B, D, 1, n) -> (B * n, offsets * D).

        Zero outside of the image. For `node` and `behind` see `raster.neighbours`: features of a lower resolution lie
        at every pixel of their node, features that are behind by one lie at the pixel after theirs (`Behind`).
        """
        data = self.store(layer, "features", h)
        seen = data.view(-1, h.shape[1]).index_select(0, self.places_around(offsets, node, behind))
        return seen.view(-1, len(offsets) * h.shape[1])

    def recall(self, layer: nn.Module, name: str, offsets: Offsets, like: Tensor) -> Tensor:
        """What was stored at `offsets` from the pixels, as features like (B, D, 1, n): (B, n, offsets, D).

        Zero outside of the image. For what a layer stores only after it has read.
        """
        data = self.cache.buffer(layer, name, like)
        seen = data.view(-1, data.shape[-1]).index_select(0, self.places_around(offsets, 1, 0))
        return seen.view(self.batch, self.length, len(offsets), data.shape[-1])

    def before(self, layer: nn.Module, h: Tensor) -> Tensor:
        """Stores features (B, D, 1, n) and returns those of the raster-previous pixels: zero at t = 0."""
        data = self.store(layer, "features", h)
        seen = data.view(-1, h.shape[1]).index_select(0, self.places_before())
        return channels_first(seen.view(self.batch, 1, self.length, -1))

    def place(self, whole: Tensor, ratio: int = 1) -> Tensor:
        """A map of whole images (1 or B, D, H / ratio, W / ratio), the segment's in order, there: (B, D, 1, n)."""
        flat, positions = channels_last(whole).flatten(1, 2), self.coarse(ratio)
        if flat.shape[0] == 1:
            return flat[0, positions].transpose(1, 2)[:, :, None]
        index = positions[:, :, None].expand(-1, -1, flat.shape[2])
        return flat.gather(1, index).transpose(1, 2)[:, :, None]

    # What follows from the positions: computed once, shared by all layers

    @once
    def undecided(self) -> Tensor:
        """Which pixels are not decided yet: (B, n)."""
        position = self.cache.position
        return self.positions >= (position if self.members is self.cache.all else position[self.members])[:, None]

    @once
    def places(self) -> Tensor:
        """The segment's places in the buffers of all images, one after another: (B * n,)."""
        return self._of_all(self.positions).flatten()

    @once
    def places_around(self, offsets: Offsets, node: int, behind: int) -> Tensor:
        """The places at `offsets` from each pixel: (B * n * offsets,)."""
        return self._of_all(self._neighbours(offsets, node, behind)).flatten()

    @once
    def places_before(self) -> Tensor:
        """The places of the raster-previous pixels: (B * n,)."""
        return self._of_all(self._previous()).flatten()

    @once
    def inside(self, offsets: Offsets) -> Tensor:
        """Whether there is a pixel at `offsets` from each of the segment's: (B, n, offsets)."""
        return self._neighbours(offsets) < self.cache.pixels

    @once
    def quarter(self, node: int) -> Tensor:
        """Which quarter of the square around it a square of `node` pixels' width is: 0 ... 3, (B * n,)."""
        cache = self.cache
        table = cache.once(
            ("quarters", node), lambda: raster.quarters(cache.height, cache.width, node, cache.canvas.device)
        )
        return table[self.positions].flatten()

    @once
    def coarse(self, ratio: int) -> Tensor:
        """The pixels' positions on a map of 1 / ratio of the height and width: (B, n)."""
        if ratio == 1:
            return self.positions
        cache = self.cache
        table = cache.once(
            ("coarse", ratio), lambda: raster.coarse(cache.height, cache.width, ratio, cache.canvas.device)
        )
        return table[self.positions]

    @once
    def visible(self, dtype: torch.dtype, first: int) -> Tensor:
        """What the queries see of entries 0 ... E - 1, as a term of the scores: (B, n, E), 0 or minus infinity.

        The query of pixel t sees entries `first` ... t; with `first` 1, that of pixel 0 sees entry 0, whose value is
        zero. E is the end of the segment that is ahead.
        """
        t = self.positions[..., None]
        entry = torch.arange(self.cache.end(self.length), device=t.device)
        seen = (entry <= t) & ((entry >= first) | (t < first))
        return torch.where(seen, 0.0, float("-inf")).to(dtype)

    @once
    def later(self, dtype: torch.dtype, first: int) -> Tensor:
        """0 at the image's `first` pixels and 1 at the others: (B, 1, 1, n)."""
        return (self.positions >= first).to(dtype)[:, None, None]

    @once
    def ahead(self, stream: "RowStream") -> Tensor:
        """What a stream that runs on whole rows gives here: (B, D, 1, n). See `Above`."""
        return stream.at(self)

    def _neighbours(self, offsets: Offsets, node: int = 1, behind: int = 0) -> Tensor:
        cache = self.cache
        table = cache.once(
            (offsets, node, behind),
            lambda: raster.neighbours(cache.height, cache.width, offsets, node, behind, cache.canvas.device),
        )
        return table[self.positions]

    def _previous(self) -> Tensor:
        cache = self.cache
        table = cache.once("previous", lambda: raster.previous(cache.height, cache.width, cache.canvas.device))
        return table[self.positions]

    def _of_all(self, positions: Tensor) -> Tensor:
        """Positions (B, ...) as places in the buffers of all images, one after another."""
        return positions + (self.members * (self.cache.pixels + 1)).view(-1, *[1] * (positions.dim() - 1))

    def _canvas_at(self, positions: Tensor) -> Tensor:
        """Levels at positions (B, ...): (B, ..., C); any level where a position is outside."""
        cache = self.cache
        levels = channels_last(cache.canvas).reshape(-1, cache.channels)
        base = (self.members * cache.pixels).view(-1, *[1] * (positions.dim() - 1))
        return levels[positions.clamp(max=cache.pixels - 1) + base]
