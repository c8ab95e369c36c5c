"""What was understood of a source, in one line and as a dictionary."""

from dataclasses import asdict, dataclass
from typing import Any

from pixelsnail.data.conversion import COLOURS

NAMED = 5
"""Names of classes that the line lists."""


@dataclass(frozen=True)
class Reading:
    """What a set of images was read as.

    images, whole       how many of how many in the source, or in its split where it has splits
    shape, levels       (C, H, W) and L, binarised or not
    grey_levels         L before binarisation
    levels_from         why so many, where nobody said
    classes             how many, None without labels; class_names where they have names
    unlabelled          why there are no labels, where there might have been
    division            how training, validation and test images are told apart
    left_out            files passed over
    notes               what was converted or left aside
    maps                size, levels and source of the maps beside the images, "" without maps
    """

    source: str
    split: str
    images: int
    whole: int
    shape: tuple[int, int, int]
    levels: int
    grey_levels: int
    levels_from: str
    binarize: str
    classes: int | None
    class_names: tuple[str, ...] | None
    unlabelled: str
    division: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    maps: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        plain = asdict(self)
        return plain | {name: list(plain[name] or ()) for name in ("shape", "class_names", "left_out", "notes")}

    def __str__(self) -> str:
        parts = [self._count(), self._size(), self._levels(), self._classes(), *self.notes]
        if self.maps:
            parts.append(f"with a map each, {self.maps}")
        if self.left_out:
            more = ", ..." if len(self.left_out) > 1 else ""
            parts.append(f"left out {_plural(len(self.left_out), 'file')} ({self.left_out[0]}{more})")
        return f"{self.source}, {self.split}: " + "; ".join(part for part in parts if part)

    def _count(self) -> str:
        of = f" of {self.whole:,}" if self.whole != self.images else ""
        return f"{self.images:,}{of} {_noun(self.whole, 'image')}" + (f", {self.division}" if self.division else "")

    def _size(self) -> str:
        channels, height, width = self.shape
        return f"{COLOURS.get(channels, f'{channels} channels')}, {height} x {width}"

    def _levels(self) -> str:
        why = f" ({self.levels_from})" if self.levels_from else ""
        bits = "" if self.binarize == "none" else f" -> 2 ({self.binarize})"
        return f"{self.grey_levels:,} levels{why}{bits}"

    def _classes(self) -> str:
        if self.classes is None:
            return f"no labels ({self.unlabelled})" if self.unlabelled else "no labels"
        names = self.class_names or ()
        listed = f" ({', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)})" if names else ""
        return f"{self.classes:,} {_noun(self.classes, 'class', 'classes')}{listed}"


def _noun(count: int, one: str, many: str | None = None) -> str:
    return one if count == 1 else many or f"{one}s"


def _plural(count: int, one: str) -> str:
    return f"{count:,} {_noun(count, one)}"
