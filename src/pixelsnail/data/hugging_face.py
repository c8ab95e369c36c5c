"""Data sets of the Hugging Face hub, or local folders in one of its forms."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data import rules
from pixelsnail.data.image_files import decode
from pixelsnail.data.store import Array, Content, Labels, Named, Store
from pixelsnail.errors import MissingFileError, MissingPackageError, WrongValueError


def open_hub(name: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a data set with a column of images: a name on the hub, or a folder.

    A folder is one that `datasets` itself saved, or one of images or data files. Images stay in memory-mapped files and
    are decoded batch by batch, so that ImageNet needs no streaming: in a stream an image has no number, on which the
    order of training and a resumed run rest. Labels are the first column of class labels, or an integer column
    `label`. Where image 0 is RGB, a grey image becomes RGB with three equal channels.

    Raises ModuleNotFoundError without the extra, FileNotFoundError for a data set that is not there, ValueError for
    one without images.
    """
    del levels, axes
    table = _load(name)
    found = rules.find(table, f"hf:{name}")
    if not found:
        raise WrongValueError(
            f"hf:{name} has the splits {', '.join(table) or '(none)'}; expected train, validation or test."
        )
    return Named({split: partial(_read_split, name, table[own]) for split, own in found.items() if len(table[own])})


def _load(name: str) -> Any:
    """Split -> data set."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingPackageError(
            f"hf:{name} needs the library datasets, which is not installed; pip install 'pixelsnail[hf]'."
        ) from None
    folder = Path(name).expanduser()
    try:
        with _quiet_unless_terminal(datasets):
            if (folder / "dataset_dict.json").is_file():
                return datasets.load_from_disk(str(folder))
            if (folder / "state.json").is_file():
                return {"train": datasets.load_from_disk(str(folder))}
            return datasets.load_dataset(str(folder) if folder.is_dir() else name)
    except FileNotFoundError as error:
        raise MissingFileError(
            f"hf:{name} is no data set on the hub and no folder of one ({_first_line(error)}). "
            "Give OWNER/NAME or a path."
        ) from None
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise WrongValueError(f"hf:{name} cannot be loaded ({_first_line(error)}).") from None


@contextmanager
def _quiet_unless_terminal(datasets: Any) -> Iterator[None]:
    """No progress bars where stderr is not a terminal."""
    silence = not sys.stderr.isatty() and not datasets.are_progress_bars_disabled()
    if silence:
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        if silence:
            datasets.enable_progress_bars()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _read_split(name: str, rows: Any) -> Store:
    import datasets

    columns = {column: feature for column, feature in rows.features.items() if isinstance(feature, datasets.Image)}
    if not columns:
        raise WrongValueError(
            f"hf:{name} has the columns {', '.join(rows.features)}; expected one of images among them."
        )
    images = rows.select_columns([next(iter(columns))])
    shape = _decode_row(name, images, 0).shape if len(images) else (1, 1, 1)
    return Store(len(images), 256, shape, _labels(rows), partial(_decode_rows, name, images, shape))


def _labels(rows: Any) -> Labels | None:
    import datasets

    for column, feature in rows.features.items():
        integers = column in ("label", "labels") and str(getattr(feature, "dtype", "")).startswith(("int", "uint"))
        if isinstance(feature, datasets.ClassLabel) or integers:
            # As arrays: the labels of ImageNet take 0.4 s, and 20 s as Python's numbers.
            return Labels.of(np.asarray(rows.select_columns([column]).with_format("numpy")[:][column], dtype=np.int64))
    return None


def _decode_row(name: str, images: Any, number: int) -> Array:
    """The levels (C, H, W) of one row."""
    title = f"Image {number} of hf:{name}"
    try:
        (image,) = images[number].values()
    except Exception as error:  # of Pillow, as many types as in a folder
        raise WrongValueError(f"{title} cannot be read ({_first_line(error)}).") from None
    if image is None:
        raise WrongValueError(f"{title} is missing; expected an image in every row.")
    return decode(image, title)


def _decode_rows(name: str, images: Any, shape: tuple[int, int, int], numbers: Array) -> Array:
    levels = np.empty((len(numbers), *shape), dtype=np.uint8)
    for place, number in zip(levels, numbers.tolist(), strict=True):
        row = _decode_row(name, images, number)
        if row.shape == (1, *shape[1:]) and shape[0] == 3:  # some of ImageNet's photographs are grey files
            row = np.broadcast_to(row, shape)
        if row.shape != shape:
            raise WrongValueError(
                f"Image {number} of hf:{name} has (C, H, W) = {row.shape}, but image 0 has {shape}; expected one shape."
            )
        place[:] = row
    return levels
