"""Sources: who decides each pixel of a walk.

A source is what a user asks for (`Draw(seed=0)`); `start` makes it ready for one batch of images (`Decisions`).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pixelsnail.distributions import Head, PixelDistribution
from pixelsnail.engine import noise
from pixelsnail.nn import Cache, Segment


class Decisions(Protocol):
    """A source at work on one batch of images."""

    @property
    def levels(self) -> Tensor:
        """What the canvas holds first, (B, C, H, W): right at the first `decided` pixels, any guesses beyond."""
        ...

    @property
    def decided(self) -> int:
        """The number of first pixels that are decided before the walk begins."""
        ...

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """Guesses (b, C, 1, n) at pixels that were never evaluated, from the levels `above` them (0 in the first row).

        Good guesses make a walk faster and never change its result.
        """
        ...

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """Levels (b, C, 1, n) of a segment, and how many of its undecided pixels stand, (b,), at least one.

        `distribution`, of batch (b, 1, n), was computed from the canvas, which holds `guesses` in the segment: that of
        a pixel is right where all guesses before it are. Which images of the batch the segment is about is
        `segment.images`.
        """
        ...


class Source(Protocol):
    """Decides each pixel, from its distribution or from what it knows."""

    def start(self, head: Head, cache: Cache) -> Decisions:
        """Makes ready for the images of a cache, of which none is decided."""
        ...


def standing(levels: Tensor, guesses: Tensor, segment: Segment) -> Tensor:
    """How many undecided pixels of each image stand: up to the first that was not guessed, that one included, (b,).

    Pixels that were decided before are right: a segment near the end of an image begins with them.
    """
    undecided = segment.undecided()
    right = (levels == guesses).all(1)[:, 0] | ~undecided
    stand = (right.long().cumprod(-1).sum(-1) + 1).clamp(max=segment.length)
    return stand - (~undecided).sum(-1)


@dataclass(frozen=True)
class Draw:
    """Ancestral sampling. The noise of a pixel is a function of (seed, image, t) alone, drawn on the CPU: neither batch
    nor chunk nor device changes an image. Images are numbered first, first + 1, ..., or as `images` says."""

    seed: int = 0
    first: int = 0
    images: tuple[int, ...] | None = None

    def start(self, head: Head, cache: Cache) -> "Drawing":
        """Draws nothing yet."""
        images = self.images or range(self.first, self.first + cache.batch)
        keys = [noise.key(self.seed, image) for image in images]
        return Drawing(keys, head, torch.zeros_like(cache.canvas))


@dataclass(frozen=True)
class Drawing:
    """A `Draw` at work, with the key of each image's noise."""

    keys: list["np.ndarray[Any, Any]"]
    head: Head
    levels: Tensor
    decided: int = 0

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """The level above: in most images the likeliest that costs nothing to find."""
        return above

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """What the noise of these pixels makes of their distributions."""
        levels = distribution.draw(self.noise(segment)[:, None]).permute(0, 3, 1, 2)
        return levels, standing(levels, guesses, segment)

    def noise(self, segment: Segment) -> Tensor:
        """What decides a segment's pixels: (b, n, head.noise_size), float32; computed in float64, for its tails."""
        keys = [self.keys[i] for i in segment.images.tolist()]
        first = segment.positions[:, 0].tolist()
        uniforms = noise.uniforms(keys, first, segment.length, self.head.noise_size)
        return self.head.noise(uniforms).float().to(self.levels.device)


@dataclass(frozen=True)
class Known:
    """Keeps the levels of x (B, C, H, W) where `known` is true (B, 1 or C, H, W); asks `otherwise` for the rest."""

    x: Tensor
    known: Tensor
    otherwise: Source

    def start(self, head: Head, cache: Cache) -> "Keeping":
        """Counts the first pixels that are known in every image: the walk need not decide them one by one."""
        known = self.known.to(cache.canvas.device).expand(cache.canvas.shape)
        rest = self.otherwise.start(head, cache)
        levels = torch.where(known, self.x.to(cache.canvas.device), rest.levels)
        whole = known.all(0).all(0).flatten()
        return Keeping(known, levels, rest, decided=int(whole.long().cumprod(0).sum()))


@dataclass(frozen=True)
class Keeping:
    """A `Known` at work."""

    known: Tensor
    levels: Tensor
    otherwise: Decisions
    decided: int

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """The known levels, and the other source's guesses elsewhere."""
        return self._keep(segment, self.otherwise.guess(segment, above))

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """The known levels, and the other source's elsewhere."""
        levels = self._keep(segment, self.otherwise.decide(segment, distribution, guesses)[0])
        return levels, standing(levels, guesses, segment)

    def _keep(self, segment: Segment, otherwise: Tensor) -> Tensor:
        images = segment.images
        places = images[:, None], slice(None), segment.positions  # (b, n, C)
        known, levels = (h.flatten(2)[places].transpose(1, 2)[:, :, None] for h in (self.known, self.levels))
        return torch.where(known, levels, otherwise)
