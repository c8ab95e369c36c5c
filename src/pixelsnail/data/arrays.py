"""Integer arrays in an npz file."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from pixelsnail.data import splits
from pixelsnail.data.store import Array, Splits, Store, in_memory
from pixelsnail.errors import MissingFileError, WrongValueError

SINGLE = ("x", "images")
"""Names of an array that is to be split."""


def open_npz(location: str) -> Splits:
    """The splits of an npz file: arrays `train`, `validation`, `test`, or one (`x` or `images`) that is split by index.

    Arrays are integers (N, H, W), (N, C, H, W) or, where the last size is 3 and the second is not, (N, H, W, 3).
    Labels: `train_labels` and so on, `x_labels`, or `labels` beside `x`. Levels: the scalar `levels` if there is one;
    else, over all splits, 2 where no value is above 1, 256 for uint8, the largest value plus one for other integers.

    Raises FileNotFoundError, or ValueError for a file that cannot be read or holds anything else (no pickled objects).
    """
    path = Path(location)
    content = _read(path)
    names = splits.find(content) or dict([("", name) for name in SINGLE if name in content][:1])
    if not names:
        held = ", ".join(content) or "nothing"
        raise WrongValueError(
            f"{path} holds {held}; expected an array train (and validation, test), or one named x or images."
        )
    arrays = {split: _as_images(path, name, content[name]) for split, name in names.items()}
    labels = {split: _labels(path, name, content, len(arrays[split])) for split, name in names.items()}
    levels = _levels(path, content, arrays)
    if "" not in arrays:
        return {split: partial(in_memory, array, levels, labels[split]) for split, array in arrays.items()}
    return {split: partial(_part, split, arrays[""], levels, labels[""]) for split in splits.SPLITS}


def _part(split: str, images: Array, levels: int, labels: Array | None) -> Store:
    """The images that the hash of their index puts in this split."""
    chosen = np.array([splits.of(str(i)) == split for i in range(len(images))], dtype=bool)
    return in_memory(images[chosen], levels, None if labels is None else labels[chosen])


def _read(path: Path) -> dict[str, Array]:
    """Every array of the file."""
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}; expected an npz file with integer arrays.")
    try:
        with path.open("rb") as file:  # numpy itself would leave a damaged file open
            archive = np.load(file, allow_pickle=False)
            content = {} if isinstance(archive, np.ndarray) else {name: archive[name] for name in archive.files}
    except PermissionError:
        raise
    except Exception as error:  # damage shows as one of many types, in zipfile, zlib or numpy
        if "allow_pickle" in str(error):
            raise WrongValueError(
                f"{path} holds pickled objects, or is no npz file; expected plain integer arrays. Pickles are never "
                "opened, since they can run code: save the arrays with an integer dtype."
            ) from None
        raise WrongValueError(f"{path} is not a whole npz file ({error}). Replace it by a good copy.") from None
    if isinstance(archive, np.ndarray):
        raise WrongValueError(
            f"{path} is a single array (npy); expected an npz file: np.savez({path.stem!r}, x=array)."
        )
    return content


def _as_images(path: Path, name: str, array: Array) -> Array:
    """The array as (N, C, H, W)."""
    if array.dtype.kind not in "iub":
        raise WrongValueError(
            f"{name} in {path} has dtype {array.dtype}; expected integer levels. Convert images in [0, 1] with "
            "(x * 255).round().astype('uint8')."
        )
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise WrongValueError(
            f"{name} in {path} has shape {array.shape}; expected (N, H, W) or (N, C, H, W), none of them 0."
        )
    if array.min() < 0:
        place = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise WrongValueError(f"{name} in {path} holds {array[place]} at {place}; expected levels of 0 or more.")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.ndim == 3:
        return array[:, None]
    if array.shape[3] == 3 and array.shape[1] != 3:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array


def _labels(path: Path, name: str, content: Mapping[str, Array], count: int) -> Array | None:
    candidates = [f"{name}_labels", "labels"] if name in SINGLE else [f"{name}_labels"]
    for key in candidates:
        if key in content:
            labels = content[key]
            if labels.dtype.kind not in "iu" or labels.shape != (count,):
                raise WrongValueError(
                    f"{key} in {path} is {labels.dtype} of shape {labels.shape}; expected {count} integers, "
                    "one an image."
                )
            return labels
    return None


def _levels(path: Path, content: Mapping[str, Array], arrays: Mapping[str, Array]) -> int:
    largest = max(int(array.max()) for array in arrays.values())
    if "levels" not in content:
        if largest <= 1:
            return 2
        return 256 if all(array.dtype == np.uint8 for array in arrays.values()) else largest + 1
    given = content["levels"]
    if given.dtype.kind not in "iu" or given.size != 1 or int(given.item()) < 2:
        raise WrongValueError(f"levels in {path} is {given}; expected a whole number of at least 2.")
    if largest >= int(given.item()):
        raise WrongValueError(
            f"{path} holds level {largest}, but says levels = {given.item()}; expected 0 ... levels - 1."
        )
    return int(given.item())
