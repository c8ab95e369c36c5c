"""Bars of progress by rich, which draws them in terminals and notebooks, and lines where neither can."""

import gc
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

IMPORTING = (100_000, 10, 10)
"""How often garbage is looked for while a command's modules are imported, of which none is: 0.2 s in all, not 0.5."""
WORKING = gc.get_threshold()
EVERY = 30.0
"""Seconds between lines of progress where there is no bar."""


def bar(estimate: bool = True) -> "Progress":
    """A bar on stderr, with rich's own estimate of the time that is left unless somebody else has one."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=24, complete_style="blue", finished_style="blue"),
        TextColumn("{task.fields[detail]}"),
    ]
    left = [TimeRemainingColumn(), TextColumn("left")] if estimate else []
    return Progress(*columns, *left, console=_console(), transient=True)


def can_draw() -> bool:
    """Whether bars can be drawn: not into a file or pipe, nor on a terminal that cannot redraw a line.

    In a notebook rich draws them by ipywidgets.
    """
    if "IPython" in sys.modules and _console().is_jupyter:
        return find_spec("ipywidgets") is not None
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def begin() -> None:
    """Long work begins: what was imported is no garbage, and that of the work is collected as usual."""
    if gc.get_threshold() == IMPORTING:
        gc.freeze()
        gc.set_threshold(*WORKING)


def now_and_then(note: Callable[[str], object]) -> Callable[[str], None]:
    """Says a sentence in a while: a line for a log file."""
    last = time.monotonic()

    def say(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            note(text)

    return say


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
