"""What every source gives: images to be read by number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Store:
    """One split of a source, in the source's own order."""

    count: int
    levels: int
    shape: tuple[int, int, int]
    labels: Array | None
    read: Callable[[Array], Array]
    """Numbers (n,) to integer levels (n, C, H, W)."""


Splits = Mapping[str, Callable[[], Store]]
"""The splits that a source has, each read when it is called."""


def in_memory(images: Array, levels: int, labels: Array | None) -> Store:
    """A store of an array (N, C, H, W)."""
    count, channels, height, width = images.shape
    labels = None if labels is None else np.asarray(labels, dtype=np.int64)
    return Store(count, levels, (channels, height, width), labels, partial(_rows, images))


def _rows(images: Array, numbers: Array) -> Array:
    return np.asarray(images[numbers])
