"""The source of a walk that encodes or decodes: each image has a pen, which says what its levels are.

An encoder's pens know the levels and write them, a decoder's read them. All else is the same code, so that both make
the very same calls in the same order: what a walk evaluates depends on decided levels alone, and the guesses beyond
those, the likeliest levels, on what was evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pixelsnail.codec import grid
from pixelsnail.codec.range_coder import Reader, Writer, until_wrong, weights
from pixelsnail.distributions import Head, PixelDistribution
from pixelsnail.nn import Cache, Segment

Array = grid.Array
Shifts = Mapping[int, int]
"""Symbol t * C + c of an image -> the place in SHIFTS of its table's shift, where it is not 0."""


class Pen(Protocol):
    """Says what the levels of an image are, in order."""

    def code(self, first: int, weights: Array, guesses: Array) -> Array:
        """The levels (m, C) of the next pixels up to the first that is not as guessed: 1 <= m <= n.

        From symbol `first` (t * C + c) on; their tables (n, C, L) are right where the guesses (n, C) before are.
        """
        ...


@dataclass(frozen=True)
class Telling:
    """Knows the levels (H * W * C,) of an image, in the order of symbols."""

    levels: Array

    def code(self, first: int, weights: Array, guesses: Array) -> Array:
        """What it knows."""
        known = self.levels[first : first + guesses.size].reshape(guesses.shape)
        return known[: until_wrong(known, guesses)]


@dataclass(frozen=True)
class Writing(Telling):
    """Knows the levels and writes them."""

    writer: Writer

    def code(self, first: int, weights: Array, guesses: Array) -> Array:
        """What it knows, written."""
        known = super().code(first, weights, guesses)
        self.writer.write(known.reshape(-1), weights[: len(known)].reshape(-1, weights.shape[-1]))
        return known


@dataclass(frozen=True)
class Reading:
    """Reads the levels."""

    reader: Reader

    def code(self, first: int, weights: Array, guesses: Array) -> Array:
        """What is written. Raises ValueError for a damaged stream."""
        return self.reader.read(weights, guesses)


@dataclass(frozen=True)
class Coding:
    """The source: a pen for each image, and the shifts that an encoder listed of each."""

    pens: Sequence[Pen]
    listed: Sequence[Shifts] = ()

    def start(self, head: Head, cache: Cache) -> "Coder":
        """Codes nothing yet."""
        return Coder(self.pens, self.listed, head.joint and cache.channels > 1, torch.zeros_like(cache.canvas))


@dataclass(frozen=True)
class Coder:
    """A `Coding` at work."""

    pens: Sequence[Pen]
    listed: Sequence[Shifts]
    joint: bool
    levels: Tensor
    decided: int = 0

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """The level above."""
        return above

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """What the pens say, and the likeliest levels beyond."""
        left = segment.undecided().sum(-1)
        images, first = segment.images.tolist(), (segment.positions[:, -1] + 1 - left).tolist()
        work = list(zip(images, first, left.tolist(), strict=True))
        code = self._channel_by_channel if self.joint else self._at_once
        levels, stand = code(work, segment, distribution, guesses[:, :, 0].transpose(1, 2).cpu().numpy())
        found = torch.from_numpy(levels).transpose(1, 2)[:, :, None].to(guesses)
        return found, torch.tensor(stand, device=left.device)

    def _at_once(
        self, work: list[tuple[int, int, int]], segment: Segment, distribution: PixelDistribution, guesses: Array
    ) -> tuple[Array, list[int]]:
        """Independent channels: all tables of a segment, then as many pixels of each image as were guessed."""
        n, channels = guesses.shape[1:]
        tables = [distribution.table(c, _before(guesses, c)) for c in range(channels)]
        probabilities = torch.stack(tables, dim=-2)[:, 0].double().cpu().numpy()  # (b, n, C, L)
        levels, stand = probabilities.argmax(-1), []
        places = segment.positions.cpu().numpy()[:, :, None] * channels + np.arange(channels)
        rows = self._weights(probabilities.reshape(-1, probabilities.shape[-1]), work, places.reshape(len(work), -1))
        rows = rows.reshape(probabilities.shape)
        for row, (image, first, left) in enumerate(work):
            stand.append(0)
            if left:
                found = self.pens[image].code(first * channels, rows[row, n - left :], guesses[row, n - left :])
                levels[row, n - left : n - left + len(found)] = found
                stand[row] = len(found)
        return levels, stand

    def _channel_by_channel(
        self, work: list[tuple[int, int, int]], segment: Segment, distribution: PixelDistribution, guesses: Array
    ) -> tuple[Array, list[int]]:
        """Coupled channels, of one pixel an image: the table of each depends on the levels of those before it."""
        assert segment.length == 1
        levels = guesses.copy()  # those of images that are finished stay
        channels = levels.shape[-1]
        positions = segment.positions.cpu().numpy()
        for c in range(channels):
            probabilities = distribution.table(c, _before(levels, c, segment.positions.device))[:, 0, 0]
            rows = self._weights(probabilities.double().cpu().numpy(), work, positions * channels + c)
            for row, (image, first, left) in enumerate(work):
                if left:
                    none = levels[row, :, c : c + 1]  # of one pixel no guess is asked
                    levels[row, :, c] = self.pens[image].code(first * channels + c, rows[row][None, None], none)[0]
        return levels, [left for _, _, left in work]

    def _weights(self, probabilities: Array, work: list[tuple[int, int, int]], places: Array) -> Array:
        """Tables (b * n, L) for the range coder; `places` (b, n) are the symbols of each image."""
        shifts: Array | float = 0.0
        if any(self.listed[image] for image, _, _ in work) if self.listed else False:
            of = [
                [self.listed[image].get(t, 0) for t in row]
                for (image, _, _), row in zip(work, places.tolist(), strict=True)
            ]
            shifts = grid.SHIFTS[np.array(of).reshape(-1)]
        return weights(grid.counts(grid.scaled(probabilities), shifts))


def _before(levels: Array, channel: int, device: torch.device | None = None) -> Tensor | None:
    """The channels before one, as `PixelDistribution.table` takes them: (b, 1, n, channel)."""
    return torch.from_numpy(levels[:, None, :, :channel]).to(device) if channel else None
