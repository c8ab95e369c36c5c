"""Files of arrays: npz, npy, and tensors that torch saved.

Arrays of images are `x`, `images`, `data`, `codes` or `arr_0`, or `train`, `x_train`, `train_images`, ... for splits;
labels are `y`, `labels`, `targets` and `train_labels`, `y_train`, `x_labels`, ... beside them. `levels` and `axes` are
numbers of levels and "NCHW" or "NHWC". One array of images alone may have any name.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from pixelsnail.data import loading, rules
from pixelsnail.data.contents import Content, Flat, Named
from pixelsnail.data.rules import Unusable
from pixelsnail.data.store import Array, Labels, Store, in_memory
from pixelsnail.errors import WrongValueError

IMAGE_WORDS = {"x", "images", "image", "imgs", "img", "data", "codes", "inputs", "samples"}
LABEL_WORDS = {"y", "labels", "label", "targets", "target", "classes", "class"}
SAID = ("levels", "axes", "source", "licence", "license")
"""Arrays that are about the others."""
EXPECTED = "an array x, images or codes, or train, validation and test (x_train and train_images too)"


def open_arrays(location: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a file of arrays, or its one array.

    Raises FileNotFoundError, or ValueError for a file that cannot be read or holds anything else (no pickled objects).
    """
    path = Path(location)
    content = loading.load(path)
    images, labels, unused = _sorted(path, content)
    axes = axes or (str(content["axes"]) if "axes" in content else None)
    if levels is None and "levels" in content:
        levels = _said_levels(path, content["levels"])
    notes = [f"array {key} not used" for key in unused]
    if "" in images and images[""] not in ("x", "images"):
        notes.append(f"array {images['']} of the file")
    full = {split: key for split, key in images.items() if content[key].size} or images
    notes += [f"array {key} is empty" for split, key in images.items() if split not in full]
    stores = cache(
        lambda: build(
            {split: content[key] for split, key in full.items()},
            {split: f"{key} in {path}" for split, key in full.items()},
            {split: (labels[split], content[labels[split]]) if split in labels else None for split in full},
            levels,
            axes,
            notes,
        )
    )
    if "" in full:
        count = _count(content[full[""]]) or stores()[""].count  # without images the rules say what is wrong
        return Flat(lambda _: stores()[""], lambda: [str(i) for i in range(count)], "their indices", count)
    return Named({split: partial(lambda split: stores()[split], split) for split in rules.SPLITS if split in full})


def build(
    images: Mapping[str, Array],
    names: Mapping[str, str],
    labels: Mapping[str, tuple[str, Array] | None],
    levels: int | None,
    axes: str | None,
    notes: list[str],
) -> dict[str, Store]:
    """Stores of arrays by the rules, the levels and classes those of all splits."""
    arrays: dict[str, Array] = {}
    for split, array in images.items():
        whole, note = rules.whole(array, names[split])
        rules.check_not_negative(whole, names[split])
        arrays[split] = rules.as_images(whole, names[split], axes)
        notes += [note] if note else []
        if array.ndim == 4 and arrays[split].shape != array.shape:
            notes.append("channels last")
    largest, worst = max((int(array.max()), split) for split, array in arrays.items())
    count, why = rules.count_levels(largest, levels, names[worst])
    found = {split: _labels(labels.get(split), len(array)) for split, array in arrays.items()}
    classes = rules.common_classes({split: own for split, own in found.items() if isinstance(own, Labels)})
    return {
        split: in_memory(
            array,
            count,
            classes.get(split),
            levels_from=why,
            notes=tuple(dict.fromkeys(notes)),
            unlabelled=own.reason if isinstance(own := found[split], Unusable) else "",
        )
        for split, array in arrays.items()
    }


def _labels(named: tuple[str, Array] | None, count: int) -> Labels | Unusable:
    return Unusable("") if named is None else rules.as_labels(named[1], count, named[0])


def _count(array: Array) -> int:
    return array.shape[0] if array.ndim else 0


def _sorted(path: Path, content: Mapping[str, Array]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Split ("" for the only one) -> the name of its images, of its labels; and the names that nothing was made of."""
    images: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    unused: list[str] = []
    for key, array in content.items():
        split, role = _meaning(key, array.ndim, path)
        if role is None:
            unused += [key] if key not in SAID else []
        elif role == "labels":
            labels.setdefault(split, []).append(key)
        elif split in images:
            raise WrongValueError(
                f"{path} holds {images[split]} and {key}, which may both be {split or 'the'} images; expected one: "
                "leave out or rename the other."
            )
        else:
            images[split] = key
    if not images:
        images = _only_array(path, content, unused)
    if "" in images and len(images) > 1:
        unused.append(images.pop(""))
    return images, _labels_of(content, images, labels, unused), unused


def _meaning(key: str, dimensions: int, path: Path) -> tuple[str, str | None]:
    """The split ("" for none) and the role ("images", "labels" or None) that the name of an array means."""
    if key in ("arr_0", "arr_1"):
        return "", ("images", "labels")[int(key[-1])]
    words = set(rules.words(key))
    role = "labels" if words & LABEL_WORDS else "images"
    rest = words - LABEL_WORDS - IMAGE_WORDS
    if not rest:
        return "", role if words else None
    try:
        split = rules.split_of("_".join(rest))
    except WrongValueError:
        if dimensions < 3:  # no images that could be trained on
            return "", None
        raise WrongValueError(
            f"{key} in {path} looks like a split's name and is none; expected train, validation or test: rename it."
        ) from None
    return ("", None) if split is None else (split, role)


def _labels_of(
    content: Mapping[str, Array], images: Mapping[str, str], labels: dict[str, list[str]], unused: list[str]
) -> dict[str, str]:
    """Split -> the name of its labels: of several the first with a label an image.

    Labels without a split are those of the one split that has none and as many images; the rest become `unused`.
    """
    shared = labels.pop("", []) if "" not in images else []
    for key in shared:
        fitting = [s for s, name in images.items() if s not in labels and _count(content[name]) == _count(content[key])]
        if len(fitting) == 1:
            labels[fitting[0]] = [key]
        else:
            unused.append(key)
    chosen = {}
    for split, keys in labels.items():
        fitting = [key for key in keys if split in images and _count(content[key]) == _count(content[images[split]])]
        if split in images:
            chosen[split] = (fitting or keys)[0]
        unused += [key for key in keys if key != chosen.get(split)]
    return chosen


def _only_array(path: Path, content: Mapping[str, Array], unused: list[str]) -> dict[str, str]:
    """The one array that can be images, whatever its name."""
    possible = [key for key in unused if content[key].ndim in (3, 4)]
    if len(possible) != 1:
        held = ", ".join(content) or "nothing"
        raise WrongValueError(f"{path} holds {held}; expected {EXPECTED}.")
    unused.remove(possible[0])
    return {"": possible[0]}


def _said_levels(path: Path, given: Array) -> int:
    if given.size != 1:
        raise WrongValueError(f"levels in {path} is {given}; expected one whole number of at least 2.")
    return rules.check_given(given.item(), f"levels in {path}")
