"""One string names a source: `mnist-mini`, `mnist:FOLDER`, `folder:PATH`, `npz:PATH`, `hf:NAME` and others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsIndex

import numpy as np

from pixelsnail.data import binarization, rules
from pixelsnail.data.array_files import open_arrays
from pixelsnail.data.cifar import open_cifar10, open_imagenet32
from pixelsnail.data.contents import Content, Flat, Named
from pixelsnail.data.folder import open_folder
from pixelsnail.data.hugging_face import open_hub
from pixelsnail.data.images import Images
from pixelsnail.data.mnist import open_mnist
from pixelsnail.data.photos import open_photos
from pixelsnail.data.store import Array, Store, concatenated, keyed, limited
from pixelsnail.errors import WrongValueError
from pixelsnail.names import nearest

GIVEN = "memory"
"""Stands for images that were handed over in memory, with their fingerprint: memory:9c1a5e0f4b7d2836."""
KEYED = ("npz", "pt", "hf")
"""Sources that may hold several sets of images: npz:FILE#NAME is one of them."""
ALL = "all"
"""Judging: a source without splits whole, all the splits of others one after another."""


@dataclass(frozen=True)
class Source:
    """A kind of source: `form` is how it is written, `open` opens it, `binarize` is its default.

    open(location, levels, axes) takes what was said of levels and axes, or None.
    """

    form: str
    open: Callable[[str, int | None, str | None], Content]
    binarize: str = "none"


def _open_mini(_: str, levels: int | None, axes: str | None) -> Content:
    return open_arrays(str(Path(__file__).with_name("mnist_mini.npz")), levels, axes)


SOURCES = {
    "mnist-mini": Source("mnist-mini", _open_mini, "dynamic"),
    "mnist": Source("mnist:FOLDER", open_mnist, "dynamic"),
    "folder": Source("folder:PATH", open_folder),
    "npz": Source("npz:PATH", open_arrays),
    "npy": Source("npy:PATH", open_arrays),
    "pt": Source("pt:PATH", open_arrays),
    "cifar10": Source("cifar10:FOLDER", open_cifar10),
    "imagenet32": Source("imagenet32:FOLDER", open_imagenet32),
    "hf": Source("hf:NAME", open_hub),
    "photos": Source("photos", open_photos),
}


def open(
    source: str,
    split: str = "train",
    *,
    binarize: str | None = None,
    seed: int = 0,
    validation: int = 0,
    levels: SupportsIndex | None = None,
    axes: str | None = None,
    maps: str | None = None,
) -> Images:
    """One split of a source: "train", "validation", "test", or "all" (for judging: nothing is divided).

    `binarize` makes bits of 8-bit grey images: "dynamic" draws them with P(1) = level / 255, anew each epoch;
    "threshold" gives 1 from level 128 on; "none" keeps the levels. None is dynamic for MNIST, none for all else.
    `seed` is that of the training images' dynamic draws. `validation` images are held out from training where a
    source has no validation split of its own (MNIST's last ones; a fixed random choice of others). `levels` says how
    many levels there are where the rule would not (`rules`); of images of 16 bits 65536 keeps all, else the upper 8
    bits are. `axes` ("NHW", "NCHW", "NHWC") says which axis of an array is which, where its shape does not.
    `maps` is the source of a map for each image (`Images.with_maps`), or the name of an array or column beside the
    images: `open("npz:codes.npz#bottom", maps="top")`. Its splits have to be those of the images.

    Raises ValueError for a wrong argument, a split that is not there and damaged data, FileNotFoundError for missing
    files, ModuleNotFoundError for a missing extra. Nothing is written beside the data.
    """
    opened = Opened(source, levels=levels, axes=axes)
    return opened.images(split, binarize=binarize, seed=seed, validation=validation, maps=maps)


