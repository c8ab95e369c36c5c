"""The range coder of `constriction` (Bamler 2022, arXiv 2201.01741), with streams cut to the last byte that they need.

constriction scales a row of floats to counts that sum to 2 ** 24, none of them 0: level x gets

    floor(sum of the floats before x * (2 ** 24 - L) / sum of all) + x

Rows of whole numbers that sum to 2 ** 24 - L pass through that unchanged, as sums below 2 ** 53 are exact. So the
tables are ours, and the same on every machine.

A stream is a number in [0, 1), its bytes the digits, the first the highest. Any number of the interval that the levels
lead to decodes to them. constriction gives one of whole 32-bit words; here the shortest is taken that has at least as
many bits as the interval, so that a stream is never longer than that by more than 8 bits, and never shorter. A decoder
that needs more bits than there are therefore knows that the stream is damaged.
"""

from types import ModuleType
from typing import Any

import numpy as np

from pixelsnail.codec.grid import PRECISION, Array
from pixelsnail.errors import MissingPackageError, WrongValueError

WORD, STATE = 32, 64
"""Bits of a word of constriction's streams, and of its state."""


def constriction() -> ModuleType:
    """constriction's `stream`. Raises ModuleNotFoundError that names the extra."""
    try:
        from constriction import stream
    except ImportError:
        raise MissingPackageError(
            "Compressing needs constriction, which is not installed; pip install 'pixelsnail[codec]'."
        ) from None
    return stream


def weights(counts: Array) -> Array:
    """What constriction takes: (n, L) float64 from counts (n, L + 1)."""
    return np.asarray(np.diff(counts, axis=1) - 1, dtype=np.float64)


class Writer:
    """Encodes levels one after another."""

    def __init__(self, coder: Any = None) -> None:
        stream = constriction()
        self.coder = stream.queue.RangeEncoder() if coder is None else coder
        self.tables, self.uniform = stream.model.Categorical(perfect=False), stream.model.Uniform
        self.bits = 0.0
        """What was written since it was made."""

    def trial(self) -> "Writer":
        """One that goes on from here, and leaves this one as it is."""
        return Writer(self.coder.clone())

    def write(self, levels: Array, weights: Array) -> None:
        """Appends levels (n,), each with its table (n, L)."""
        levels = np.ascontiguousarray(levels, dtype=np.int32)
        self.coder.encode(levels, self.tables, np.ascontiguousarray(weights))
        self.bits += information(levels, weights)

    def settle(self, trial: "Writer", levels: Array, size: int) -> bool:
        """Takes what a trial wrote of an image, or, where that is more, its levels (n,) in [0, size) as equally likely.

        Returns whether it is the latter.
        """
        if trial.bits <= len(levels) * np.log2(size):
            self.coder = trial.coder
            return False
        self.coder.encode(np.ascontiguousarray(levels, dtype=np.int32), self.uniform(size))
        return True

    def finish(self) -> bytes:
        """The stream: the fewest bytes that are no fewer than the levels' information."""
        return shortest(self.coder)


class Reader:
    """Decodes what a `Writer` wrote."""

    def __init__(self, data: bytes) -> None:
        stream = constriction()
        self.coder = stream.queue.RangeDecoder(words(data))
        self.tables, self.uniform = stream.model.Categorical(perfect=False), stream.model.Uniform
        self.left = 8.0 * len(data) + 0.01
        """Bits that are not spent; a sum of logarithms may err by less than a hundredth."""

    def read(self, weights: Array, guesses: Array) -> Array:
        """The levels (m, C) of the next pixels up to the first that is not as guessed: 1 <= m <= n.

        Their tables (n, C, L) are right where the guesses (n, C) before are. Raises ValueError for a damaged stream.
        """
        n, channels, levels = weights.shape
        if n == 1:
            return self._read(weights[0])[None]
        ahead = self.coder.clone()
        try:
            found = ahead.decode(self.tables, np.ascontiguousarray(weights.reshape(-1, levels))).reshape(n, channels)
        except AssertionError:  # with wrong tables from some pixel on: then one after another
            return self._one_by_one(weights, guesses)
        count = until_wrong(found, guesses)
        if count == n:
            self.coder = ahead
            self._spend(weights.reshape(-1, levels), found.reshape(-1))
            return np.asarray(found)
        return self._read(weights[:count].reshape(-1, levels)).reshape(count, channels)

    def _one_by_one(self, weights: Array, guesses: Array) -> Array:
        found: list[Array] = []
        for row, guess in zip(weights, guesses, strict=True):
            found.append(self._read(row))
            if (found[-1] != guess).any():
                break
        return np.stack(found)

    def _read(self, weights: Array) -> Array:
        try:
            found = self.coder.decode(self.tables, np.ascontiguousarray(weights))
        except AssertionError:
            raise damaged() from None
        self._spend(weights, found)
        return np.asarray(found)

    def read_uniform(self, count: int, size: int) -> Array:
        """The next `count` levels in [0, size), each as likely. Raises ValueError before too many take memory."""
        self._leave(count * float(np.log2(size)))
        try:
            return np.asarray(self.coder.decode(self.uniform(size), count), dtype=np.int64)
        except AssertionError:
            raise damaged() from None

    def _spend(self, weights: Array, found: Array) -> None:
        self._leave(information(found, weights))

    def _leave(self, bits: float) -> None:
        self.left -= bits
        if self.left < 0:
            raise damaged()


def information(levels: Array, weights: Array) -> float:
    """The bits of levels (n,) by their tables (n, L)."""
    shares = np.take_along_axis(weights, levels[:, None].astype(np.int64), 1) + 1
    return float((PRECISION - np.log2(shares)).sum())


def until_wrong(found: Array, guesses: Array) -> int:
    """How many pixels (n, C) there are up to the first that is not as guessed, that one included."""
    wrong = (found != guesses).any(1)
    return int(wrong.argmax()) + 1 if wrong.any() else len(found)


def write_uniform(levels: Array, size: int) -> bytes:
    """The stream of levels (n,) in [0, size), each as likely: log2(size) bits a level."""
    stream = constriction()
    coder = stream.queue.RangeEncoder()
    if len(levels):
        coder.encode(np.ascontiguousarray(levels, dtype=np.int32), stream.model.Uniform(size))
    return shortest(coder)


def read_uniform(data: bytes, count: int, size: int) -> Array:
    """`count` levels of such a stream. Raises ValueError for a damaged stream, before memory is taken for them."""
    return Reader(data).read_uniform(count, size) if count else np.zeros(0, dtype=np.int64)


def damaged() -> WrongValueError:
    """What to raise where a stream cannot be right."""
    return WrongValueError(
        "The compressed images are damaged, or this is not the model that compressed them; nothing was decompressed."
    )


def words(data: bytes) -> Array:
    """A stream as constriction takes it; bytes that are missing at its end are 0."""
    found = np.frombuffer(data + bytes(-len(data) % 4 + 8), dtype=">u4").astype(np.uint32)
    return np.asarray(found)


def shortest(coder: Any) -> bytes:
    """The shortest number of an encoder's interval that has as many bits as the interval needs, as bytes."""
    position, (lower, width) = coder.pos()
    if coder.is_empty():
        return b""
    total = WORD * position + STATE
    compressed = coder.get_compressed()
    number = int.from_bytes(compressed.astype(">u4").tobytes(), "big") << (total - WORD * len(compressed))
    number -= (number - lower) % 2**STATE  # the interval is number ... number + width
    count = -(-(total - (width.bit_length() - 1)) // 8)
    step = total - 8 * count
    return (-(-number >> step)).to_bytes(count, "big")
