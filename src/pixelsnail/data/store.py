"""What every source gives: images to be read by number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelsnail.errors import WrongValueError

Array = NDArray[Any]

MEMORY = 2**30
"""Bytes of levels that are read when a source is opened; more are read batch by batch."""


@dataclass(frozen=True)
class Labels:
    """The class of each image.

    values      (N,) int64
    classes     how many classes there are, None where a label is below 0
    names       their names, where the source has names
    """

    values: Array
    classes: int | None
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, values: Array) -> "Labels":
        """Labels of numbers: 0 ... the largest."""
        values = np.asarray(values, dtype=np.int64)
        return cls(values, None if not values.size or values.min() < 0 else int(values.max()) + 1)

    def renumbered(self, names: tuple[str, ...]) -> "Labels":
        """The same classes by their numbers among these names; labels below 0 stay."""
        place = {name: i for i, name in enumerate(names)}
        new = np.array([place[name] for name in self.names or ()], dtype=np.int64)
        return Labels(np.where(self.values < 0, self.values, new[self.values]), len(names), names)


@dataclass(frozen=True)
class Store:
    """Images of a source, in the source's own order: one split of it, or all of one that has no splits.

    levels_from     why so many levels, where nobody said
    files           the file of each image, where they are files
    left_out        files that were passed over
    notes           what was converted or left aside, a clause each
    unlabelled      why there are no labels, where there might have been
    shifted         whether levels are the upper 8 of 16 bits
    """

    count: int
    levels: int
    shape: tuple[int, int, int]
    labels: Labels | None
    read: Callable[[Array], Array]
    """Numbers (n,) to integer levels (n, C, H, W)."""
    levels_from: str = ""
    files: Sequence[str] | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unlabelled: str = ""
    shifted: bool = False

    @property
    def bytes(self) -> int:
        """Of all levels, in 8 bits each."""
        return self.count * prod(self.shape)

    def noting(self, *notes: str) -> "Store":
        """The same images, with more to be said of them."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note not in self.notes)))


def keyed(location: str) -> tuple[str, str | None]:
    """`codes.npz#top` as the place and the name of what is meant there; None without a name.

    A file that is called so is taken as it is. Raises WrongValueError where nothing stands before or after the mark.
    """
    place, mark, name = location.rpartition("#")
    if not mark or Path(location).exists():
        return location, None
    if not place or not name:
        raise WrongValueError(f"{location!r} names nothing; expected PLACE#NAME, as in codes.npz#top.")
    return place, name


def in_memory(images: Array, levels: int, labels: Labels | None = None, **more: Any) -> Store:
    """A store of an array (N, C, H, W); `more` are the store's other fields."""
    count, channels, height, width = images.shape
    return Store(count, levels, (channels, height, width), labels, partial(_rows, images), **more)


def _rows(images: Array, numbers: Array) -> Array:
    return np.asarray(images[numbers])


def limited(store: Store, levels: int, name: str, who: str) -> Store:
    """The same values as so many levels, as `who` has. Raises WrongValueError for one outside, late beyond MEMORY."""
    if store.levels <= levels // 8:
        store = store.noting(f"no level above {store.levels - 1}")
    if levels < store.levels and store.bytes <= MEMORY:
        for first in range(0, store.count, 1024):
            _within(store, levels, name, who, np.arange(first, min(first + 1024, store.count)))
    read = store.read if levels >= store.levels else partial(_within, store, levels, name, who)
    return replace(store, levels=levels, levels_from="", read=read)


def _within(store: Store, levels: int, name: str, who: str, numbers: Array) -> Array:
    values = store.read(numbers)
    outside = values.reshape(len(numbers), -1).max(1) >= levels if len(numbers) else np.zeros(0, bool)
    if outside.any():
        which = int(np.argmax(outside))
        raise WrongValueError(
            f"Image {numbers[which]} of {name} holds level {values[which].max()}, but {who} {levels}; expected 0 ... "
            f"{levels - 1}."
        )
    return values


def concatenated(stores: Sequence[Store]) -> Store:
    """The images of several splits one after another. Raises WrongValueError where they have different shapes."""
    first = stores[0]
    for store in stores:
        if store.shape != first.shape or store.levels != first.levels:
            raise WrongValueError(
                f"The splits differ: (C, H, W) = {first.shape} of {first.levels} levels and {store.shape} of "
                f"{store.levels}; expected one shape. Take one split at a time."
            )
    labels = None
    if first.labels is not None and all(store.labels is not None for store in stores):
        values = np.concatenate([store.labels.values for store in stores if store.labels is not None])
        labels = replace(first.labels, values=values)
    files = [name for store in stores for name in store.files or ()]
    return Store(
        sum(store.count for store in stores),
        first.levels,
        first.shape,
        labels,
        partial(_read_parts, tuple(stores)),
        first.levels_from,
        files if all(store.files is not None for store in stores) else None,
        tuple(dict.fromkeys(name for store in stores for name in store.left_out)),
        tuple(dict.fromkeys(note for store in stores for note in store.notes)),
        next((store.unlabelled for store in stores if store.unlabelled), ""),
        any(store.shifted for store in stores),
    )


def _read_parts(stores: Sequence[Store], numbers: Array) -> Array:
    ends = np.cumsum([store.count for store in stores])
    which = np.searchsorted(ends, numbers, side="right")
    levels: Array | None = None
    for part, (store, end) in enumerate(zip(stores, ends.tolist(), strict=True)):
        places = np.flatnonzero(which == part)
        if places.size:
            read = store.read(numbers[places] - (end - store.count))
            levels = np.empty((len(numbers), *store.shape), read.dtype) if levels is None else levels
            levels = levels.astype(np.promote_types(levels.dtype, read.dtype), copy=False)
            levels[places] = read
    return np.empty((0, *stores[0].shape), np.uint8) if levels is None else levels
