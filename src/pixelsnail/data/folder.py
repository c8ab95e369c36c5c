"""Folders of image files: splits, classes, and what is left out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from glob import glob, has_magic
from math import prod
from pathlib import Path

import numpy as np

from pixelsnail.data import image_files, rules
from pixelsnail.data.contents import Content, Flat, Named
from pixelsnail.data.image_files import SUFFIXES, Page
from pixelsnail.data.store import MEMORY, Array, Labels, Store
from pixelsnail.errors import MissingFileError, NotAFolderError, WrongValueError


@dataclass(frozen=True)
class Listing:
    """The image files below a folder, the class of each (the name of its folder) or "", and the files left out."""

    files: list[Path]
    classes: list[str]
    left_out: list[Path]


def open_folder(location: str, levels: int | None = None, axes: str | None = None) -> Content:
    """The splits of a folder: its sub-folders that name splits, else all its images.

    A split holds images, or sub-folders of images: then these are the classes, numbered in the order of their names.
    """
    del axes
    folder = Path(location)
    if folder.is_file():
        raise NotAFolderError(f"{folder} is a file; expected a folder of images.")
    if not folder.is_dir():
        raise MissingFileError(
            f"There is no folder {folder}; expected one with images ({', '.join(SUFFIXES[:5])}, ...)."
        )
    named = rules.find((entry.name for entry in sorted(folder.iterdir()) if _is_folder(entry)), str(folder))
    if named:
        beside = _beside(folder, named)
        listings = {split: list_images(folder / name) for split, name in named.items()}
    else:
        beside, listings = [], {"": list_images(folder)}
    if not any(listing.files for listing in listings.values()):
        raise MissingFileError(_nothing(folder, listings))
    classes = _in_order({name for listing in listings.values() for name in listing.classes if name})
    if not named:
        every = cache(partial(read_pages, listings[""], folder, classes))
        return Flat(
            lambda numbers: every().store(levels, numbers),
            lambda: every().names,
            "their names",
            len(listings[""].files),
        )
    present = {split: listing for split, listing in listings.items() if listing.files}
    return Named(
        {split: partial(_read_split, listing, folder, classes, beside, levels) for split, listing in present.items()},
        lambda: any(image_files.is_colour(file) for listing in present.values() for file in listing.files),
    )


def _read_split(
    listing: Listing, folder: Path, classes: Sequence[str], beside: Sequence[Path], levels: int | None
) -> Store:
    return read_pages(listing, folder, classes, beside).store(levels)


def list_images(folder: Path) -> Listing:
    """The images of a folder in the order of their names; in its sub-folders, its classes, if it has none itself."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    own, left = _images_among(entries)
    nested: list[Path] = []
    for entry in (entry for entry in entries if entry.is_dir()):
        _refuse_inner_splits(entry)
        found, others = _images_among(sorted(_files_below(entry)), entry)
        nested += found
        left += others
    if own and nested:
        raise WrongValueError(
            f"{folder} holds images ({own[0].name}) beside sub-folders with images ({nested[0].parent.name}); expected "
            "either images, or one sub-folder a class."
        )
    return Listing(own or nested, [""] * len(own) if own else [file.parent.name for file in nested], left)


def _images_among(entries: Sequence[Path], parent: Path | None = None) -> tuple[list[Path], list[Path]]:
    """The images (of those right in `parent`), and the other files."""
    files = [entry for entry in entries if not entry.is_dir()]
    images = [file for file in files if parent in (None, file.parent) and image_files.is_image(file)]
    kept = set(images)
    return images, [file for file in files if file not in kept]


