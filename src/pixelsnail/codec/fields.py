"""What a file is put together from: whole numbers, bytes and texts, written and taken back one after another."""

import zlib
from collections.abc import Sequence

from pixelsnail.errors import WrongValueError

LONGEST = 9
"""Bytes of a whole number: 63 bits."""
LONGEST_NAME = 4096
"""Bytes of a name."""
ALL_NAMES = 2**26
"""Bytes of all names."""


class DamageError(Exception):
    """A file that cannot be right; its text says what of it."""


def number(value: int) -> bytes:
    """An unsigned LEB128: 7 bits a byte, the lowest first, the highest bit set on all but the last."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def text(values: Sequence[str]) -> bytes:
    """Texts, each ended by a zero byte, in UTF-8, as one zlib stream with its length before it.

    What is no UTF-8 in a file name of the system comes back as it was. Raises ValueError for a name that no file has.
    """
    encoded = [value.encode("utf-8", "surrogateescape") for value in values]
    for value, code in zip(values, encoded, strict=True):
        if b"\0" in code or len(code) > LONGEST_NAME:
            raise WrongValueError(
                f"{value[:80]!r} cannot be the name of a file; expected at most {LONGEST_NAME} bytes."
            )
    if sum(map(len, encoded)) + len(encoded) > ALL_NAMES:
        raise WrongValueError(f"The names have more than {ALL_NAMES:,} bytes; compress fewer images at a time.")
    packed = zlib.compress(b"".join(code + b"\0" for code in encoded), 9)
    return number(len(packed)) + packed


class Fields:
    """Takes fields from bytes, one after another. Raises `DamageError` where none is left, or one is too large."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data, self.place, self.end = data, start, end

    @property
    def left(self) -> int:
        """Bytes that were not taken."""
        return self.end - self.place

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise DamageError("it ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, what: str, most: int, least: int = 0) -> int:
        """A whole number, least ... most."""
        value = 0
        for i in range(LONGEST):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                break
        else:
            raise DamageError(f"{what} is no number")
        if not least <= value <= most:
            raise DamageError(f"{what} is {value:,}; expected {least:,} ... {most:,}")
        return value

    def text(self, what: str, count: int) -> list[str]:
        """`count` texts."""
        packed = self.take(self.number(f"the length of {what}", self.left))
        most = min(count * (LONGEST_NAME + 1), ALL_NAMES)
        inflater = zlib.decompressobj()
        try:
            raw = inflater.decompress(packed, most + 1)
        except zlib.error:
            raise DamageError(f"{what} cannot be unpacked") from None
        if (
            len(raw) > most
            or not inflater.eof
            or inflater.unused_data
            or raw.count(b"\0") != count
            or raw[-1:] != b"\0"
        ):
            raise DamageError(f"{what} are not {count}")
        return [code.decode("utf-8", "surrogateescape") for code in raw[:-1].split(b"\0")]
