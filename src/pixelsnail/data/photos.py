"""Crops of real photographs that two packages carry in their wheels: nothing is downloaded.

| photograph | package | by | licence |
|---|---|---|---|
| astronaut, a portrait | scikit-image | NASA | public domain |
| coffee, a cup on a table | scikit-image | Rachel Michetti | CC0 |
| motorcycle, left and right of a stereo pair | scikit-image | Scharstein et al. 2014 | to be cited when used |
| rocket, at its start | scikit-image | SpaceX | public domain |
| chelsea, a cat | scikit-image | Stefan van der Walt | CC0 |
| china, a temple | scikit-learn | danielbuechele | CC BY 2.0 |
| flower | scikit-learn | vultilion | CC BY 2.0 |

Every photograph is halved first, each pixel the mean of four, rounded: this takes most of the block artefacts out of
those that were JPEG files and the interpolation out of all. Splits are by photograph, since crops of one are alike.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pixelsnail.data.contents import Content, Named
from pixelsnail.data.image_files import decode
from pixelsnail.data.store import Array, Store
from pixelsnail.errors import MissingFileError, MissingPackageError

SIDE = 32
"""Height and width of a crop."""

SCIKIT_IMAGE, SCIKIT_LEARN = ("skimage", "data"), ("sklearn", "datasets/images")
PHOTOGRAPHS = {
    "train": {
        "astronaut.png": SCIKIT_IMAGE,
        "coffee.png": SCIKIT_IMAGE,
        "motorcycle_left.png": SCIKIT_IMAGE,
        "motorcycle_right.png": SCIKIT_IMAGE,
        "flower.jpg": SCIKIT_LEARN,
    },
    "validation": {"rocket.jpg": SCIKIT_IMAGE},
    "test": {"chelsea.png": SCIKIT_IMAGE, "china.jpg": SCIKIT_LEARN},
}
STRIDES = {"train": 4, "validation": SIDE, "test": SIDE}
"""Pixels between two crops: those of validation and test do not overlap."""


def open_photos(_: str, levels: int | None = None, axes: str | None = None) -> Content:
    """Crops (3, 32, 32) of 256 levels: 18,881 to train, 60 to validate and 88 to test.

    Raises ModuleNotFoundError without the extra, FileNotFoundError where a package no longer has a photograph.
    """
    del levels, axes
    return Named({split: partial(_crops, split) for split in PHOTOGRAPHS})


def photograph(name: str, package: str, folder: str) -> Array:
    """A photograph at half of its size, (H, W, 3) uint8."""
    from PIL import Image

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            "The source photos needs scikit-image and scikit-learn, which are not installed; "
            "pip install 'pixelsnail[photos]'."
        )
    path = Path(next(iter(spec.submodule_search_locations)), folder, name)
    if not path.is_file():
        raise MissingFileError(f"There is no photograph {path}; expected it in the installed package {package}.")
    with Image.open(path) as image:
        levels = decode(image, str(path)).transpose(1, 2, 0)
    height, width = (n // 2 for n in levels.shape[:2])
    quarters = levels[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).astype(np.uint16)
    return np.asarray((quarters.sum((1, 3)) + 2) // 4, dtype=np.uint8)


def _crops(split: str) -> Store:
    """All crops of a split's photographs, in raster order, without a copy of them."""
    step = STRIDES[split]
    views = [
        sliding_window_view(photograph(name, *place), (SIDE, SIDE), axis=(0, 1))[::step, ::step]
        for name, place in PHOTOGRAPHS[split].items()
    ]  # (rows, columns, 3, 32, 32)
    return Store(sum(v.shape[0] * v.shape[1] for v in views), 256, (3, SIDE, SIDE), None, partial(_read, views))


def _read(views: list[Array], numbers: Array) -> Array:
    ends = np.cumsum([v.shape[0] * v.shape[1] for v in views])
    levels = np.empty((len(numbers), 3, SIDE, SIDE), dtype=np.uint8)
    for place, number in zip(levels, numbers.tolist(), strict=True):
        which = int(np.searchsorted(ends, number, side="right"))
        view = views[which]
        row, column = divmod(number - int(ends[which]) + view.shape[0] * view.shape[1], view.shape[1])
        place[:] = view[row, column]
    return levels
