"""The rules that every way in shares: which axis is which, how many levels there are, what labels and splits are.

axes     (N, H, W) is grey. Of four axes the channels are the second or the last: the one of at most 4, or that is
         smaller than both others; where that fits both or neither, the shape is refused (`axes` says which).
levels   What an image file's depth says: 256, and 65,536 where all 16 bits are kept. Of arrays, whatever their dtype:
         the largest value plus one, but 256 where that is 128 ... 255, as in images of 8 bits. `levels` says otherwise.
labels   One whole number or one string an image. Others are left out with the reason, and stop nobody.
splits   Names whatever their capitals and usual spellings. What has no splits is divided by a hash of its names.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from pixelsnail.data.store import Array, Labels
from pixelsnail.errors import WrongValueError

SPLITS = ("train", "validation", "test")

CHANNELS = 4
"""As many channels images usually have at most."""

# Splits

SPELLINGS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "validate", "val", "dev"),
    "test": ("test", "testing", "tst"),
}
UNKNOWN = ("holdout", "heldout", "unseen")
"""Words of a split that is none of the three."""
FILLERS = ("set", "split", "part", "images", "image", "imgs", "img", "data", "x", "folder")
"""Words that say nothing of a split: `Train_Images` is train."""
_SPLIT_OF = {word: split for split, spellings in SPELLINGS.items() for word in spellings}


def words(name: str) -> list[str]:
    """The words of a name in small letters, without numbers: `trainX`, `TRAIN-x` and `train2017_x` are train, x."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W\d_]+", apart.lower()) if word]


def split_of(name: str) -> str | None:
    """The split that a name means, or None. Raises WrongValueError for one that looks like a split's and is not known.

    So nothing is trained on that its owner calls test.
    """
    found = words(name)
    splits = {_SPLIT_OF[word] for word in found if word in _SPLIT_OF}
    others = [word for word in found if word not in _SPLIT_OF and word not in FILLERS]
    if not splits and not set(others) & set(UNKNOWN):
        return None
    if len(splits) == 1 and not others:
        return splits.pop()
    raise WrongValueError(
        f"{name!r} looks like a split's name and is none; expected train, validation or test: rename it."
    )


def find(names: Iterable[str], where: str) -> dict[str, str]:
    """Split -> the name it has. Raises WrongValueError for two names of one split and for what looks like a split."""
    found: dict[str, str] = {}
    for name in names:
        try:
            split = split_of(name)
        except WrongValueError as error:
            raise WrongValueError(f"In {where}, {error}") from None
        if split in found:
            raise WrongValueError(
                f"{where} holds {found[split]} and {name}, which both mean {split}; expected one: join or rename them."
            )
        if split is not None:
            found[split] = name
    return {split: found[split] for split in SPLITS if split in found}


