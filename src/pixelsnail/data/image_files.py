"""Levels of image files. What a decoder would reduce unseen is found from what the file says, not from the mode after.

depth            8 bits are 256 levels; fewer are scaled to 0 ... 255, as the formats say. Of 16 bits the upper 8 are
                 kept, or all where `levels` says so; colour of 16 bits has no decoder here that keeps all.
transparency     an alpha channel, a transparent colour or palette entry: refused where any pixel uses it.
pages            every page, frame or slice is an image (TIFF, GIF, PNG, WebP); of an MPO photograph the first is.
orientation      turned as EXIF says.
colour           grey is C = 1; RGB and palettes are C = 3, a palette of greys 1. Other spaces are refused by name.
profiles         levels are the file's own numbers: ICC profiles other than sRGB and PNG's gamma are not applied.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data import kinds
from pixelsnail.data.store import Array
from pixelsnail.errors import MissingFileError, WrongValueError, reason

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm",
    ".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".tga", ".pcx", ".qoi",
)  # fmt: skip
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "QOI")
"""Pillow's names of the formats that their first bytes tell: pictures of pixels, nothing that calls a program."""
UNSIGNED = ("DIB", "TGA", "PCX")
"""Those that only a suffix tells."""

GREY, COLOUR = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N", "I"), ("RGB", "RGBA", "RGBa", "PA")
"""Pillow's modes that may be read."""
SPACES = {
    "CMYK": "CMYK",
    "LAB": "CIE L*a*b*",
    "YCbCr": "YCbCr",
    "HSV": "HSV",
    "F": "32-bit floats",
    "RGBX": "RGB and X",
}
ORIENTATION = 0x0112
"""EXIF's number of the orientation: 1 is upright."""
TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


@dataclass(frozen=True, slots=True)
class Page:
    """One image of a file: which, (C, H, W), bits a channel, and what is to be said of it."""

    file: Path
    number: int
    shape: tuple[int, int, int]
    bits: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}#{self.number}" if self.number else str(self.file)


def pages(file: Path) -> list[Page]:
    """The images of a file, from its headers. Raises MissingFileError, or WrongValueError for what is not read."""
    with opened(file) as image:
        count, notes = 1, []
        if image.format == "MPO":
            notes.append("of MPO photographs the first picture")
        else:
            with naming(str(file)):
                count = getattr(image, "n_frames", 1)
        found = []
        for number in range(count):
            with naming(str(file)):
                image.seek(number)
            found.append(_page(image, file, number, notes))
        return found


def _page(image: Any, file: Path, number: int, notes: list[str]) -> Page:
    name = str(file)
    channels, bits = channels_of(image, name), bits_of(image, name)
    with naming(name):
        orientation = image.getexif().get(ORIENTATION, 1)
    height, width = image.height, image.width
    if image.format == "TIFF":  # some versions of Pillow give the size when turned, others as it is stored
        height, width = image.tag_v2[257], image.tag_v2[256]
    if orientation in TURNED:
        height, width = width, height
    shallow = image.mode == "1" or (bits < 8 and image.mode == "L")
    depth = ["fewer than 8 bits scaled to 0 ... 255"] if shallow else []
    return Page(file, number, (channels, height, width), bits, (*notes, *depth, *said(image, orientation)))


def read_pages(found: Sequence[Page], levels: int) -> Iterator[Array]:
    """The levels (C, H, W) of pages: uint8 for 256 levels, else as many bits as a file has.

    Pages of one file that follow each other are read from it in one go: each page of a stack is found from the last.
    """
    for file, run in groupby(found, key=lambda page: page.file):
        with opened(file) as image:
            for page in run:
                if page.number != image.tell():
                    with naming(str(file)):
                        image.seek(page.number)
                yield decode(image, str(file), levels)


