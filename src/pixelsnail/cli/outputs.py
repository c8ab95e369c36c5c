"""Outputs, checked before any long work."""

import os
from collections.abc import Sequence
from pathlib import Path

from pixelsnail.cli.errors import UsageError
from pixelsnail.errors import ExistingFileError, NotAFileError, NotAFolderError, NotWritableError


def check_file(path: Path, suffixes: Sequence[str], overwrite: bool) -> None:
    """Raises UsageError for another suffix, OSError where the file is there already or cannot be written."""
    if path.suffix.lower() not in suffixes:
        seen = f"ends in {path.suffix}" if path.suffix else "has no suffix"
        raise UsageError(f"The output {path} {seen}; expected {' or '.join(suffixes)}.")
    if path.is_dir():
        raise NotAFileError(f"{path} is a folder; expected a file to write.")
    if path.exists() and not overwrite:
        raise ExistingFileError(f"{path} is there already; replace it with --overwrite, or choose another name.")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Raises OSError unless files can be written in this folder, which may have to be made."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise NotAFolderError(f"{there} is a file; expected a folder to write in.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise NotWritableError(f"The folder {there} is not writable; choose another place.")


def plural(number: int, word: str) -> str:
    """A number and its word: 1 image, 2 images."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def check_run(path: Path, overwrite: bool) -> None:
    """Raises OSError where a new run cannot go."""
    from pixelsnail.training import RunFolder

    RunFolder(path).check(resume=False, overwrite=True)  # refuses a file, and a folder with anything but a run
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise ExistingFileError(f"{path} holds a run already; replace it with --overwrite, or choose another folder.")
    check_folder(path)
