"""CIFAR-10 and ImageNet 32 as they are distributed: pickled, binary or npz batches of 32 x 32 RGB images.

Each image is a row of 3,072 bytes: its red, its green, then its blue channel.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pixelsnail.data import kinds, loading, pickles, rules
from pixelsnail.data.contents import Content, Named
from pixelsnail.data.rules import Unusable
from pixelsnail.data.store import MEMORY, Array, Labels, Store, concatenated, in_memory
from pixelsnail.errors import MissingFileError, WrongValueError

SIDE = 32
ROW = 3 * SIDE * SIDE
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10 = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
IMAGENET32 = {"train": tuple(f"train_data_batch_{i}" for i in range(1, 11)), "validation": ("val_data",)}


def open_cifar10(location: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a folder that holds `data_batch_1` ... `data_batch_5` and `test_batch`, pickled or with .bin.

    The folder may hold them in `cifar-10-batches-py` or `cifar-10-batches-bin`. Pickles are read without running them.
    Raises FileNotFoundError for files that are not there, ValueError for damaged ones.
    """
    del levels, axes
    folder = Path(location)
    places = (folder, folder / "cifar-10-batches-py", folder / "cifar-10-batches-bin")
    splits = {split: _find(places, names, ("", ".bin")) for split, names in CIFAR10.items()}
    expected = "data_batch_1 ... data_batch_5 and test_batch of CIFAR-10, or the same with .bin"
    _check_any(splits, folder, expected, "unpack cifar-10-python.tar.gz there, or name another one: cifar10:FOLDER")
    return _named(splits, CIFAR10, CLASSES, first=0)


def open_imagenet32(location: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a folder that holds `train_data_batch_1` ... `_10` and `val_data`, with .npz or pickled.

    They may be in sub-folders. Labels, 1 ... 1000 in the files, are 0 ... 999 here. Raises as `open_cifar10`.
    """
    del levels, axes
    folder = Path(location)
    places = (folder, *(sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else ()))
    splits = {split: _find(places, names, (".npz", "")) for split, names in IMAGENET32.items()}
    expected = "train_data_batch_1 ... train_data_batch_10 and val_data of ImageNet 32, .npz or pickled"
    _check_any(splits, folder, expected, "put image-net.org's there, or name another one: imagenet32:FOLDER")
    return _named(splits, IMAGENET32, None, first=1)


def _check_any(splits: dict[str, list[Path]], folder: Path, expected: str, remedy: str) -> None:
    if not any(splits.values()):
        problem = f"The folder {folder} holds no batches" if folder.is_dir() else f"There is no folder {folder}"
        raise MissingFileError(f"{problem}; expected {expected} in it: {remedy} (nothing is downloaded).")


def _find(places: Sequence[Path], names: Sequence[str], suffixes: Sequence[str]) -> list[Path]:
    """The batches of a split, all of one form and in one folder, or those of them that are there."""
    for place in places:
        for suffix in suffixes:
            found = [place / f"{name}{suffix}" for name in names if (place / f"{name}{suffix}").is_file()]
            if found:
                return found
    return []


def _named(
    splits: dict[str, list[Path]], expected: dict[str, tuple[str, ...]], classes: tuple[str, ...] | None, first: int
) -> Content:
    present = {split: files for split, files in splits.items() if files}
    return Named({split: partial(_read, files, expected[split], classes, first) for split, files in present.items()})


def _read(files: Sequence[Path], expected: Sequence[str], classes: tuple[str, ...] | None, first: int) -> Store:
    """A split. Batches that are missing are said."""
    count = len(classes) if classes else 1000
    memory = 0 if sum(file.stat().st_size for file in files) > MEMORY else MEMORY
    stores = [_batch(file, count, classes, first, memory) for file in files]
    missing = [name for name in expected if name not in {file.name.removesuffix(file.suffix) for file in files}]
    notes = [f"{len(missing)} of {len(expected)} batches missing ({missing[0]})"] if missing else []
    notes += [f"labels {first} ... {count} counted from 0"] if first else []
    return concatenated(stores).noting(*notes)


def _batch(file: Path, count: int, classes: tuple[str, ...] | None, first: int, memory: int) -> Store:
    rows, labels, names = _rows_of_binary(file) if file.suffix == ".bin" else _rows_of_dictionary(file, memory)
    usable = rules.as_labels(labels, len(rows), f"labels of {file.name}")
    reason = usable.reason if isinstance(usable, Unusable) else ""
    if isinstance(usable, Labels):
        values = usable.values - first
        if values.min() < 0 or values.max() >= count:
            reason = (
                f"{file.name} has labels {values.min() + first} ... {values.max() + first}, not {first} ... {count}"
            )
    return in_memory(
        rows.reshape(-1, 3, SIDE, SIDE),
        256,
        None if reason else Labels(values, count, classes),
        files=names if len(names) == len(rows) else None,
        unlabelled=reason,
    )


def _rows_of_binary(file: Path) -> tuple[Array, Array, Sequence[str]]:
    content = np.fromfile(file, dtype=np.uint8)
    if content.size == 0 or content.size % (ROW + 1):
        raise WrongValueError(
            f"{file} holds {content.size} bytes; expected a multiple of {ROW + 1}, a label and {ROW} levels an image. "
            "Replace it by a good copy."
        )
    rows = content.reshape(-1, ROW + 1)
    return rows[:, 1:], rows[:, 0], ()


def _rows_of_dictionary(file: Path, memory: int) -> tuple[Array, Array, Sequence[str]]:
    """Rows (N, 3072) uint8, labels (N,), and file names where there are any."""
    held = loading.load(file, memory) if kinds.kind(file) == kinds.NUMPY else pickles.read_dictionary(file)
    rows = held.get("data")
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != ROW:
        raise WrongValueError(
            f"{file} holds no array data (N, {ROW}) of bytes; expected a batch of 32 x 32 RGB images."
        )
    names = held.get("filenames", ())
    return rows, np.asarray(held.get("labels", ())), [pickles.text(name) for name in names]
