"""The one rule by which images become what a model takes, and what it says of them.

grey -> RGB             three equal channels
RGB -> grey             ITU-R 601-2: (19595 R + 38470 G + 7471 B) / 65536, rounded; equal channels stay as they are
65,536 -> 256 levels    the upper 8 bits
256 -> 2 levels         binarised (`binarization`)
more levels otherwise   kept as they are, and none may be outside
"""

from dataclasses import replace
from functools import partial

import numpy as np

from pixelsnail.data.store import Array, Store, limited
from pixelsnail.errors import WrongValueError

COLOURS = {1: "grey", 3: "RGB"}
WEIGHTS = (19595, 38470, 7471)
"""Of red, green and blue in 65536: Pillow's own."""


def with_channels(store: Store, channels: int, source: str) -> Store:
    """The store's images in grey or RGB. Raises WrongValueError for other numbers of channels than 1 and 3."""
    own = store.shape[0]
    if own == channels:
        return store
    if {own, channels} != {1, 3}:
        raise WrongValueError(
            f"The images of {source} have {own} channels, but the model takes {channels}; expected {channels} "
            "(only grey and RGB become each other)."
        )
    read = partial(_grey if channels == 1 else _colour, store)
    what = "colour made grey (ITU-R 601-2)" if channels == 1 else "grey repeated as red, green and blue"
    return replace(store, shape=(channels, *store.shape[1:]), read=read).noting(what)


def with_levels(store: Store, levels: int, source: str) -> Store:
    """The store's images as those of a model of so many levels, but for binarising."""
    if store.shifted and levels > 256:
        raise WrongValueError(
            f"The images of {source} have 16 bits, of which the upper 8 were read, but this model has L = {levels}; "
            f"open them with levels={levels}."
        )
    if store.levels == 65536 and levels <= 256:
        store = replace(store, levels=256, levels_from="", read=partial(_upper_bits, store))
        store = store.noting("the upper 8 of 16 bits kept")
    if store.levels == levels or (store.levels == 256 and levels == 2):
        return store
    why = "as the model has" if store.levels < levels else ""
    return replace(limited(store, levels, source, "this model has L ="), levels_from=why)


def grey_of(levels: Array) -> Array:
    """(..., 1, H, W) of (..., 3, H, W), in the same dtype."""
    red, green, blue = (levels[..., i, :, :].astype(np.int64) * weight for i, weight in enumerate(WEIGHTS))
    return ((red + green + blue + 2**15) >> 16).astype(levels.dtype)[..., None, :, :]


def _grey(store: Store, numbers: Array) -> Array:
    return grey_of(store.read(numbers))


def _colour(store: Store, numbers: Array) -> Array:
    return store.read(numbers).repeat(3, axis=1)


def _upper_bits(store: Store, numbers: Array) -> Array:
    return (store.read(numbers) >> 8).astype(np.uint8)
