"""The images in the rows of a Hugging Face data set, decoded by the rules of image files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data import array_files, image_files
from pixelsnail.data.conversion import grey_of
from pixelsnail.data.store import Array, Labels, Store
from pixelsnail.errors import WrongValueError

GREY_PNG, PALETTE_PNG = (0, 4), 3
"""Colour types in the header of a PNG file."""
HEAD = 26
"""Bytes of a PNG file up to its colour type, that included."""


@dataclass(frozen=True)
class Column:
    """Encoded images: rows that hold {"bytes", "path"} under `key`; `channels` is what a mode of the set says, or 0."""

    source: str
    rows: Any
    key: str
    channels: int


def read(source: str, rows: Any, labels: Labels | None, unlabelled: str, levels: int | None, axes: str | None) -> Store:
    """A store of the first column of images. Raises WrongValueError for a data set without one."""
    column = _column(source, rows)
    if column is None:
        return _arrays(source, rows, labels, unlabelled, levels, axes)
    depth = 256 if levels is None or levels <= 256 else 65536
    first = _decode(column, 0, depth)
    channels = column.channels or (3 if len(first) == 3 or _any_colour(column) else 1)
    shape = (channels, first.shape[1], first.shape[2])
    decode = partial(_decode_rows, column, shape, depth)
    return Store(len(rows), depth, shape, labels, decode, unlabelled=unlabelled)


def in_colour(source: str, rows: Any) -> bool:
    """Whether any image of the rows is in colour."""
    column = _column(source, rows)
    return column is not None and (column.channels == 3 or (column.channels == 0 and _any_colour(column)))


def _column(source: str, rows: Any) -> Column | None:
    """The first column that holds encoded images, whatever the set has declared of it, or None."""
    import datasets

    declared = [name for name, feature in rows.features.items() if isinstance(feature, datasets.Image)]
    encoded = [name for name, feature in rows.features.items() if _is_encoded(feature)]
    key = next(iter((*declared, *encoded)), None)
    if key is None:
        return None
    mode = getattr(rows.features[key], "mode", None)
    undecoded = rows.select_columns([key]).cast_column(key, datasets.Image(decode=False))
    return Column(source, undecoded, key, {None: 0, "L": 1, "RGB": 3}.get(mode, 0))


def _is_encoded(feature: Any) -> bool:
    """Bytes, or bytes and a path, as of an image that was not declared as one."""
    if isinstance(feature, Mapping):
        return {"bytes", "path"} <= set(feature)
    return getattr(feature, "dtype", None) in ("binary", "large_binary")


def _decode(column: Column, number: int, depth: int) -> Array:
    """The levels (C, H, W) of one row."""
    title = f"Image {number} of {column.source}"
    value = column.rows[number][column.key]
    if value is None or (value["bytes"] is None and value["path"] is None):
        raise WrongValueError(f"{title} is missing; expected an image in every row.")
    from PIL import Image

    with image_files.naming(title), _encoded(value) as file, Image.open(file, formats=image_files.formats()) as image:
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            raise WrongValueError(f"{title} holds {image.n_frames} images; expected one a row.")  # type: ignore[attr-defined]
        return image_files.decode(image, title, depth)


def _encoded(value: Mapping[str, Any]) -> Any:
    """A file of the encoded image."""
    if value["bytes"] is not None:
        return BytesIO(value["bytes"])
    if Path(value["path"]).is_file():
        return Path(value["path"]).open("rb")
    from datasets.utils.file_utils import xopen  # inside an archive

    return xopen(value["path"], "rb")


def _any_colour(column: Column) -> bool:
    """Whether any image is in colour, from headers: whatever the order of rows, grey ones then become RGB."""
    import pyarrow.compute as compute

    for first in range(0, len(column.rows), 1000):
        rows = column.rows.with_format("arrow")[first : first + 1000][column.key]
        heads = compute.binary_slice(compute.struct_field(rows, "bytes"), 0, HEAD).to_pylist()
        for number, head in enumerate(heads, start=first):
            if head is not None and head[:4] == b"\x89PNG" and head[HEAD - 1] != PALETTE_PNG:
                if head[HEAD - 1] not in GREY_PNG:
                    return True
            elif _is_colour(column, number):
                return True
    return False


def _is_colour(column: Column, number: int) -> bool:
    from PIL import Image

    value = column.rows[number][column.key]
    title = f"Image {number} of {column.source}"
    try:
        with _encoded(value) as file, Image.open(file, formats=image_files.formats()) as image:
            return image_files.channels_of(image, title) == 3
    except Exception:  # what cannot be read is told when it is read
        return False


def _decode_rows(column: Column, shape: tuple[int, int, int], depth: int, numbers: Array) -> Array:
    levels = np.empty((len(numbers), *shape), dtype=np.uint8 if depth == 256 else np.uint16)
    for place, number in zip(levels, numbers.tolist(), strict=True):
        row = _decode(column, number, depth)
        if row.shape[1:] != shape[1:]:
            raise WrongValueError(
                f"Image {number} of {column.source} has (C, H, W) = {row.shape}, but image 0 has {shape}; expected "
                "one size."
            )
        place[:] = grey_of(row) if len(row) > len(place) else row
    return levels


def _arrays(
    source: str, rows: Any, labels: Labels | None, unlabelled: str, levels: int | None, axes: str | None
) -> Store:
    """A store of a column of arrays, as sets have them that were no image files."""
    arrays = [name for name, feature in rows.features.items() if _dimensions(feature) in (2, 3)]
    if not arrays:
        raise WrongValueError(
            f"{source} has the columns {', '.join(rows.features)}; expected one of images among them."
        )
    values = np.asarray(rows.select_columns([arrays[0]]).with_format("numpy")[:][arrays[0]])
    name = f"Column {arrays[0]} of {source}"
    if values.dtype.kind == "O":
        raise WrongValueError(f"{name} holds arrays of different sizes; expected one size.")
    store = array_files.build({"": values}, {"": name}, {}, levels, axes, [f"column {arrays[0]}"])[""]
    return Store(
        store.count, store.levels, store.shape, labels, store.read, store.levels_from, None, (), store.notes, unlabelled
    )


def _dimensions(feature: Any) -> int:
    """Of a declared array, or of lists in lists of numbers; 0 of anything else."""
    if hasattr(feature, "shape") and hasattr(feature, "dtype"):
        return len(feature.shape)
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    if inner is None:
        return 0
    return 1 + (0 if hasattr(inner, "dtype") and not hasattr(inner, "shape") else _dimensions(inner))
