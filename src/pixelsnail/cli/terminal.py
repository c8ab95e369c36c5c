"""The conversation: notes and progress bars on stderr."""

import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from pixelsnail.training import Event

Tell = Callable[[int, int], None]
"""Takes (done, total)."""


class Terminal:
    """Talks to a person: notes unless quiet, progress bars where stderr is a terminal too. A context manager, within
    which Python's warnings are notes."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> "Terminal":
        self._warnings.__enter__()
        if self.quiet:
            warnings.simplefilter("ignore")
        elif not any(action == "error" for action, *_ in warnings.filters):
            warnings.showwarning = self._warn
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warnings.__exit__(kind, error, trace)

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
        if not self.has_bars:
            yield None
            return
        with _bar() as bar:
            task = bar.add_task(title, total=None, detail="")

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, detail=f"{done:,}/{total:,} {unit}")

            yield tell

    @contextmanager
    def training(self) -> Iterator["Callable[[Event], None] | None"]:
        """A bar that training's events move: loss, images a second and the time that is left."""
        if not self.has_bars:
            yield None
            return
        with _bar(estimate=False) as bar:
            task = bar.add_task("training", total=None, detail="")
            latest: dict[str, str] = {"loss": "", "speed": ""}

            def tell(event: "Event") -> None:
                if event.phase == "train":
                    steps = f"{event.step:,}" + (f"/{event.total:,}" if event.total else "") + " steps"
                    latest["loss"] = "" if event.nats is None else f"  loss {event.nats:.2f} nats"
                    bar.update(task, total=event.total, completed=event.done)
                    latest["steps"] = steps
                if event.images_per_second is not None:
                    latest["speed"] = f"  {event.images_per_second:.1f} images/s"
                title = {"train": "training", "validate": "validating", "sample": "drawing samples"}[event.phase]
                left = "" if event.seconds_left is None else f"  {clock(event.seconds_left)} left"
                detail = latest.get("steps", f"{event.step:,} steps") + latest["loss"] + latest["speed"] + left
                bar.update(task, description=title, detail=detail)

            yield tell

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


def duration(seconds: float) -> str:
    """Hours, minutes and seconds in words: 50 min 11 s."""
    hours, minutes, rest = (int(part) for part in clock(seconds).split(":"))
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def quoted(word: str | Path) -> str:
    """A word as a shell reads it back."""
    return shlex.quote(str(word))
