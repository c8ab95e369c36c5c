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
"""


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
