"""Moves of completions that leave p(unknown | known) as it is: blocks of pixels drawn anew, and taken or refused.

A move draws a block of unknown pixels of an image x again, each from its distribution given all before it, and keeps
all others. The proposal x' differs from x in the block alone, and is made with probability

    q(x' | x) = prod over t in the block of p(x'_t | x'_<t)

By the chain rule p(x) has the same factors, and those of all other pixels. In the ratio of Metropolis and Hastings
(1970) those of the block cancel, and those of the pixels before it, which are the same:

    p(x') q(x | x')
    --------------- = prod over t after the first of the block, not in it, of p(x'_t | x'_<t) / p(x_t | x_<t)
    p(x) q(x' | x)

x' is taken with this probability, or always where it is above 1. The product has known and unknown pixels alike, so
that a move is reversible for p(unknown | known): a draw from it stays one, whatever the blocks, as long as they are
chosen without a look at x. Where every level has some probability, any completion is reached from any other, and the
distribution of an image converges to p(unknown | known) from anywhere (Tierney 1994). Applied to particles after they
are resampled, this is resample-move (Gilks & Berzuini 2001): copies of one particle go ways of their own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pixelsnail.distributions import Head, PixelDistribution
from pixelsnail.engine import Engine, Rule, noise
from pixelsnail.engine.sources import Drawing, standing
from pixelsnail.models.condition import of_images
from pixelsnail.nn import Cache, Context, Segment

if TYPE_CHECKING:
    import numpy as np

    from pixelsnail.models.model import Model

SIDES = (3, 5, 9)
"""Heights and widths of a block. Of digits one proposal of 9 x 9 pixels in ten is taken, one of 3 x 3 in three."""


@dataclass(frozen=True)
class Redraw:
    """Draws a `block` (H, W) of levels x (B, C, H, W) anew, by the noise of each image's key: a source at work."""

    x: Tensor
    block: Tensor
    keys: "list[np.ndarray[Any, Any]]"
    drawing: Drawing | None = None

    def start(self, head: Head, cache: Cache) -> "Redraw":
        """Ready to draw."""
        return Redraw(self.x, self.block, self.keys, Drawing(self.keys, head, self.x))

    @property
    def levels(self) -> Tensor:
        """What the images are before the move."""
        return self.x

    @property
    def decided(self) -> int:
        """The pixels before the block."""
        return int(self.block.flatten().nonzero()[0])

    @property
    def end(self) -> int:
        """The first pixel after the block."""
        return int(self.block.flatten().nonzero()[-1]) + 1

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """What the images were."""
        return segment.levels

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """A block's pixels drawn, all others as they were."""
        assert self.drawing is not None
        drawn, _ = self.drawing.decide(segment, distribution, guesses)
        own = self.x.flatten(2)[segment.images[:, None], :, segment.positions].transpose(1, 2)[:, :, None]
        levels = torch.where(self.block.flatten()[segment.positions][:, None, None], drawn, own)
        return levels, standing(levels, guesses, segment)


def refined(
    model: "Model",
    engine: Engine,
    x: Tensor,
    known: Tensor,
    sweeps: int,
    *,
    seed: int,
    image: int,
    context: Context | None,
    batch: int,
    told: Callable[[float], None],
) -> tuple[Tensor, float]:
    """Completions x (N, C, H, W) of one image with these known pixels (H, W), after `sweeps` of moves.

    A sweep has as many moves as it takes to propose as many pixels as are unknown. All completions move in the same
    blocks, each by its own noise, a function of (seed, image, completion, move). Also returns how many moves changed a
    completion, on average. `told` hears of the share that is done.
    """
    x, nats, taken = x.clone(), _nats(model, x, context, batch), 0
    every = list(_blocks(known.to(x.device), sweeps, seed, image))
    for move, block in enumerate(every, 1):
        told(move / len(every))
        keys = [noise.key(seed, image, particle, move) for particle in range(len(x))]
        source = Redraw(x, block, keys)
        proposed = engine.decide(source, len(x), 0, context, Rule(), None, source.end)
        proposed = torch.where(block, proposed, x)
        changed = (proposed != x).flatten(1).any(1).nonzero()[:, 0]
        if not len(changed):
            continue
        after = _nats(model, proposed[changed], of_images(context, changed, x.device), batch)
        ratio = ((nats[changed] - after) * ~block).sum((1, 2))
        one = noise.uniforms(keys, [block.numel()] * len(x), 1, model.head.noise_size)[:, 0, 0].to(x.device)
        accepted = one[changed].log() < ratio
        places = changed[accepted]
        x[places], nats[places] = proposed[places], after[accepted]
        taken += len(places)
    return x, taken / len(x)


def _blocks(known: Tensor, sweeps: int, seed: int, image: int) -> Iterator[Tensor]:
    """The blocks (H, W) of unknown pixels of some sweeps: those in a rectangle around one of them, at random."""
    random, unknown = noise.generator(seed, image), ~known
    places = unknown.nonzero().tolist()
    for _ in range(sweeps):
        proposed = 0
        while proposed < len(places):
            row, column = places[random.integers(len(places))]
            height, width = random.choice(SIDES, 2).tolist()
            top, left = row - int(random.integers(height)), column - int(random.integers(width))
            block = torch.zeros_like(unknown)
            block[max(top, 0) : top + height, max(left, 0) : left + width] = True
            block &= unknown
            proposed += int(block.sum())
            yield block


def _nats(model: "Model", x: Tensor, context: Context | None, batch: int) -> Tensor:
    """-log p of every pixel (N, H, W), float64, of `batch` images at a time."""
    parts = [
        model.pixel_nats(x[first : first + batch], of_images(context, slice(first, first + batch), x.device))
        for first in range(0, len(x), batch)
    ]
    return torch.cat(parts).double()
