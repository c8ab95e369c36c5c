"""One string names a source: `mnist-mini`, `mnist:FOLDER`, `folder:PATH`, `npz:PATH`, `hf:NAME`, `photos`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from pixelsnail.data import binarization, splits
from pixelsnail.data.arrays import open_npz
from pixelsnail.data.folder import open_folder, read_files
from pixelsnail.data.hugging_face import open_hub
from pixelsnail.data.images import Images
from pixelsnail.data.mnist import open_mnist
from pixelsnail.data.photos import open_photos
from pixelsnail.data.store import Array, Splits, Store
from pixelsnail.errors import WrongValueError


@dataclass(frozen=True)
class Source:
    """A kind of source: `form` is how it is written, `splits` opens it, `binarize` is its default."""

    form: str
    splits: Callable[[str], Splits]
    binarize: str = "none"


def _open_mini(_: str) -> Splits:
    return open_npz(str(Path(__file__).with_name("mnist_mini.npz")))


SOURCES = {
    "mnist-mini": Source("mnist-mini", _open_mini, "dynamic"),
    "mnist": Source("mnist:FOLDER", open_mnist, "dynamic"),
    "folder": Source("folder:PATH", open_folder),
    "npz": Source("npz:PATH", open_npz),
    "hf": Source("hf:NAME", open_hub),
    "photos": Source("photos", open_photos),
}


def open(
    source: str, split: str = "train", *, binarize: str | None = None, seed: int = 0, validation: int = 0
) -> Images:
    """One split ("train", "validation" or "test") of a source.

    `binarize` makes bits of 8-bit grey images: "dynamic" draws them with P(1) = level / 255, anew each epoch;
    "threshold" gives 1 from level 128 on; "none" keeps the levels. None is dynamic for MNIST, none for all else.
    `seed` is that of the training images' dynamic draws. `validation` images are held out from training where a
    source has no validation split of its own (MNIST's last ones; a fixed random choice of others).

    Raises ValueError for a wrong argument, a split that is not there and damaged data, FileNotFoundError for missing
    files, ModuleNotFoundError for a missing extra. Nothing is written beside the data.
    """
    kind, location = _parse(source)
    binarize = SOURCES[kind].binarize if binarize is None else binarize
    _check("binarize", binarize, binarization.MODES)
    _check("split", split, splits.SPLITS)
    if seed < 0 or validation < 0:
        raise WrongValueError(f"seed is {seed} and validation is {validation}; expected at least 0.")
    store, numbers = _choose(source, kind, SOURCES[kind].splits(location), split, validation)
    return _images(store, numbers, source, split, binarize, seed)


def from_files(files: Sequence[str | Path], *, binarize: str = "none") -> Images:
    """These image files, in this order, as a test split. Raises as `open` does."""
    _check("binarize", binarize, binarization.MODES)
    if not files:
        raise WrongValueError("There are no image files; expected at least one.")
    store = read_files([Path(file) for file in files])
    return _images(store, np.arange(store.count), "files", "test", binarize, seed=0)


def _images(store: Store, numbers: Array, source: str, split: str, binarize: str, seed: int) -> Images:
    if binarize != "none" and (store.levels != 256 or store.shape[0] != 1):
        raise WrongValueError(
            f"binarize is {binarize!r}, but {source} has {store.levels} levels and {store.shape[0]} channels; only "
            "grey images of 256 levels are binarised. Leave binarize at 'none'."
        )
    return Images(store, numbers, source, split, binarize, seed)


def _parse(source: str) -> tuple[str, str]:
    """The kind of source, and where it is."""
    kind, _, location = source.partition(":")
    forms = ", ".join(entry.form for entry in SOURCES.values())
    if kind not in SOURCES:
        near = get_close_matches(source, SOURCES, n=1, cutoff=0.0)[0]
        hint = f"folder:{source}" if Path(source).is_dir() else SOURCES[near].form
        raise WrongValueError(f"There is no data source {source!r}; expected one of {forms}. Did you mean {hint}?")
    form = SOURCES[kind].form
    if bool(location) != (":" in form):
        raise WrongValueError(f"The data source {source!r} is incomplete or has too much; it is written {form}.")
    return kind, str(Path(location).expanduser()) if location.startswith("~") else location


def _check(name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        near = get_close_matches(str(value), valid, n=1, cutoff=0.0)[0]
        raise WrongValueError(f"{name} is {value!r}; expected one of {', '.join(valid)}. Did you mean {near!r}?")


def _choose(source: str, kind: str, found: Splits, split: str, validation: int) -> tuple[Store, Array]:
    """A split and the numbers of its images, with `validation` images of train held out."""
    if validation and "validation" in found:
        raise WrongValueError(
            f"{source} has a validation split of its own; leave validation at 0 instead of {validation}."
        )
    held_out = split == "validation" and validation > 0
    if split not in found and not held_out:
        hint = " Hold training images out: validation=5000." if split == "validation" and "train" in found else ""
        raise WrongValueError(f"{source} has no split {split!r}; it has {', '.join(found)}.{hint}")
    if held_out or (split == "train" and validation):
        return _hold_out(source, kind, found, split, validation)
    store = found[split]()
    if store.count == 0:
        raise WrongValueError(f"The split {split!r} of {source} is empty; expected at least one image.")
    return store, np.arange(store.count)


def _hold_out(source: str, kind: str, found: Splits, split: str, validation: int) -> tuple[Store, Array]:
    if "train" not in found:
        raise WrongValueError(f"{source} has no split 'train' to hold images out of; it has {', '.join(found)}.")
    store = found["train"]()
    if validation >= store.count:
        raise WrongValueError(
            f"validation is {validation}, but {source} has {store.count} training images; expected fewer."
        )
    order = list(range(store.count))
    if kind != "mnist":  # a folder or an array may be sorted by class
        order.sort(key=lambda number: splits.rank(str(number)))
    train, held = order[: store.count - validation], order[store.count - validation :]
    return store, np.sort(np.array(held if split == "validation" else train))