def rank(name: str) -> int:
    """A number that looks random and is the same everywhere."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big")


def divide(names: Sequence[str]) -> dict[str, Array]:
    """Split -> indices: 80 % train, 10 % validation, 10 % test by the hash of each name, none of three empty.

    So an image stays where it is when others come or go. A split that got nothing takes the image of the lowest hash
    from the largest; of two images one trains and one validates, of one it trains.
    """
    ranks = [rank(name) for name in names]
    tenths = ("train",) * 8 + ("validation", "test")
    parts = {split: [i for i, r in enumerate(ranks) if tenths[r % 10] == split] for split in SPLITS}
    for split in SPLITS:
        largest = max(SPLITS, key=lambda other: (len(parts[other]), -SPLITS.index(other)))
        spare = len(parts[largest]) > 1 or split == "train" or (split == "validation" and largest == "test")
        if not parts[split] and parts[largest] and spare:
            moved = min(parts[largest], key=lambda i: ranks[i])
            parts[largest].remove(moved)
            parts[split] = [moved]
    return {split: np.array(parts[split], dtype=np.int64) for split in SPLITS if parts[split]}


def hold_out(count: int, validation: int, last: bool = False) -> tuple[Array, Array]:
    """The numbers of `count` images that train, and of `validation` that are held out: the last, else those of the
    highest hashes, since a folder or an array may be sorted by class."""
    order = list(range(count))
    if not last:
        order.sort(key=lambda number: rank(str(number)))
    parts = order[: count - validation], order[count - validation :]
    return np.sort(np.array(parts[0], dtype=np.int64)), np.sort(np.array(parts[1], dtype=np.int64))


# Axes


def as_images(array: Array, name: str, axes: str | None = None) -> Array:
    """A view (N, C, H, W) of an array. `axes` is "NHW", "NCHW" or "NHWC" where the shape may be read in two ways.

    Raises WrongValueError for a shape that is no set of images or may be read in two ways.
    """
    shape = array.shape
    if axes is not None and (axes not in ("NHW", "NCHW", "NHWC") or len(axes) != len(shape)):
        raise WrongValueError(
            f"axes is {axes!r}, but {name} has shape {shape}; expected NHW, NCHW or NHWC, one an axis."
        )
    if 0 in shape:
        raise WrongValueError(f"{name} has shape {shape}; expected at least one image of at least one pixel.")
    if array.ndim == 3 and (axes == "NHW" or not (axes is None and shape[2] == 3 and min(shape[:2]) > CHANNELS)):
        return array[:, None]
    if array.ndim == 3:
        raise WrongValueError(
            f"{name} has shape {shape}, which is {shape[0]} grey images of {shape[1]} x 3 or one RGB image of "
            f"{shape[0]} x {shape[1]}; give it a fourth axis, or say which: axes NHW."
        )
    if array.ndim != 4:
        flat = " An image a row has to get its height and width back." if array.ndim == 2 else ""
        raise WrongValueError(f"{name} has shape {shape}; expected (N, H, W), (N, C, H, W) or (N, H, W, C).{flat}")
    return array if (axes or _order(shape, name)) == "NCHW" else array.transpose(0, 3, 1, 2)


def _order(shape: tuple[int, ...], name: str) -> str:
    _, a, b, d = shape
    first = a <= CHANNELS or a < min(b, d)
    last = d <= CHANNELS or d < min(a, b)
    if first and last and a == 1:  # a height of 1 and channels last is no image that anybody has, a small one is
        last = d == 1 and b > 1
    if first == last:
        raise WrongValueError(
            f"{name} has shape {shape}, which is {a} channels of {b} x {d} or {d} channels of {a} x {b}; say which: "
            "axes NCHW or NHWC (in an npz file, an array named axes)."
        )
    return "NCHW" if first else "NHWC"


# Levels


def whole(array: Array, name: str) -> tuple[Array, str | None]:
    """The array as integers, and what had to be said. Whole-number floats are levels; other numbers are refused."""
    if array.dtype.kind in "iu":
        return array, None
    if array.dtype.kind == "b":
        return array.astype(np.uint8), None
    if array.dtype.kind != "f":
        raise WrongValueError(f"{name} has dtype {array.dtype}; expected whole numbers, the levels of images.")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise WrongValueError(f"{name} holds {array[place]} at {place}; expected whole numbers.")
    least, largest = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if (array == np.rint(array)).all():
        small = least >= 0 and largest < 2**16
        return array.astype(np.uint16 if small else np.int64), f"whole numbers of {array.dtype} taken as levels"
    if least >= 0 and largest <= 1:
        hint = "Images of 256 levels in [0, 1] become levels by 255 x, rounded."
    elif least >= -1 and largest <= 1:
        hint = "Images of 256 levels in [-1, 1] become levels by 127.5 (x + 1), rounded."
    else:
        hint = "Round or quantise them first: a likelihood is of whole numbers."
    raise WrongValueError(
        f"{name} holds {array.dtype} from {least:g} to {largest:g} with fractions; expected whole numbers. {hint}"
    )


def check_not_negative(array: Array, name: str) -> None:
    """Raises WrongValueError with the first level below 0."""
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        place = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise WrongValueError(f"{name} holds {array[place]} at {place}; expected levels of 0 or more.")


def check_given(levels: object, name: str = "levels") -> int:
    """A number of levels that somebody gave. Raises WrongValueError unless it is whole and at least 2."""
    from operator import index

    try:
        number = index(levels)  # type: ignore[arg-type]  # what is no whole number is what is looked for
    except TypeError:
        number = 0
    if number < 2:
        raise WrongValueError(f"{name} is {levels}; expected a whole number of at least 2.")
    return number


def count_levels(largest: int, given: int | None, name: str) -> tuple[int, str]:
    """How many levels arrays have whose largest value is this, and the reason where nobody said."""
    if given is not None:
        if largest >= given:
            raise WrongValueError(f"{name} holds level {largest}, but levels is {given}; expected 0 ... {given - 1}.")
        return given, ""
    if largest <= 1:
        return 2, "none is above 1"
    if 128 <= largest <= 255:
        return 256, "as of 8 bits"
    return largest + 1, "the largest plus one"


# Labels


@dataclass(frozen=True)
class Unusable:
    """Why there are no labels."""

    reason: str


def as_labels(values: Array, count: int, name: str) -> Labels | Unusable:
    """One label an image from (N,) or (N, 1) whole numbers or strings, or from one-hot rows; else why not."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    elif _one_hot(values):
        return as_labels(values.argmax(1), count, name)
    if values.shape != (count,):
        return Unusable(f"{name} has shape {values.shape}, which is not one label for each of {count} images")
    if values.dtype.kind in "US":
        names, numbers = np.unique(values.astype(str), return_inverse=True)
        return Labels(numbers.astype(np.int64), len(names), tuple(names.tolist()))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return Unusable(f"{name} has no label at {int(np.argmin(np.isfinite(values)))}")
    if values.dtype.kind not in "iufb" or (values.dtype.kind == "f" and (values != np.rint(values)).any()):
        return Unusable(f"{name} holds {values.dtype}, which is no class")
    return Labels.of(values.astype(np.int64))


def _one_hot(values: Array) -> bool:
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "iufb":
        return False
    return bool(((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all())


def common_classes(found: Mapping[str, Labels]) -> dict[str, Labels]:
    """The labels of several splits with the classes of all of them."""
    if found and all(labels.names for labels in found.values()):
        if len({labels.names for labels in found.values()}) == 1:
            return dict(found)
        names = tuple(sorted({name for labels in found.values() for name in labels.names or ()}))
        return {split: labels.renumbered(names) for split, labels in found.items()}
    counts = [labels.classes for labels in found.values()]
    classes = None if None in counts else max((count for count in counts if count is not None), default=None)
    return {split: Labels(labels.values, classes, None) for split, labels in found.items()}
