"""The conversation: notes and progress bars on stderr."""

import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import Parameter

from pixelsnail import bars
from pixelsnail.machine import is_first_process

if TYPE_CHECKING:
    from pixelsnail.training import Progress

Tell = Callable[[int, int], None]
"""Takes (done, total)."""


@Parameter(name="*")
@dataclass(frozen=True)
class Terminal:
    """Talks to a person: notes unless quiet, progress bars where stderr is a terminal too. Of several processes that
    train together, the first talks."""

    quiet: Annotated[bool, Parameter(help="print errors only: no notes, no progress")] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "quiet", self.quiet or not is_first_process())

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """While the block runs, Python's warnings are notes."""
        with warnings.catch_warnings():
            if self.quiet:
                warnings.simplefilter("ignore")
            elif not any(action == "error" for action, *_ in warnings.filters):
                warnings.showwarning = self._warn
            yield

    def note(self, text: str) -> None:
        """Says a sentence on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def next(self, *commands: str) -> None:
        """Says what to try next."""
        for place, command in enumerate(commands):
            self.note(f"{'Next:' if place == 0 else '     '} {command}")

    @contextmanager
    def progress(self, title: str, unit: str) -> Iterator[Tell | None]:
        """A bar that the yielded callable moves: progress(done, total)."""
        bars.begin()
        if self.quiet:
            yield None
        elif not bars.can_draw():
            say = bars.now_and_then(self.note)
            yield lambda done, total: say(f"{title}: {done:,} of {total:,} {unit}")
        else:
            with bars.bar() as bar:
                task = bar.add_task(title, total=None, detail="")
                yield lambda done, total: bar.update(
                    task, completed=done, total=total, detail=f"{done:,}/{total:,} {unit}"
                )

    @contextmanager
    def training(self) -> Iterator["Progress | None"]:
        """A bar that training's events move."""
        bars.begin()
        if self.quiet:
            yield None
            return
        from pixelsnail.training.showing import drawn

        with drawn(self.note, bars.can_draw()) as progress:
            yield progress

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        self.note(f"Note: {' '.join(str(message).split())}")


def quoted(word: str | Path) -> str:
    """A word as a shell reads it back."""
    return shlex.quote(str(word))