class Opened:
    """A source that is opened once for all that is asked of it; arguments and errors are those of `open`."""

    def __init__(self, source: str, *, levels: SupportsIndex | None = None, axes: str | None = None) -> None:
        self.kind, location = parse(source)
        self.source = source
        self.levels = None if levels is None else rules.check_given(levels)
        self.content = SOURCES[self.kind].open(location, self.levels, axes)

    @property
    def is_flat(self) -> bool:
        """Whether it has no splits of its own: whoever judges takes it whole, training divides it."""
        return isinstance(self.content, Flat)

    def splits(self, validation: int = 0) -> tuple[str, ...]:
        """Those that there are, none of them empty, in the order train, validation, test."""
        if isinstance(self.content, Named):
            found = set(self.content.splits)
        elif self.content.at_least >= len(rules.SPLITS):
            found = set(rules.SPLITS)
        else:
            found = set(rules.divide(self.content.names()))
        if validation and "train" in found:
            found.add("validation")
        return tuple(split for split in rules.SPLITS if split in found)

    def images(
        self,
        split: str = "train",
        *,
        binarize: str | None = None,
        seed: int = 0,
        validation: int = 0,
        maps: str | None = None,
    ) -> Images:
        """One split."""
        binarize = SOURCES[self.kind].binarize if binarize is None else binarize
        check_choice("binarize", binarize, binarization.MODES)
        check_choice("split", split, (*rules.SPLITS, ALL))
        if seed < 0 or validation < 0:
            raise WrongValueError(f"seed is {seed} and validation is {validation}; expected at least 0.")
        store, numbers, division = _choose(self.source, self.kind, self.content, split, validation)
        if self.levels is not None and store.levels != self.levels:
            store = limited(store, self.levels, self.source, "levels is")
        images = Images(store, numbers, self.source, split, binarize, seed, division)
        return images if maps is None else _with_maps(images, beside(self.source, maps), validation)


def beside(source: str, name: str) -> str:
    """The source of the maps that `name` means: a source itself, or an array or column where the images are."""
    if name.partition(":")[0] in SOURCES:
        return name
    kind, location = parse(source)
    if kind not in KEYED:
        raise WrongValueError(
            f"The maps are {name!r}, but {source} has no other arrays; expected a source, as npz:FILE#NAME."
        )
    return f"{kind}:{keyed(location)[0]}#{name}"


def _with_maps(images: Images, source: str, validation: int) -> Images:
    maps = open(source, images.split, binarize="none", validation=validation)
    same = np.array_equal(images.numbers, maps.numbers)
    if images.files is not None and maps.files is not None:
        same = same and all(Path(a).stem == Path(b).stem for a, b in zip(images.files, maps.files, strict=False))
    if len(images) == len(maps) and not same:
        raise WrongValueError(
            f"{source} divides its {images.split} images otherwise than {images.source}, or names them otherwise; "
            "expected the map of each image in the same place: give both the same splits."
        )
    return images.with_maps(maps)


def splits_of(source: str, *, validation: int = 0) -> tuple[str, ...]:
    """The splits that `open` would give, none of them empty, in the order train, validation, test."""
    return Opened(source).splits(validation)


def is_flat(source: str) -> bool:
    """Whether a source has no splits of its own: whoever judges takes it whole, training divides it."""
    return Opened(source).is_flat


def resolve(source: str, relative_to: str | Path | None = None) -> str:
    """The source with its path made absolute, so that it is found from any folder; others are returned as they are.

    A relative path is taken from `relative_to`, by default the working folder. A name of the hub stays one.
    """
    if is_given(source):
        return source
    kind, location = parse(source)
    path = Path(relative_to or ".", Path(location).expanduser())
    if not location or (kind == "hf" and not Path(keyed(str(path))[0]).exists()):
        return source
    return f"{kind}:{path.absolute()}"


def is_given(source: str) -> bool:
    """Whether a source stands for images that a training was handed in memory: nobody can open it again."""
    return source.partition(":")[0] == GIVEN


