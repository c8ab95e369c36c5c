"""The conversation: notes and progress bars on stderr."""

import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import Parameter

from pixelsnail.machine import is_first_process

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from pixelsnail.training import Event

EVERY = 30.0
"""Seconds between lines of progress where there is no bar."""
TIMED = 5
"""Steps after which it is said how long one takes; the first is left out."""
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

    @property
    def has_bars(self) -> bool:
        """Whether progress is drawn: not into a file or pipe, nor on a terminal that cannot redraw a line."""
        return not self.quiet and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")

    @contextmanager
    def progress(self, title: str, unit: str) -> Iterator[Tell | None]:
        """A bar that the yielded callable moves: progress(done, total)."""
        if self.quiet:
            yield None
            return
        if not self.has_bars:
            say = self._now_and_then()
            yield lambda done, total: say(f"{title}: {done:,} of {total:,} {unit}")
            return
        with _bar() as bar:
            task = bar.add_task(title, total=None, detail="")

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, detail=f"{done:,}/{total:,} {unit}")

            yield tell

    @contextmanager
    def training(self) -> Iterator["Callable[[Event], None] | None"]:
        """A bar that training's events move: loss, images a second and the time that is left."""
        if self.quiet:
            yield None
            return
        steps = _Steps(self.note)
        if not self.has_bars:
            say = self._now_and_then()
            yield lambda event: say(": ".join(steps.words(event)))
            return
        with _bar(estimate=False) as bar:
            task = bar.add_task("training", total=None, detail="")

            def tell(event: "Event") -> None:
                title, detail = steps.words(event)
                if event.phase == "train":
                    bar.update(task, total=event.total, completed=event.done)
                bar.update(task, description=title, detail=detail)

            yield tell

    def _now_and_then(self) -> Callable[[str], None]:
        """Says a sentence in a while: a line for a log file."""
        last = time.monotonic()

        def say(text: str) -> None:
            nonlocal last
            if time.monotonic() - last >= EVERY:
                last = time.monotonic()
                self.note(text)

        return say

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


class _Steps:
    """Training's events in words, and, after the first steps, how long one takes."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note, self.steps, self.loss, self.speed = note, "", "", ""
        self.marks: list[float] | None = []

    def words(self, event: "Event") -> tuple[str, str]:
        """What is done, and how far it is."""
        if event.phase == "train":
            self.steps = f"{event.step:,}" + (f"/{event.total:,}" if event.total else "") + " steps"
            self.loss = "" if event.nats is None else f"  loss {event.nats:.2f} nats"
            self._time(event)
        if event.images_per_second is not None:
            self.speed = f"  {event.images_per_second:.1f} images/s"
        title = {"train": "training", "validate": "validating", "sample": "drawing samples"}[event.phase]
        left = "" if event.seconds_left is None else f"  {clock(event.seconds_left)} left"
        return title, (self.steps or f"{event.step:,} steps") + self.loss + self.speed + left

    def _time(self, event: "Event") -> None:
        if self.marks is None:
            return
        self.marks.append(time.monotonic())
        if len(self.marks) > TIMED:
            seconds = (self.marks[-1] - self.marks[1]) / (len(self.marks) - 2)
            whole = f", {clock(seconds * event.total)} for {event.total:,}" if event.total else ""
            self.note(f"About {seconds:.2g} seconds a step{whole}.")
            self.marks = None


def _bar(estimate: bool = True) -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=24, complete_style="blue", finished_style="blue"),
        TextColumn("{task.fields[detail]}"),
    ]
    left = [TimeRemainingColumn(), TextColumn("left")] if estimate else []
    return Progress(*columns, *left, console=Console(stderr=True, highlight=False), transient=True)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def quoted(word: str | Path) -> str:
    """A word as a shell reads it back."""
    return shlex.quote(str(word))
