"""Files that are complete or not there."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pixelsnail.errors import WrongValueError


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """An empty temporary file beside `path`, renamed to it when the block ends, removed when the block fails.

    The temporary name keeps the suffix. The folder is created where it is missing. Whatever stops the block (a full
    disk, Ctrl-C), an earlier file under the final name stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:100]}-{os.urandom(8).hex()}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors replaces the file by one that only its owner can read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """A table with a line for the columns' names, complete or not at all. File names that are no UTF-8 stay."""
    with (
        write_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def read_csv(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The complete lines of a table with these columns; a last line that was cut short by a kill is none.

    Raises ValueError for another table.
    """
    text = Path(path).read_text(encoding="utf-8")
    header, *rows = csv.reader(text[: text.rfind("\n") + 1].splitlines()) if "\n" in text else [[]]
    if tuple(header) != tuple(columns):
        raise WrongValueError(f"{path} does not begin with {','.join(columns)}; expected the table that was written.")
    return [dict(zip(columns, row, strict=True)) for row in rows if len(row) == len(columns)]
