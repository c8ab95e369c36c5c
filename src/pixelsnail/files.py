"""Files that are complete or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """An empty temporary file beside `path`, renamed to it when the block ends, removed when the block fails.

    The temporary name keeps the suffix. The folder is created where it is missing. Whatever stops the block (a full
    disk, Ctrl-C), an earlier file under the final name stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:100]}-{token_hex(8)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors replaces the file by one that only its owner can read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
