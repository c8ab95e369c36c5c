"""What went wrong, in one line, and the exit status that goes with it."""

import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pixelsnail.errors import UserError, disk_is_full, memory_ran_out, reason

DONE, COULD_NOT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

TRACEBACK = "PIXELSNAIL_TRACEBACK"
"""The environment variable that asks for a traceback above the line."""


class UsageError(UserError):
    """A command line that cannot be meant: exit status 2."""


def guarded(work: Callable[[], int]) -> int:
    """Runs a command and returns its exit status. An error becomes one line `pixelsnail: ...` on stderr."""
    with _listening() as interrupted:
        try:
            status = work()
            sys.stdout.flush()
            return status
        except SystemExit as exit:
            return exit.code if isinstance(exit.code, int) else DONE
        except UsageError as error:
            return _say(str(error), WRONG_USAGE)
        except KeyboardInterrupt as error:
            return _say(as_options(str(error)) or "Interrupted; no half-written file is left.", INTERRUPTED)
        except BrokenPipeError:
            # Who reads stdout has seen enough. Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return COULD_NOT
        except Exception as error:
            if interrupted():  # libraries turn a KeyboardInterrupt in the middle of an import into something else
                return _say("Interrupted; no half-written file is left.", INTERRUPTED)
            if os.environ.get(TRACEBACK, "0") not in ("", "0"):
                traceback.print_exc()
            return _say(explain(error), COULD_NOT)


def explain(error: Exception) -> str:
    """One sentence about an error that a user can do something about, else a request to report it."""
    text = " ".join(str(error).split())
    if not isinstance(error, UserError) and disk_is_full(error):
        place = f" for {error.filename}" if isinstance(error, OSError) and error.filename else ""
        return f"Not enough disk space{place}; free some and try again. No half-written file is left."
    if isinstance(error, UserError):
        return as_options(text)
    if isinstance(error, OSError):
        what = "A file" if error.filename is None else str(error.filename)
        why = reason(error) if error.strerror is None else error.strerror
        return f"{what} cannot be read or written ({why}); look at its rights and its place."
    if memory_ran_out(error):
        return "Memory ran out; lower --batch."
    again = "" if os.environ.get(TRACEBACK) else f" {TRACEBACK}=1 in the environment shows where."
    what = f"{type(error).__name__}: {reason(error, 300)}"
    return f"Unexpected {what}. This is a fault of pixelsnail: please report it.{again}"


def as_options(text: str) -> str:
    """A sentence of the library with its arguments as the command line spells them: resume=True is --resume."""
    flags = re.sub(r"\b(resume|overwrite)=True\b", r"--\1", text)
    fields = re.sub(r"\b(validation|levels|axes)='?(\w+)'?", r"--data.\1 \2", flags)
    return re.sub(r"\b(weights|binarize|engine)='(\w+)'", r"--\1 \2", fields)


def _say(text: str, status: int) -> int:
    print(f"pixelsnail: {text}", file=sys.stderr)
    return status


@contextmanager
def _listening() -> Iterator[Callable[[], bool]]:
    """Notes Ctrl-C while the block runs, and raises KeyboardInterrupt as usual; the block gets "was it pressed?"."""
    pressed: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where a caller ignores or takes it
    )
    if ours:
        signal.signal(signal.SIGINT, take)
    try:
        yield lambda: bool(pressed)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
