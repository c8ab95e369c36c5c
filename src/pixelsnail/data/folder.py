"""Image files: grey ones become C = 1, colour ones (those with a palette too) C = 3."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelsnail.data import splits
from pixelsnail.data.store import Array, Splits, Store, in_memory
from pixelsnail.errors import MissingFileError, WrongValueError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3}
"""Pillow's modes that are 8-bit grey or colour, with an alpha channel only where it hides nothing."""

MEMORY = 2**30
"""Bytes of levels that are decoded when the folder is opened; more are decoded batch by batch."""


def open_folder(location: str) -> Splits:
    """The splits of a folder: its sub-folders train, validation and test, else its images by a hash of their names.

    A split holds images, or sub-folders of images: then these are the classes, numbered in the order of their names.
    """
    folder = Path(location)
    if not folder.is_dir():
        raise MissingFileError(f"There is no folder {folder}; expected one with images ({', '.join(SUFFIXES)}).")
    named = splits.find(entry.name for entry in folder.iterdir() if entry.is_dir())
    if named:
        files = {split: _files(folder / name) for split, name in named.items()}
    else:
        every = _files(folder)
        files = {
            split: [f for f in every if splits.of(f.relative_to(folder).as_posix()) == split] for split in splits.SPLITS
        }
    if not any(files.values()):
        raise MissingFileError(f"{folder} holds no images; expected files that end in {', '.join(SUFFIXES)}.")
    roots = {split: folder / named.get(split, "") for split in files}
    classes = _in_order({f.parent.name for split in files for f in files[split] if f.parent != roots[split]})
    return {split: partial(read_files, found, roots[split], classes) for split, found in files.items()}


def read_files(files: Sequence[Path], root: Path | None = None, classes: Sequence[str] = ()) -> Store:
    """A store of these image files; the folder of each below `root` is its class.

    Raises ValueError for a file that is no image or has another shape than the first, FileNotFoundError for none.
    """
    shapes = [_shape(file) for file in files]
    for file, shape in zip(files, shapes, strict=True):
        if shape != shapes[0]:
            raise WrongValueError(
                f"{file} is {_words(shape)}, but {files[0]} is {_words(shapes[0])}; expected images of one shape. "
                "Resize or convert them first."
            )
    shape = shapes[0] if files else (1, 1, 1)
    labels = np.array([classes.index(file.parent.name) for file in files], dtype=np.int64) if classes else None
    decode = partial(_decode_files, list(files), shape)
    if len(files) * prod(shape) <= MEMORY:
        return in_memory(decode(np.arange(len(files))), 256, labels)
    return Store(len(files), 256, shape, labels, decode)


def decode(image: "Image", name: str) -> Array:
    """The levels (C, H, W), uint8, of a Pillow image; `name` is what an error calls it."""
    channels = _channels(image, name)
    with _naming(name):
        image.load()
    if image.mode in ("LA", "RGBA") and image.getextrema()[-1] != (255, 255):
        raise WrongValueError(f"{name} has transparent pixels; expected grey or RGB. Put it on a background first.")
    levels = np.array(image.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return levels[None] if channels == 1 else levels.transpose(2, 0, 1)


def _files(split: Path) -> list[Path]:
    """The images of a split in the order of their names; in its sub-folders if it has none itself."""
    entries = sorted(entry for entry in split.iterdir() if not entry.name.startswith("."))
    own = [entry for entry in entries if _is_image(entry)]
    nested = [f for entry in entries if entry.is_dir() for f in sorted(entry.iterdir()) if _is_image(f)]
    if own and nested:
        raise WrongValueError(
            f"{split} holds images ({own[0].name}) beside sub-folders with images ({nested[0].parent.name}); expected "
            "either images, or one sub-folder a class."
        )
    return own or nested


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _in_order(names: set[str]) -> list[str]:
    """By number where all names are numbers, else by name."""
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _decode_files(files: Sequence[Path], shape: tuple[int, int, int], numbers: Array) -> Array:
    levels = np.empty((len(numbers), *shape), dtype=np.uint8)
    for place, number in zip(levels, numbers.tolist(), strict=True):
        with _opened(files[number]) as image:
            place[:] = decode(image, str(files[number]))
    return levels


def _shape(file: Path) -> tuple[int, int, int]:
    """(C, H, W) from the file's header."""
    with _opened(file) as image:
        return _channels(image, str(file)), image.height, image.width


def _channels(image: "Image", name: str) -> int:
    if image.mode not in CHANNELS:
        raise WrongValueError(f"{name} has Pillow's mode {image.mode}; expected 8-bit grey or RGB. Convert it first.")
    return CHANNELS[image.mode]


@contextmanager
def _opened(file: Path) -> "Iterator[Image]":
    from PIL import Image

    if not file.is_file():
        raise MissingFileError(f"There is no file {file}; expected an image.")
    with _naming(str(file)):
        image = Image.open(file)
    with image:
        yield image


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Names the file in Pillow's errors, which are of many types and often do not."""
    try:
        yield
    except PermissionError:
        raise
    except Exception as error:
        reason = "no known image format" if type(error).__name__ == "UnidentifiedImageError" else error
        raise WrongValueError(f"{name} cannot be read as an image ({reason}). Replace or remove it.") from None


def _words(shape: tuple[int, int, int]) -> str:
    return f"{'grey' if shape[0] == 1 else 'RGB'}, {shape[1]} x {shape[2]}"
