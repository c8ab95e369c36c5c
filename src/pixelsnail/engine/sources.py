"""Sources: who decides each pixel of a walk.

A source is what a user asks for (`Draw(seed=0)`); `start` makes it ready for one batch of images (`Decisions`).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pixelsnail.distributions import Head, PixelDistribution

Size = tuple[int, int, int]


class Decisions(Protocol):
    """A source at work on one batch of images."""

    @property
    def guess(self) -> Tensor:
        """Levels (B, C, H * W) of the pixels that are `given`; the others may hold any level."""
        ...

    @property
    def given(self) -> int:
        """The number of first pixels that are decided before the walk begins: their levels are those of `guess`."""
        ...

    def first_guess(self, images: Tensor, positions: Tensor, above: Tensor) -> Tensor:
        """Guesses (b, C, 1, n) at pixels that were never evaluated, from the levels `above` them (0 in the first row).

        Good guesses make a walk faster and never change its result.
        """
        ...

    def decide(self, images: Tensor, positions: Tensor, distribution: PixelDistribution) -> Tensor:
        """The levels (b, C, 1, n) of some pixels of some images of the batch.

        `images` (b,) are numbers of images, `positions` (b, n) raster positions; `distribution` has batch (b, 1, n).
        """
        ...


class Source(Protocol):
    """Decides each pixel, from its distribution or from what it knows."""

    def start(self, head: Head, batch: int, shape: Size, device: torch.device) -> Decisions:
        """Makes ready for `batch` images of shape (C, H, W)."""
        ...


@dataclass(frozen=True)
class Draw:
    """Ancestral sampling. The noise of image i is a function of (seed, first + i) alone, drawn on the CPU: neither
    batch nor chunk nor device changes an image."""

    seed: int = 0
    first: int = 0

    def start(self, head: Head, batch: int, shape: Size, device: torch.device) -> "Drawing":
        """Draws all random numbers of the batch: (B, H * W, head.noise_size)."""
        pixels, size = shape[1] * shape[2], head.noise_size
        noise = torch.empty(batch, pixels, size)
        for i in range(batch):
            uniforms = np.random.default_rng([self.seed, self.first + i]).random((pixels, size))
            noise[i] = head.noise(torch.from_numpy(uniforms))  # computed in float64, for its tails; kept in float32
        return Drawing(noise.to(device), torch.zeros(batch, shape[0], pixels, dtype=torch.long, device=device))


@dataclass(frozen=True)
class Drawing:
    """A `Draw` at work: noise (B, H * W, head.noise_size)."""

    noise: Tensor
    guess: Tensor
    given: int = 0

    def first_guess(self, images: Tensor, positions: Tensor, above: Tensor) -> Tensor:
        """The level above: in most images the likeliest that costs nothing to find."""
        return above

    def decide(self, images: Tensor, positions: Tensor, distribution: PixelDistribution) -> Tensor:
        """What the noise of these pixels makes of their distributions."""
        return distribution.draw(self.noise[images[:, None], positions][:, None]).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Known:
    """Keeps the levels of x (B, C, H, W) where `known` is true (B, 1 or C, H, W); asks `otherwise` for the rest."""

    x: Tensor
    known: Tensor
    otherwise: Source

    def start(self, head: Head, batch: int, shape: Size, device: torch.device) -> "Keeping":
        """Counts the first pixels that are known in every image: the walk need not decide them one by one."""
        known = self.known.to(device).expand(batch, *shape).flatten(2)
        rest = self.otherwise.start(head, batch, shape, device)
        x = torch.where(known, self.x.to(device).flatten(2), rest.guess)
        whole = known.all(0).all(0)
        return Keeping(known, x, rest, given=int(whole.long().cumprod(0).sum()))


@dataclass(frozen=True)
class Keeping:
    """A `Known` at work."""

    known: Tensor
    guess: Tensor
    otherwise: Decisions
    given: int

    def first_guess(self, images: Tensor, positions: Tensor, above: Tensor) -> Tensor:
        """The known levels, and the other source's guesses elsewhere."""
        return self._keep(images, positions, self.otherwise.first_guess(images, positions, above))

    def decide(self, images: Tensor, positions: Tensor, distribution: PixelDistribution) -> Tensor:
        """The known levels, and the other source's elsewhere."""
        return self._keep(images, positions, self.otherwise.decide(images, positions, distribution))

    def _keep(self, images: Tensor, positions: Tensor, otherwise: Tensor) -> Tensor:
        places = images[:, None], slice(None), positions  # (b, n, C)
        known, levels = (h[places].transpose(1, 2)[:, :, None] for h in (self.known, self.guess))
        return torch.where(known, levels, otherwise)
