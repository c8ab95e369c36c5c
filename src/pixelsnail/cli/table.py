"""The answer: tables and JSON on stdout."""

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[tuple[str, str]]


def show(rows: Rows) -> None:
    """Prints names and values in two columns, values folded to the width of the terminal (a file has no width)."""
    left = max(len(name) for name, _ in rows) + 3
    room = max(20, shutil.get_terminal_size().columns - left) if sys.stdout.isatty() else sys.maxsize
    for name, value in rows:
        first, *rest = textwrap.wrap(value, room) if len(value) > room else [value]
        print(f"{name:<{left}}{first}")
        for line in rest:
            print(" " * left + line)


def show_json(content: Mapping[str, Any]) -> None:
    """Prints one JSON object, numbers in full precision."""
    print(json.dumps(content, allow_nan=False))


def with_error(nats: float, error: float | None) -> str:
    """A mean with its standard error, where it has one."""
    return f"{nats:.2f}" if error is None or math.isnan(error) else f"{nats:.2f} +- {error:.2f}"


def show_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table with a line for the columns' names, every column flush right."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        print("   ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
