"""The answer: tables and JSON on stdout."""

import json
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
