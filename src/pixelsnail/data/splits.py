"""Which images are for training, validation and test where a source does not say."""

from collections.abc import Iterable
from hashlib import sha256

SPLITS = ("train", "validation", "test")

SPELLINGS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
"""Names under which a source may have a split."""


def find(names: Iterable[str]) -> dict[str, str]:
    """Split -> the name it has in the source, of those that are there."""
    present = set(names)
    found = {split: [name for name in spellings if name in present] for split, spellings in SPELLINGS.items()}
    return {split: names[0] for split, names in found.items() if names}


def of(name: str) -> str:
    """The split of an image by its name alone: 80 % train, 10 % validation, 10 % test.

    So an image stays where it is when others come or go.
    """
    return (("train",) * 8 + ("validation", "test"))[rank(name) % 10]


def rank(name: str) -> int:
    """A number that looks random and is the same everywhere."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big")