def parse(source: str) -> tuple[str, str]:
    """The kind of source, and where it is."""
    kind, _, location = str(source).partition(":")
    if kind == GIVEN:
        raise WrongValueError(f"{source} stands for images in memory, which cannot be opened again; name a source.")
    forms = ", ".join(entry.form for entry in SOURCES.values())
    if kind not in SOURCES:
        raise WrongValueError(f"There is no data source {source!r}; expected one of {forms}.{_hint(str(source))}")
    form = SOURCES[kind].form
    if bool(location) != (":" in form):
        raise WrongValueError(f"The data source {source!r} is incomplete or has too much; it is written {form}.")
    return kind, str(Path(location).expanduser()) if location.startswith("~") else location


def _hint(source: str) -> str:
    path = Path(source).expanduser()
    suffixes = {".npz": "npz", ".npy": "npy", ".pt": "pt", ".pth": "pt"}
    if path.is_dir():
        return f" Did you mean folder:{source}?"
    if path.suffix in suffixes:
        return f" Did you mean {suffixes[path.suffix]}:{source}?"
    near = nearest(source.partition(":")[0], SOURCES)
    return f" Did you mean {SOURCES[near].form}?" if near else ""


def check_choice(name: str, value: str, valid: Sequence[str]) -> None:
    """Raises ValueError for a word that is none of these."""
    if value not in valid:
        near = nearest(str(value), valid)
        hint = f" Did you mean {near!r}?" if near else ""
        raise WrongValueError(f"{name} is {value!r}; expected one of {', '.join(valid)}.{hint}")


def _choose(source: str, kind: str, content: Content, split: str, validation: int) -> tuple[Store, Array, str]:
    """The images of a split, the numbers that are its own, and how they were told from others."""
    if isinstance(content, Flat):
        return _part(source, content, split, validation)
    found = content.splits
    if validation and "validation" in found:
        raise WrongValueError(
            f"{source} has a validation split of its own; leave validation at 0 instead of {validation}."
        )
    if split == ALL:
        store = concatenated([content.read(name, source) for name in rules.SPLITS if name in found])
        return store, np.arange(store.count), f"of its splits {', '.join(s for s in rules.SPLITS if s in found)}"
    if validation and split != "test":
        return _hold_out(source, kind, content, split, validation)
    if split not in found:
        hint = " Hold training images out: validation=5000." if split == "validation" and "train" in found else ""
        raise WrongValueError(f"{source} has no split {split!r}; it has {', '.join(found)}.{hint}")
    store = content.read(split, source)
    return store, np.arange(store.count), ""


def _part(source: str, content: Flat, split: str, validation: int) -> tuple[Store, Array, str]:
    """Images of a source without splits."""
    if validation:
        raise WrongValueError(
            f"{source} has no splits and is divided 80/10/10 by the hash of {content.by}, which gives it a validation "
            f"split; leave validation at 0 instead of {validation}."
        )
    if split == ALL:
        store = content.read(None)
        return store, np.arange(store.count), ""
    names = content.names()
    parts = rules.divide(names)
    if split not in parts:
        count = len(names)
        raise WrongValueError(
            f"{source} has no split {split!r}: its {count} image{'s' * (count > 1)} without splits are divided by the "
            f"hash of {content.by} into {', '.join(parts)}. Add images, or make folders train, validation and test."
        )
    return content.read(parts[split]), parts[split], f"divided 80/10/10 by the hash of {content.by}"


def _hold_out(source: str, kind: str, content: Named, split: str, validation: int) -> tuple[Store, Array, str]:
    if "train" not in content.splits:
        raise WrongValueError(
            f"{source} has no split 'train' to hold images out of; it has {', '.join(content.splits)}."
        )
    store = content.read("train", source)
    if validation >= store.count:
        raise WrongValueError(
            f"validation is {validation}, but {source} has {store.count} training images; expected fewer."
        )
    train, held = rules.hold_out(store.count, validation, last=kind == "mnist")
    how = f"{validation:,} held out of train for validation, {'its last' if kind == 'mnist' else 'by a hash'}"
    return store, held if split == "validation" else train, how
