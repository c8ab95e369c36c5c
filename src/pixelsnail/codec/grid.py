"""Probabilities as whole numbers: what a range coder works with, the same on every machine.

A table of L levels becomes L + 1 counts that rise from 0 to 2 ** 24; level x is coded with the interval from counts[x]
to counts[x + 1]. Counts are multiples of 2 ** (24 - k), where the grid of k bits follows from L alone:

    k = 18 up to 64 levels, 12 bits more than a level has above, 24 at most
    counts[x] = (floor(v[x] + 1/2 + shift) + x) * 2 ** (24 - k),    v[x] = P(level < x) * (2 ** k - L)

so no level has less than 2 ** -k, and a level costs at most L / 2 ** k * log2(e) bits more than its own: 1e-5 for bits,
4e-4 from 64 levels on.

Two machines compute v with errors of their own. Both round it alike unless v + 1/2 + shift lies next to a whole number
(a *tie*). Only two values of a table matter, those beside the level that is coded: if they are right and the others
rise, a decoder finds the same level. An encoder that sees a tie there takes another shift, and lists it; of three
shifts a quarter apart one is always safe, since each of the two values can be next to a tie for one of them only.
"""

from typing import Any

import numpy as np

from pixelsnail.errors import StoppedError

Array = np.ndarray[Any, Any]

PRECISION = 24
"""Bits of a count: constriction's."""
MOST_LEVELS = 2**20
"""Of more the grid would leave no room."""
SHIFTS = np.array([0.0, 0.25, 0.5])
"""The usual one, and those that the list names by their places here."""
LARGEST_BOUND = 1 / 16
"""Of the error of v: beyond it the ties of two shifts would meet."""


def bits(levels: int) -> int:
    """k, the bits of the grid of tables of so many levels."""
    return min(PRECISION, max(18, 12 + (levels - 1).bit_length()))


def scaled(probabilities: Array) -> Array:
    """v at the upper edge of each level: (n, L) float64, rising along each row, from probabilities (n, L).

    Raises RuntimeError where the model gives none.
    """
    levels = probabilities.shape[1]
    cumulative = np.cumsum(probabilities, axis=1, dtype=np.float64)
    total = cumulative[:, -1:]
    if not (np.isfinite(total).all() and (total > 0).all()):
        raise StoppedError(
            "The model gives no probabilities (NaN or infinity) for these images; nothing can be coded with it."
        )
    return np.asarray(cumulative * ((2 ** bits(levels) - levels) / total))


def counts(scaled: Array, shift: Array | float = 0.0) -> Array:
    """(n, L + 1) int64 from v (n, L), with a shift for each row."""
    n, levels = scaled.shape
    k = bits(levels)
    shift = np.broadcast_to(np.asarray(shift, dtype=np.float64), (n,))[:, None]
    found = np.empty((n, levels + 1), dtype=np.int64)
    found[:, 0] = 0
    found[:, 1:] = np.minimum(np.floor(scaled + (shift + 0.5)), 2**k - levels)
    found[:, -1] = 2**k - levels
    return (found + np.arange(levels + 1)) << (PRECISION - k)


def beside(scaled: Array, levels: Array) -> Array:
    """v at the lower and the upper edge of the levels (n,): (n, 2). The ends of a table have no error: 1/8 stands for
    them, which no shift takes to a tie."""
    rows, last = np.arange(len(levels)), scaled.shape[1] - 1
    lower = np.where(levels > 0, scaled[rows, np.maximum(levels - 1, 0)], 0.125)
    upper = np.where(levels < last, scaled[rows, levels], 0.125)
    return np.stack([lower, upper], axis=1)


def safe_shifts(edges: Array, bound: float) -> Array:
    """The place in SHIFTS that codes each row without a tie within `bound`: (n,), from `beside` (n, 2)."""
    moved = edges[:, :, None] + (SHIFTS + 0.5)  # (n, 2, 3)
    safe = (np.abs(moved - np.round(moved)) > bound).all(1)
    return safe.argmax(1)
