"""Files of arrays: npz, npy, and tensors that torch saved.

Arrays of images are `x`, `images`, `data`, `codes` or `arr_0`, or `train`, `x_train`, `train_images`, ... for splits;
labels are `y`, `labels`, `targets` and `train_labels`, `y_train`, `x_labels`, ... beside them. `levels` and `axes` are
numbers of levels and "NCHW" or "NHWC". One array of images alone may have any name.

Of several sets of images in one file, as the levels of a hierarchy of codes, a location names one: `codes.npz#top` is
the array `top`, or `train_top`, `validation_top` and `test_top` (`top_train` too), with `top_levels` or else `levels`.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from pixelsnail.data import loading, rules
from pixelsnail.data.contents import Content, Flat, Named
from pixelsnail.data.rules import Unusable
from pixelsnail.data.store import Array, Labels, Store, in_memory, keyed
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
    place, name = keyed(location)
    path = Path(place)
    content = loading.load(path)
    images, labels, unused = _sorted(path, content) if name is None else _named(path, content, name)
    axes = axes or (str(content["axes"]) if "axes" in content else None)
    said = f"{name}_levels" if f"{name}_levels" in content else "levels"
    if levels is None and said in content:
        levels = _said_levels(path, content[said], said)
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


def _named(path: Path, content: Mapping[str, Array], wanted: str) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The same for the arrays that are asked for by name, `top` or `train_top`, `top_test`, ...: of the others, labels
    are theirs, and the rest was not asked for."""
    images: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    for key, array in content.items():
        split = _split_of(key, wanted)
        if split is not None:
            if split in images:
                raise WrongValueError(f"{path} holds {images[split]} and {key}, which both mean {split}; expected one.")
            images[split] = key
        elif array.ndim <= 2 and set(rules.words(key)) & LABEL_WORDS:
            labels.setdefault(_meaning(key, array.ndim, path)[0], []).append(key)
    if not images:
        held = ", ".join(content) or "nothing"
        raise WrongValueError(f"{path} holds {held}; expected an array {wanted}, or train_{wanted} and so on.")
    unused = [images.pop("")] if "" in images and len(images) > 1 else []
    return images, _labels_of(content, images, labels, unused), unused


def _split_of(key: str, wanted: str) -> str | None:
    """The split of the wanted array that a name means, "" for all of it; None for another array's name."""
    if key == wanted:
        return ""
    rest = key.removesuffix(f"_{wanted}") if key.endswith(f"_{wanted}") else key.removeprefix(f"{wanted}_")
    try:
        return None if rest == key else rules.split_of(rest)
    except WrongValueError:
        return None


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
        several = f", or the name of one: {path}#{possible[-1]}" if possible else ""
        raise WrongValueError(f"{path} holds {held}; expected {EXPECTED}{several}.")
    unused.remove(possible[0])
    return {"": possible[0]}


def _said_levels(path: Path, given: Array, name: str) -> int:
    if given.size != 1:
        raise WrongValueError(f"{name} in {path} is {given}; expected one whole number of at least 2.")
    return rules.check_given(given.item(), f"{name} in {path}")