def decode(image: Any, name: str, levels: int = 256) -> Array:
    """The levels (C, H, W) of a Pillow image; `name` is what an error calls it. Raises WrongValueError."""
    from PIL import ImageOps

    channels, bits = channels_of(image, name), bits_of(image, name)
    if bits == 16 and levels > 256 and not image.mode.startswith("I"):
        raise WrongValueError(
            f"{name} has 16 bits a channel, of which a decoder here gives 8; say levels 256 instead of {levels}."
        )
    with naming(name):
        image.load()
        _refuse_transparency(image, name)
        if image.getexif().get(ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            deep = np.array(image).astype(np.uint16)
            return (deep if levels > 256 else (deep >> 8).astype(np.uint8))[None]
        plain = np.array(image.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return plain[None] if channels == 1 else plain.transpose(2, 0, 1)


def channels_of(image: Any, name: str) -> int:
    """1 for grey, 3 for colour; refuses other spaces by name."""
    if image.mode == "P":
        with naming(name):
            return 1 if _is_grey_palette(image) else 3
    if image.mode in SPACES or image.mode not in GREY + COLOUR:
        space = SPACES.get(image.mode, f"Pillow's mode {image.mode}")
        raise WrongValueError(f"{name} is in {space}; expected grey or RGB. Convert it first.")
    bands = len(image.getbands())
    samples = image.tag_v2.get(277, bands) if image.format == "TIFF" else bands
    if samples > bands:
        raise WrongValueError(f"{name} has {samples} channels, of which a decoder drops some; expected grey or RGB.")
    return 1 if image.mode in GREY else 3


def bits_of(image: Any, name: str) -> int:
    """Bits of a channel, as the file says: 1 ... 8, or 16 for all above. Refuses what no decoder here reads rightly."""
    deep = image.mode.startswith("I")
    bits = 16 if deep else 8
    if image.format == "PNG" and image.tile:
        stored = re.search(r";(\d+)", str(image.tile[0][3]))
        bits = int(stored[1]) if stored else bits
    elif image.format == "TIFF":
        bits = _bits_of_tiff(image, name)
    elif image.format in ("JPEG2000", "AVIF", "PPM"):
        bits = _bits_in_header(image) or bits
    if bits > 16 or (deep and bits != 16):
        raise WrongValueError(f"{name} has {bits} bits a channel; expected 8 or 16. Convert it first.")
    return bits if bits <= 8 else 16


def _bits_of_tiff(image: Any, name: str) -> int:
    tags = image.tag_v2
    bits, sample = int(max(tags.get(258, (1,)))), int(tags.get(339, (1,))[0])
    if sample != 1 or (bits == 16 and tags.get(262) == 0):
        what = {2: "signed integers", 3: "floats"}.get(sample, "16 bits in which white is 0")
        raise WrongValueError(f"{name} holds {what}; expected unsigned levels, black as 0. Convert it first.")
    return bits


def _bits_in_header(image: Any) -> int | None:
    """Of JPEG 2000 from its SIZ marker, of AVIF from its av1C box, of PPM from its largest value, or None."""
    if image.fp is None:
        return None
    place = image.fp.tell()
    image.fp.seek(0)
    head = image.fp.read(4096)
    image.fp.seek(place)
    if image.format == "PPM":
        largest = re.match(rb"P[2356](?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+(\d+)", head)
        return int(largest[1]).bit_length() if largest else None
    if image.format == "JPEG2000":
        at = head.find(b"\xff\x51")
        return (head[at + 40] & 0x7F) + 1 if at >= 0 and len(head) > at + 40 else None
    at = head.find(b"av1C")
    if at < 0 or len(head) <= at + 6 or not head[at + 6] & 0x40:
        return None
    return 12 if head[at + 6] & 0x20 else 10


def said(image: Any, orientation: int) -> tuple[str, ...]:
    """What a reader of the levels should know of the file."""
    found = [] if orientation == 1 else ["turned as EXIF says"]
    profile = image.info.get("icc_profile")
    if profile and b"sRGB" not in profile and "sRGB".encode("utf-16-be") not in profile:
        found.append("ICC profiles not applied")
    if abs(image.info.get("gamma", 0.45455) - 0.45455) > 0.01:
        found.append("PNG's gamma not applied")
    return tuple(found)


def _is_grey_palette(image: Any) -> bool:
    palette = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _refuse_transparency(image: Any, name: str) -> None:
    """Raises WrongValueError where a pixel is transparent, however the file says so."""
    mark = image.info.get("transparency")
    if mark is not None and image.mode.startswith("I"):
        hidden = bool((np.array(image) == mark).any())
    elif mark is not None or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        hidden = image.convert("RGBA").getextrema()[3] != (255, 255)
    else:
        hidden = False
    if hidden:
        raise WrongValueError(f"{name} has transparent pixels; expected grey or RGB. Put it on a background first.")


@cache
def formats() -> tuple[str, ...]:
    """The formats that this Pillow knows, those of UNSIGNED last."""
    known = [form for form in FORMATS if form != "AVIF" or find_spec("PIL.AvifImagePlugin")]
    return (*known, *UNSIGNED)


def is_image(file: Path) -> bool:
    """By its suffix, or by its first bytes."""
    from PIL import Image

    if file.suffix.lower() in SUFFIXES or not file.is_file():
        return file.suffix.lower() in SUFFIXES
    try:
        with Image.open(file, formats=formats()[: -len(UNSIGNED)]):
            return True
    except Exception:  # whatever a decoder makes of it, it is no image that is read here
        return False


def is_colour(file: Path) -> bool:
    """Whether the first image of a file is in colour; what cannot be read is none, and told when it is read."""
    try:
        with opened(file) as image:
            return channels_of(image, str(file)) == 3
    except (WrongValueError, MissingFileError):
        return False


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The file as a Pillow image, its pixels not yet decoded."""
    from PIL import Image

    if not file.is_file():
        raise MissingFileError(f"There is no file {file}; expected an image.")
    with naming(str(file)):
        image = Image.open(file, formats=formats())
    with image:
        yield image


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Names the file in Pillow's errors, which are of many types and often do not."""
    try:
        yield
    except (PermissionError, WrongValueError):
        raise
    except Exception as error:
        why = _unknown(Path(name)) if type(error).__name__ == "UnidentifiedImageError" else reason(error)
        raise WrongValueError(f"{name} cannot be read as an image ({why}). Replace or remove it.") from None


def _unknown(file: Path) -> str:
    kind = kinds.kind(file) if file.is_file() else "a file of an unknown kind"
    if kind in kinds.ARRAYS:
        return f"it is {kind}: read it as npz:{file}"
    return "no known image format" if kind == "a file of an unknown kind" or "image" in kind else f"it is {kind}"
