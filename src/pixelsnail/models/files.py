"""Files that are complete or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path`, renamed to it when the block ends, removed when the block fails.

    The temporary name keeps the suffix. The folder is created where it is missing. Whatever stops the block (a full
    disk, Ctrl-C), an earlier file under the final name stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are their owner's alone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
