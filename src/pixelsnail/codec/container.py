"""The file, byte by byte: docs/codec-format.md says the same for whoever writes another reader.

Numbers without a size are LEB128 (`fields.number`).

    4   magic: 89 50 53 4E
    1   version of the format: 1
    1   flags: 1 fast, 2 names, 4 contexts, 8 sizes of their own; others 0
    16  fingerprint of the model
        levels, channels, images, images that share a stream; height and width, unless images have sizes of their own
    --  fast: images in a batch, and 8 bytes that tell the machine
    --  sizes of their own: height and width of each image
        how many symbols are listed; of each 2 * (distance from the one before) + (place of its shift - 1)
        how many images are stored as they are; of each its distance from the one before
    --  names: one packed text
    --  contexts (`contexts`)
        of each stream: its bytes
    4n  CRC-32 of the levels of each stream's images, least byte first
        the streams, one after another
    4   CRC-32 of all before, least byte first
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pixelsnail.codec.contexts import pack_context, unpack_context
from pixelsnail.codec.fields import DamageError, Fields, number, text
from pixelsnail.codec.grid import MOST_LEVELS
from pixelsnail.codec.layout import Layout, Size
from pixelsnail.codec.source import Shifts
from pixelsnail.errors import WrongValueError
from pixelsnail.nn import Context

MAGIC, VERSION = b"\x89PSN", 1
FAST, NAMES, CONTEXTS, SIZES = 1, 2, 4, 8
FINGERPRINT, MACHINE, CRC = 16, 8, 4
START = len(MAGIC) + 2 + FINGERPRINT
MOST_TOGETHER = 64
"""Images of a stream."""
MOST_PIXELS = 2**20
"""Of an image: what a file says is believed up to there, so that a wrong one cannot take all memory."""
LARGEST = 2**31


@dataclass
class Contents:
    """What a file holds.

    levels, channels    of every image
    sizes               (H, W) of each image, or the one of all
    count, together     images, and how many share a stream (`layout`)
    streams, checks     the streams, and CRC-32 of the levels of each one's images
    stored              the images that hold their levels as they are, without the model
    listed              of each image, the symbols whose tables are shifted
    names, context      of the images, where there are any
    batch, machine      of numerics "fast": streams coded at a time, and what tells the machine
    """

    fingerprint: bytes
    levels: int
    channels: int
    sizes: list[Size] | Size
    count: int
    together: int = 1
    streams: list[bytes] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    stored: set[int] = field(default_factory=set)
    listed: list[Shifts] = field(default_factory=list)
    names: list[str] | None = None
    context: Context | None = None
    batch: int | None = None
    machine: bytes = b""

    @property
    def numerics(self) -> str:
        """ "portable" or "fast"."""
        return "portable" if self.batch is None else "fast"

    @property
    def all_sizes(self) -> list[Size]:
        """(H, W) of each image."""
        return self.sizes if isinstance(self.sizes, list) else [self.sizes] * self.count

    def size(self, image: int) -> Size:
        """(H, W) of an image."""
        return self.sizes[image] if isinstance(self.sizes, list) else self.sizes

    def layout(self, batch: int) -> Layout:
        """Which images share a stream, where `batch` streams are coded at a time."""
        return Layout.of(self.all_sizes, self.together, batch)

    def write(self) -> bytes:
        """The file."""
        own = isinstance(self.sizes, list)
        flags = FAST * (self.batch is not None) | NAMES * (self.names is not None)
        flags |= CONTEXTS * (self.context is not None) | SIZES * own
        parts = [MAGIC, bytes([VERSION, flags]), self.fingerprint]
        numbers: list[Any] = [self.levels, self.channels, self.count, self.together, *([] if own else self.sizes)]
        parts += map(number, numbers)
        if self.batch is not None:
            parts += [number(self.batch), self.machine]
        parts += [number(n) for size in self.sizes for n in size] if own else []  # type: ignore[union-attr]
        parts += [self._listed(), distances(sorted(self.stored))]
        parts += [text(self.names)] if self.names is not None else []
        parts += [pack_context(self.context)] if self.context is not None else []
        parts += [number(len(stream)) for stream in self.streams]
        parts += [struct.pack(f"<{len(self.checks)}I", *self.checks), *self.streams]
        whole = b"".join(parts)
        return whole + struct.pack("<I", zlib.crc32(whole))

    def _listed(self) -> bytes:
        """The list, by the places of symbols among those of all images."""
        found, start, last = [], 0, 0
        for image, shifts in enumerate(self.listed):
            for symbol, shift in sorted(shifts.items()):
                found.append(number(2 * (start + symbol - last) + shift - 1))
                last = start + symbol
            start += self.symbols(image)
        return number(len(found)) + b"".join(found)

    def symbols(self, image: int) -> int:
        """Levels of an image: C * H * W."""
        height, width = self.size(image)
        return self.channels * height * width


def read(data: bytes) -> Contents:
    """What a file holds. Raises ValueError for anything else than a whole file of this version, before much memory is
    taken: its checksum first, then every number against what is left of it."""
    if data[: len(MAGIC)] != MAGIC:
        raise WrongValueError(f"This is no file of compressed images{_seen(data)}; expected one that compress made.")
    if len(data) < START + CRC:
        raise WrongValueError(f"The file of compressed images is cut short: it has {len(data)} bytes. Copy it again.")
    if data[len(MAGIC)] != VERSION:
        raise WrongValueError(
            f"The file of compressed images has version {data[len(MAGIC)]} of the format; this pixelsnail reads "
            f"version {VERSION}: take the one that made it."
        )
    if zlib.crc32(memoryview(data)[:-CRC]) != struct.unpack("<I", data[-CRC:])[0]:
        raise WrongValueError("The file of compressed images is damaged or cut short (checksum). Copy it again.")
    try:
        return _read(data, Fields(data, START, len(data) - CRC))
    except DamageError as damage:
        raise WrongValueError(f"The file of compressed images is damaged: {damage}. Copy it again.") from None


def _read(data: bytes, fields: Fields) -> Contents:
    flags = data[len(MAGIC) + 1]
    if flags > FAST | NAMES | CONTEXTS | SIZES:
        raise DamageError(f"its flags are {flags}")
    levels = fields.number("levels", MOST_LEVELS, 2)
    channels = fields.number("channels", 2**16, 1)
    count = fields.number("images", MOST_TOGETHER * (fields.left // (1 + CRC)))
    together = fields.number("images of a stream", MOST_TOGETHER, 1)
    size: list[Size] | Size = [] if flags & SIZES else _size(fields, channels)
    contents = Contents(data[START - FINGERPRINT : START], levels, channels, size, count, together)
    if flags & FAST:
        contents.batch, contents.machine = fields.number("batch", LARGEST, 1), fields.take(MACHINE)
    if flags & SIZES:
        if 2 * count > fields.left:
            raise DamageError("it ends too early")
        contents.sizes = [_size(fields, channels) for _ in range(count)]
    contents.listed = _read_list(fields, contents)
    contents.stored = set(_read_distances(fields, "stored images", count))
    if flags & NAMES:
        contents.names = fields.text("names", count)
    if flags & CONTEXTS:
        contents.context = unpack_context(fields, count)
    streams = len(contents.layout(1).streams)
    lengths = [fields.number("a stream's length", fields.left) for _ in range(streams)]
    contents.checks = list(struct.unpack(f"<{streams}I", fields.take(CRC * streams)))
    contents.streams = [fields.take(length) for length in lengths]
    if fields.left:
        raise DamageError(f"{fields.left} bytes are left over")
    return contents


def distances(places: Sequence[int]) -> bytes:
    """Rising whole numbers: how many, and of each its distance from the one before."""
    return number(len(places)) + b"".join(number(b - a) for a, b in zip([0, *places], places, strict=False))


def _read_distances(fields: Fields, what: str, end: int) -> list[int]:
    place, found = 0, []
    for _ in range(fields.number(what, min(end, fields.left))):
        place += fields.number(what, end - 1 - place)
        found.append(place)
    return found


def _size(fields: Fields, channels: int) -> Size:
    height = fields.number("height", MOST_PIXELS, 1)
    width = fields.number("width", MOST_PIXELS // height, 1)
    if height * width * channels > 4 * MOST_PIXELS:
        raise DamageError(f"an image is {channels} x {height} x {width}")
    return height, width


def _read_list(fields: Fields, contents: Contents) -> list[Shifts]:
    count = contents.count
    listed: list[dict[int, int]] = [{} for _ in range(count)]
    image, start, place = 0, 0, 0
    for _ in range(fields.number("listed symbols", fields.left)):
        code = fields.number("a listed symbol", 2**62)
        place += code >> 1
        while image < count and place >= start + contents.symbols(image):
            start += contents.symbols(image)
            image += 1
        if image == count:
            raise DamageError("a symbol is listed that no image has")
        listed[image][place - start] = 1 + (code & 1)
    return list(listed)


def _seen(data: bytes) -> str:
    return f" (it begins with {data[:4].hex(' ')})" if data else " (it is empty)"
