"""Which images share a stream, and which are coded at a time.

A stream costs a few bytes of its own: its length, its checksum, half a byte at its end. Small images, whose own bits
are hardly more, share one: up to 16, as long as there are 64 streams, which is as many as are worth decoding at a time.
Whoever wants one image decodes all of its stream, to see that its checksum is right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Size = tuple[int, int]

SMALL = 1024
"""Bytes, as they are, below which images share streams."""
SHARED, STREAMS = 16, 64
"""Images of a stream at most, and streams that there are first."""


@dataclass(frozen=True)
class Layout:
    """streams: the images of each, in order, all of one size; `batch` streams are coded at a time, an image of each."""

    streams: list[list[int]]
    batch: int

    @classmethod
    def of(cls, sizes: Sequence[Size], together: int, batch: int) -> "Layout":
        """Images of one size follow each other, `together` in a stream."""
        of_size: dict[Size, list[int]] = {}
        for i, size in enumerate(sizes):
            of_size.setdefault(size, []).append(i)
        return cls([part for same in of_size.values() for part in parts(same, together)], batch)

    def blocks(self, sizes: Sequence[Size]) -> list[list[int]]:
        """The streams that are coded at a time, all of one size."""
        of_size: dict[Size, list[int]] = {}
        for stream, images in enumerate(self.streams):
            of_size.setdefault(sizes[images[0]], []).append(stream)
        return [part for same in of_size.values() for part in parts(same, self.batch)]

    def chunks(self, block: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
        """(stream, image) of all first images of a block's streams, of all second ones, and so on."""
        for depth in range(max(len(self.streams[stream]) for stream in block)):
            yield [(s, self.streams[s][depth]) for s in block if depth < len(self.streams[s])]


def usual(count: int, bits: float) -> int:
    """How many images share a stream where nobody says: of `count`, each of so many bits as it is."""
    return max(1, min(SHARED, count // STREAMS)) if bits < 8 * SMALL else 1


def parts(items: list[int], size: int) -> list[list[int]]:
    """`size` items at a time."""
    return [items[first : first + size] for first in range(0, len(items), size)]
