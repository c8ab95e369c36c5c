"""Random numbers that depend on (seed, image, pixel) alone: drawn where they are needed, kept nowhere.

Philox is a counter-based generator (Salmon, Moraes, Dror, Shaw 2011: Parallel random numbers: as easy as 1, 2, 3): its
n-th block of four numbers is a function of a key and n. Here the key is the image's, and the numbers of pixel t are
numbers t * S ... (t + 1) * S - 1 of its stream.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK = 4
"""Numbers of a counter."""


def key(seed: int, image: int, particle: int | None = None, move: int = 0) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """The key of an image's stream, of one particle's, or of that particle's in a move of it, from 1 on: (2,)."""
    parts = [seed, image] if particle is None else [seed, image, 2, particle]
    parts = [seed, image, 4, particle, move] if particle is not None and move else parts
    return np.asarray(np.random.SeedSequence(parts).generate_state(2, np.uint64), dtype=np.uint64)


def choice(seed: int, image: int, among: int) -> int:
    """One of `among` (a power of two) for an image as a whole, apart from its stream."""
    return int(np.random.SeedSequence([seed, image, 1]).generate_state(1)[0]) % among


def single(seed: int, image: int, pixel: int) -> float:
    """A number in [0, 1) for an image's particles at a pixel, apart from their streams."""
    return (
        float(np.random.SeedSequence([seed, image, 3, pixel]).generate_state(1, np.uint64)[0] >> np.uint64(11)) / 2**53
    )


def generator(seed: int, image: int) -> "np.random.Generator":
    """What chooses for an image's particles together, apart from their streams."""
    return np.random.default_rng(np.random.SeedSequence([seed, image, 5]))


def uniforms(keys: "Sequence[np.ndarray[Any, Any]]", pixels: Sequence[int], count: int, size: int) -> Tensor:
    """Numbers in [0, 1), multiples of 2 ** -53, `size` for each of `count` pixels from those of `pixels` on, of the
    images with these keys: (len(keys), count, size), float64."""
    philox = np.random.Philox(0)
    generator, state = np.random.Generator(philox), philox.state
    found = np.empty((len(keys), count * size))
    for row, own, pixel in zip(found, keys, pixels, strict=True):
        block, skipped = divmod(pixel * size, BLOCK)
        state["state"] = {"counter": np.array([block, 0, 0, 0], dtype=np.uint64), "key": own}
        philox.state = state
        row[:] = generator.random(skipped + len(row))[skipped:]
    return torch.from_numpy(found).view(len(keys), count, size)
