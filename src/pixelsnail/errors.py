"""What a user did that cannot be: errors whose text is one sentence, written for whoever can mend it.

    UserError
    ├── WrongValueError      (ValueError)          a value, a shape, a file's content, a combination
    ├── WrongTypeError       (TypeError)           a type or dtype
    ├── WrongIndexError      (IndexError)          no such image
    ├── MissingFileError     (FileNotFoundError)
    ├── ExistingFileError    (FileExistsError)     nothing is replaced unasked
    ├── NotAFolderError      (NotADirectoryError)
    ├── NotAFileError        (IsADirectoryError)
    ├── NotWritableError     (PermissionError)
    ├── FullDiskError        (OSError)
    ├── MissingPackageError  (ModuleNotFoundError) an extra that is not installed
    └── StoppedError         (RuntimeError)        memory ran out, numbers became NaN, a program cannot be compiled

Each is also Python's own error of its kind, so that callers need not know them. Every other exception is a fault of the
package: the command line shows these as they are and asks that the others be reported.

What another library says goes into such a sentence through `reason` alone: it may be long, in colour, in several lines,
and advise what we never would.
"""

import errno
import re

CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|[\x00-\x1f\x7f-\x9f]")
"""Escape codes of terminals, and whatever else is not text."""
ADVICE = re.compile(r"weights_only|allow_pickle|trust_remote_code")
"""Ways to let a file run code, which libraries advise to whoever they take for its author."""


def reason(error: BaseException, longest: int = 160) -> str:
    """What another library's error says, fit for a parenthesis in a sentence of ours: one short line of plain text.

    Where it advises to let a file run code, only what it found is said.
    """
    text = " ".join(CONTROL.sub(" ", str(error)).split()).rstrip(".:;, ")
    if ADVICE.search(text):
        found = re.search(r"GLOBAL ([\w.]+)", text)  # torch names the object that it would not make
        return f"it holds {found[1] if found else 'something'}, which is neither a tensor nor a plain value"
    if len(text) > longest:
        text = text[:longest].rsplit(" ", 1)[0].rstrip(".:;, ") + " ..."
    return text or type(error).__name__


def disk_is_full(error: BaseException) -> bool:
    """Whether a file could not be written for want of space; safetensors and torch say so in words only."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in numbers
    return any(f"os error {number})" in str(error) for number in numbers)


def memory_ran_out(error: BaseException) -> bool:
    """Whether a processor's or a GPU's memory was too small; torch has a type for the GPU's alone."""
    named = isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
    return named or "can't allocate memory" in str(error)


class UserError(Exception):
    """Says in one sentence what was wrong, what was expected and what to do."""


class WrongValueError(UserError, ValueError):
    """A value that cannot be."""


class WrongTypeError(UserError, TypeError):
    """A value of a type that cannot be."""


class WrongIndexError(UserError, IndexError):
    """The number of something that is not there."""


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder that is not there."""


class ExistingFileError(UserError, FileExistsError):
    """A file or folder that would be replaced."""


class NotAFolderError(UserError, NotADirectoryError):
    """A file where a folder is needed."""


class NotAFileError(UserError, IsADirectoryError):
    """A folder where a file is needed."""


class NotWritableError(UserError, PermissionError):
    """A place that may not be written to."""


class FullDiskError(UserError, OSError):
    """A disk without room."""


class MissingPackageError(UserError, ModuleNotFoundError):
    """An optional package that is not installed."""


class StoppedError(UserError, RuntimeError):
    """Work that could not be finished here."""
