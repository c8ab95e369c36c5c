"""What `--help` prints: examples, then what a command does, then every argument with its meaning and its default."""

import inspect
import shutil
import textwrap
from collections.abc import Iterable

from cyclopts import Argument

from pixelsnail.cli.parsing import Command, metavar

COLUMN = 26
"""Where meanings begin."""
COMMON = [("-h, --help", "show this text"), ("--quiet", "print errors only: no notes, no progress (default: off)")]


def help_text(command: Command) -> str:
    """Examples first."""
    places = [one for one in command.arguments if not one.name.startswith("-")]
    named = [one for one in command.arguments if one.name.startswith("-") and one.name != "--quiet"]
    required = [f"{one.name} {metavar(one)}" for one in named if one.required]
    usage = " ".join(["Usage: pixelsnail", command.name, *(_place(one) for one in places), *required, "[options]"])
    examples = "\n".join(f"  {example}" for example in command.examples)
    parts = [
        f"{'Example' if len(command.examples) == 1 else 'Examples'}:\n{examples}",
        *(folded(part) for part in inspect.cleandoc(command.function.__doc__ or "").split("\n\n")),
        usage,
    ]
    if places:
        parts.append(table("Arguments", [(_place(one), _meaning(one)) for one in places]))
    options = [(one.name if one.is_flag() else f"{one.name} {metavar(one)}", _meaning(one)) for one in named]
    return "\n\n".join([*parts, table("Options", [*COMMON, *options])])


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title and rows of two columns."""
    lines = [f"{title}:"]
    for left, right in rows:
        first, *rest = textwrap.wrap(right, max(20, _width() - COLUMN))
        if len(left) + 4 > COLUMN:
            lines.append(f"  {left}")
            rest = [first, *rest]
        else:
            lines.append(f"  {left:<{COLUMN - 2}}{first}")
        lines += [" " * COLUMN + line for line in rest]
    return "\n".join(lines)


def folded(text: str, indent: str = "") -> str:
    """A paragraph as wide as the terminal."""
    return textwrap.fill(" ".join(text.split()), _width(), initial_indent=indent, subsequent_indent=indent)


def _width() -> int:
    return max(40, shutil.get_terminal_size().columns - 2)


def _place(argument: Argument) -> str:
    return metavar(argument) + ("..." if argument.is_var_positional() else "")


def _meaning(argument: Argument) -> str:
    text = argument.parameter.help or ""
    if "(default" in text or "(required" in text:
        return text
    if argument.required:
        return f"{text} (required)"
    default = argument.field_info.default
    return f"{text} (default: {'off' if default is False else default})"