def _files_below(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """All files below a folder but hidden ones; a link to one of the folders on the way there is not followed."""
    above |= {folder.resolve()}
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield entry
        elif not (entry.is_symlink() and entry.resolve() in above):
            yield from _files_below(entry, above)


def _refuse_inner_splits(folder: Path) -> None:
    """Raises WrongValueError for a class that has splits: CLASS/test instead of test/CLASS."""
    inner = rules.find((entry.name for entry in sorted(folder.iterdir()) if _is_folder(entry)), str(folder))
    if inner:
        name = next(iter(inner.values()))
        raise WrongValueError(f"{folder} holds the split {name}; expected splits above classes: {name}/{folder.name}.")


def _is_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")


def _beside(folder: Path, named: Mapping[str, str]) -> list[Path]:
    """The files beside split folders, which are left out. Raises WrongValueError where they may have been meant."""
    entries = sorted(e for e in folder.iterdir() if not e.name.startswith(".") and e.name not in named.values())
    files = [e for e in entries if e.is_file()]
    within = [file for entry in entries if entry.is_dir() for file in sorted(_files_below(entry))]
    loose = [] if "train" in named else files
    lost = next((file for file in (*within, *loose) if image_files.is_image(file)), None)
    if lost is not None:
        raise WrongValueError(
            f"{folder} holds {lost.relative_to(folder)} beside its split {next(iter(named.values()))}; expected every "
            "image in train, validation or test: move or rename."
        )
    return [*files, *within]


def _nothing(folder: Path, listings: Mapping[str, Listing]) -> str:
    """What to say of a folder without images where they are looked for."""
    left = [file for listing in listings.values() for file in listing.left_out]
    deep = next((file for file in left if image_files.is_image(file)), None)
    if deep is not None:
        return (
            f"{folder} holds images only deeper than one folder a class ({deep.relative_to(folder)}); expected "
            "CLASS/IMAGE, or train/CLASS/IMAGE."
        )
    first = f" (it holds {left[0].relative_to(folder)})" if left else ""
    return f"{folder} holds no images{first}; expected files that end in {', '.join(SUFFIXES[:5])}, ..."


def _in_order(names: set[str]) -> list[str]:
    """By number where all names are numbers, else by name."""
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def expand(paths: Sequence[str | Path]) -> tuple[list[Path], list[Path]]:
    """The image files that paths, folders and patterns such as `shots/*.png` mean, and the files left out."""
    files: list[Path] = []
    left: list[Path] = []
    for path in (Path(path).expanduser() for path in paths):
        if path.is_dir():
            images, others = _images_among(sorted(_files_below(path)))
            if not images:
                raise MissingFileError(
                    f"The folder {path} holds no images; expected some ({', '.join(SUFFIXES[:5])}, ...)."
                )
        elif has_magic(str(path)) and not path.exists():
            matches = [Path(match) for match in sorted(glob(str(path), recursive=True))]
            images, others = _images_among(matches)
            if not images:
                raise MissingFileError(f"Nothing that {path} matches is an image; expected at least one file.")
        else:
            images, others = [path], []
        files += images
        left += others
    return files, left


@dataclass(frozen=True)
class Pages:
    """The images of image files: a page, a class (or "") and a name each, all classes, what was left out."""

    pages: list[Page]
    labels: list[str]
    names: list[str]
    classes: Sequence[str]
    left_out: tuple[str, ...]

    def store(self, levels: int | None = None, numbers: Array | None = None) -> Store:
        """All of them as a store; where they fit into MEMORY those of `numbers` are decoded now, the others never.

        Raises WrongValueError for a file that is no image or has another size than the first. Where some images are in
        colour, grey ones get three equal channels.
        """
        depth = 65536 if levels is not None and levels > 256 and any(page.bits == 16 for page in self.pages) else 256
        shape, notes = _understood(self.pages, depth)
        place = {name: i for i, name in enumerate(self.classes)}
        labels = None
        if self.classes:
            labels = Labels(np.array([place[name] for name in self.labels]), len(place), tuple(self.classes))
        read = partial(_decode_pages, self.pages, shape, depth)
        chosen = np.arange(len(self.pages)) if numbers is None else numbers
        if len(chosen) * prod(shape) * (1 + (depth > 256)) <= MEMORY:
            decoded = read(chosen)
            notes += _dark(decoded, self.pages) if depth == 256 else []
            read = partial(_held, decoded, chosen)
        return Store(
            len(self.pages),
            depth,
            shape,
            labels,
            read,
            files=self.names,
            left_out=self.left_out,
            notes=tuple(notes),
            shifted=depth == 256 and any(page.bits == 16 for page in self.pages),
        )


def read_pages(listing: Listing, root: Path | None, classes: Sequence[str], left_out: Sequence[Path] = ()) -> Pages:
    """The pages of a listing's files, from their headers; names are those below `root`."""
    pages: list[Page] = []
    labels: list[str] = []
    names: list[str] = []
    for file, label in zip(listing.files, listing.classes, strict=True):
        found = image_files.pages(file)
        name = _name(file, root)
        pages += found
        labels += [label] * len(found)
        names += [name] if len(found) == 1 else [f"{name}#{page.number}" for page in found]
    left = [_name(file, root) for file in (*listing.left_out, *left_out)]
    return Pages(pages, labels, names, classes, tuple(left))


def _name(file: Path, root: Path | None) -> str:
    return str(file) if root is None else file.relative_to(root).as_posix()


def _understood(pages: Sequence[Page], depth: int) -> tuple[tuple[int, int, int], list[str]]:
    """(C, H, W) of all pages, and what is to be said of them. Raises WrongValueError for two sizes."""
    first = pages[0]
    for page in pages:
        if page.shape[1:] != first.shape[1:]:
            raise WrongValueError(
                f"{page} is {page.shape[1]} x {page.shape[2]}, but {first} is {first.shape[1]} x "
                f"{first.shape[2]}; expected images of one size. Resize or crop them first."
            )
    channels = max(page.shape[0] for page in pages)
    counts = Counter(note for page in pages for note in page.notes)
    if channels == 3:
        counts["grey repeated as red, green and blue"] = sum(page.shape[0] == 1 for page in pages)
    counts["of more than 8 bits the upper 8 kept"] = sum(page.bits == 16 for page in pages) if depth == 256 else 0
    notes = [note if n == len(pages) else f"{note} ({n:,} of {len(pages):,})" for note, n in counts.items() if n]
    return (channels, *first.shape[1:]), notes


def _decode_pages(pages: Sequence[Page], shape: tuple[int, int, int], levels: int, numbers: Array) -> Array:
    decoded = np.empty((len(numbers), *shape), dtype=np.uint8 if levels == 256 else np.uint16)
    found = image_files.read_pages([pages[number] for number in numbers.tolist()], levels)
    for place, image in zip(decoded, found, strict=True):
        place[:] = image
    return decoded


def _dark(decoded: Array, pages: Sequence[Page]) -> list[str]:
    """What to say of 16 bits of which the upper ones are not used, as of cameras and scanners of 10 or 12 bits."""
    largest = int(decoded.max()) if all(page.bits == 16 for page in pages) and decoded.size else 255
    return (
        [f"none of these above {largest} of 255: levels {(largest + 1) * 256} keeps all bits"] if largest < 64 else []
    )


def _held(images: Array, chosen: Array, numbers: Array) -> Array:
    """Of images that were decoded when the store was made."""
    return np.asarray(images[np.searchsorted(chosen, numbers)])
