"""The idx files of MNIST and of the sets in its form: Fashion-MNIST, KMNIST, EMNIST."""

import gzip
import re
import zlib
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from pixelsnail.data import rules
from pixelsnail.data.contents import Content, Named
from pixelsnail.data.rules import Unusable
from pixelsnail.data.store import Array, Labels, Store, in_memory
from pixelsnail.errors import MissingFileError, WrongValueError, reason

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_NAME = re.compile(r"(?:(?P<set>.+)-)?(?P<split>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(?:\.gz)?")
"""`train-images-idx3-ubyte.gz`, `train-images.idx3-ubyte`, `emnist-letters-test-labels-idx1-ubyte`."""


def open_mnist(location: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a folder of idx files, gzipped or not: train and test.

    They may be in the folder, in its `raw`, or in NAME/raw (torchvision's layout). Where a folder has several sets, as
    EMNIST's, one is chosen by FOLDER/NAME: `mnist:data/emnist-letters`.
    Raises FileNotFoundError for files that are not there, ValueError for damaged images, when a split is read.
    """
    del levels, axes
    folder, files = _choose(Path(location))
    splits = {split: files.get(split, {}) for split in FILES}
    return Named({split: partial(_read_split, folder, split, files) for split, found in splits.items() if found})


Files = dict[str, dict[str, Path]]
"""Split -> "images" and "labels" -> file."""


def _choose(location: Path) -> tuple[Path, Files]:
    """The one set of idx files that a location means."""
    if location.is_dir():
        places, wanted = [location, location / "raw", *sorted(location.glob("*/raw"))], None
    else:
        places, wanted = [location.parent, location.parent / "raw"], location.name
    sets: dict[tuple[Path, str], Files] = {}
    for place in places:
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            if match and path.is_file() and wanted in (None, match["set"]):
                split = "train" if match["split"] == "train" else "test"
                sets.setdefault((place, match["set"] or ""), {}).setdefault(split, {}).setdefault(match["what"], path)
    if not sets:
        raise MissingFileError(_nothing(location))
    if len(sets) > 1:
        names = [str(place / name if name else place) for place, name in sets]
        raise WrongValueError(f"{location} holds several sets of idx files; say which: mnist:{', mnist:'.join(names)}.")
    ((place, _), files), *_ = sets.items()
    return place, files


def _nothing(folder: Path) -> str:
    problem = "does not exist" if not folder.exists() else f"holds no {FILES['train'][0]}"
    expected = ", ".join(file for names in FILES.values() for file in names)
    return (
        f"{folder} {problem}; expected the four idx files of MNIST, gzipped or not: {expected}. "
        "They are not downloaded: put a copy there, or use the digits of mnist-mini, which come with pixelsnail."
    )


def _read_split(folder: Path, split: str, files: Files) -> Store:
    found = files[split]
    if "images" not in found:
        raise MissingFileError(f"{folder} holds no {FILES[split][0]}, only {found['labels'].name}; put a copy there.")
    images = read_idx(found["images"], dimensions=3)
    notes: tuple[str, ...] = ()
    if found["images"].name.startswith("emnist"):
        images, notes = images.transpose(0, 2, 1), ("EMNIST's images, which lie on their side, turned upright",)
    labels = {name: _read_labels(own, name == split, len(images)) for name, own in files.items()}
    classes = rules.common_classes({name: own for name, own in labels.items() if isinstance(own, Labels)})
    own = labels[split]
    reason = own.reason if isinstance(own, Unusable) else ""
    return in_memory(images[:, None], 256, classes.get(split), notes=notes, unlabelled=reason)


def _read_labels(files: dict[str, Path], own: bool, count: int) -> Labels | Unusable:
    """The labels of a split; those of another than one's `own` only say how many classes there are."""
    if "labels" not in files:
        return Unusable(f"no labels beside {files['images'].name}")
    try:
        values = read_idx(files["labels"], dimensions=1)
    except WrongValueError as error:
        return Unusable(str(error).rstrip("."))
    return rules.as_labels(values, count if own else len(values), files["labels"].name)


def read_idx(path: Path, dimensions: int) -> Array:
    """The unsigned bytes of an idx file with so many dimensions. Raises ValueError, naming the file, if it is damaged.

    Big-endian: two zero bytes, 8 for unsigned bytes, the number of dimensions, each size in four bytes, the values.
    """
    content = _content(path)
    start = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)):
        raise WrongValueError(
            f"{path} begins with the bytes {content[:4].hex(' ') or '(none)'}; expected 00 00 08 {dimensions:02x}, an "
            f"idx file of {dimensions} dimension{'s' * (dimensions > 1)}. Replace it by a good copy."
        )
    if len(content) < start:
        raise WrongValueError(f"{path} ends after {len(content)} bytes, in its header. Replace it by a good copy.")
    sizes = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    if len(content) - start != prod(sizes):
        announced = " x ".join(map(str, sizes))
        raise WrongValueError(
            f"{path} holds {len(content) - start} values, but its header announces {announced}; it is "
            "truncated or damaged. Replace it by a good copy."
        )
    if prod(sizes) == 0:
        raise WrongValueError(f"{path} holds no values; expected at least one image. Replace it by a good copy.")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(sizes)


def _content(path: Path) -> bytes:
    """The bytes of a file, decompressed if they are gzipped, whatever its name."""
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise WrongValueError(f"{path} cannot be decompressed ({reason(error)}). Replace it by a good copy.") from None
