"""MNIST's own files: two of images and two of labels, in the idx format of its web page."""

import gzip
import zlib
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from pixelsnail.data.store import Array, Splits, Store, in_memory
from pixelsnail.errors import MissingFileError, WrongValueError

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def open_mnist(folder: str) -> Splits:
    """The splits of a folder that holds the four idx files, gzipped or not: train and test.

    Raises FileNotFoundError for a file that is not there, ValueError for a damaged one, when a split is read.
    """
    return {split: partial(_read_split, Path(folder), *names) for split, names in FILES.items()}


def _read_split(folder: Path, images_name: str, labels_name: str) -> Store:
    images_file, labels_file = _find(folder, images_name), _find(folder, labels_name)
    images = read_idx(images_file, dimensions=3)
    labels = read_idx(labels_file, dimensions=1)
    if len(images) != len(labels):
        raise WrongValueError(
            f"{images_file} holds {len(images)} images, but {labels_file} {len(labels)} labels; expected one each. "
            "Take both files from the same copy of MNIST."
        )
    return in_memory(images[:, None], 256, labels)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    problem = "does not exist" if not folder.exists() else f"holds no {name}"
    expected = ", ".join(file for names in FILES.values() for file in names)
    raise MissingFileError(
        f"{folder} {problem}; expected the four idx files of MNIST, gzipped or not: {expected}. "
        "They are not downloaded: put a copy there, or use the digits of mnist-mini, which come with pixelsnail."
    )


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
        raise WrongValueError(f"{path} cannot be decompressed ({error}). Replace it by a good copy.") from None
