"""Command lines: what all commands' parsers share."""

import argparse
import math
import re
import textwrap
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pixelsnail.cli.errors import UsageError, nearest

DOTTED = re.compile(r"--([a-z_]+\.[A-Za-z_][\w.]*)(?:=(.*))?", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """The parser of one command. Its help opens with examples; a mistake raises UsageError that names the nearest.

    With `dotted`, options such as --model.channels 32 are collected in `arguments.overrides`, whatever their names.
    """

    def __init__(self, command: str, meaning: str, examples: Sequence[str], dotted: bool = False) -> None:
        super().__init__(prog=f"pixelsnail {command}", add_help=False, allow_abbrev=False, formatter_class=_Formatter)
        self.command, self.meaning, self.examples, self.dotted = command, meaning, examples, dotted
        self.extra_help: Callable[[argparse.Namespace], str] | None = None
        self.add_argument("-h", "--help", action=_Help, help="show this text")
        self.add_argument(
            "--quiet", action="store_true", help="print errors only: no notes, no progress (default: off)"
        )

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments. Raises UsageError for a command line that cannot be meant."""
        words, overrides = take_dotted(words) if self.dotted else (list(words), {})
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(self._about_unknown(unknown))
        arguments.overrides = overrides
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raises UsageError instead of printing the usage."""
        text = message.removeprefix("argument ").replace(": is ", " is ", 1)
        if text.startswith("the following arguments are required"):
            missing = text.partition(": ")[2]
            raise UsageError(f"{self.command} needs {missing}; for example: {self.examples[0]}")
        raise UsageError(f"{text if text[-1] in '.?' else text + '.'} See {self.prog} --help.")

    def format_help(self) -> str:
        """Examples first, then what the command does, then every argument."""
        examples = "\n".join(f"  {example}" for example in self.examples)
        usage = f"Usage: {' '.join([self.prog, *self._needed()])} [options]"
        width = max(40, self._get_formatter()._width)
        meaning = "\n\n".join(textwrap.fill(" ".join(part.split()), width) for part in self.meaning.split("\n\n"))
        formatter = self._get_formatter()
        for group in self._action_groups:
            formatter.start_section(group.title and group.title.capitalize())
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        heading = "Example:" if len(self.examples) == 1 else "Examples:"
        return f"{heading}\n{examples}\n\n{meaning}\n\n{usage}\n\n{formatter.format_help()}"

    def _needed(self) -> list[str]:
        required = [a for a in self._actions if a.required and a.option_strings]
        places = [str(a.metavar or a.dest) for a in self._actions if not a.option_strings]
        return places + [f"{a.option_strings[-1]} {a.metavar or a.dest.upper()}" for a in required]

    def _about_unknown(self, unknown: Sequence[str]) -> str:
        word = unknown[0]
        if not word.startswith("-"):
            return f"{word!r} is one argument too many"
        valid = [option for action in self._actions for option in action.option_strings]
        return f"There is no option {word.partition('=')[0]}; did you mean {nearest(word, valid)}?"


class _Formatter(argparse.HelpFormatter):
    """Adds "(required)" or "(default: ...)" where the text does not say it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if isinstance(action, _Help):
            return text
        if "(default" in text or "(required" in text:
            return text
        if action.required:
            return f"{text} (required)"
        return f"{text} (default: {'off' if action.default is False else action.default})"


class _Help(argparse.Action):
    """Prints the help and what the arguments before it ask for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        print(parser.format_help().rstrip())
        if parser.extra_help is not None:
            print(f"\n{parser.extra_help(namespace)}")
        parser.exit()


def take_dotted(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Parts --section.key VALUE and --section.key=VALUE from the other words."""
    rest: list[str] = []
    overrides: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        match = DOTTED.fullmatch(word)
        if match is None:
            rest.append(word)
            continue
        value = match[2] if match[2] is not None else next(remaining, None)
        if value is None or (match[2] is None and value.startswith("--")):
            raise UsageError(f"--{match[1]} has no value; expected --{match[1]} VALUE.")
        overrides[match[1]] = value
    return rest, overrides


# Types: each raises ArgumentTypeError with what was seen and what was expected.


def whole(text: str, least: int) -> int:
    """A whole number of at least `least`."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ArgumentTypeError(f"is {text!r}; expected a whole number of at least {least}")
    return value


def count(text: str) -> int:
    """A whole number of at least 1."""
    return whole(text, 1)


def seed(text: str) -> int:
    """A whole number of at least 0."""
    return whole(text, 0)


def positive(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"is {text!r}; expected a number above 0")
    return value


def sizes(text: str, form: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 that are parted by x, as many as in `form`: 28x28 for HxW."""
    parts = text.lower().split("x")
    if len(parts) != len(form.split("x")) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        example = form.replace("C", "1").replace("H", "28").replace("W", "28")
        raise ArgumentTypeError(f"is {text!r}; expected {form}, such as {example}")
    return tuple(int(part) for part in parts)


def pixel(text: str) -> tuple[int, int]:
    """ROW,COLUMN, two whole numbers of at least 0."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ArgumentTypeError(f"is {text!r}; expected ROW,COLUMN, such as 21,14")
    return int(parts[0]), int(parts[1])


def one_of(*names: str) -> Callable[[str], str]:
    """One of these words."""

    def choose(text: str) -> str:
        if text not in names:
            near = nearest(text, names)
            raise ArgumentTypeError(f"is {text!r}; did you mean {near!r}? Expected one of {', '.join(names)}")
        return text

    return choose


# Options that several commands share.


def add_run(parser: Parser, several: bool = False) -> None:
    """RUN, or RUN..., and which of its weights."""
    meaning = "folder of a run or of a model, hf:OWNER/NAME, or mnist, which comes with pixelsnail (required)"
    if several:
        parser.add_argument("runs", metavar="RUN...", nargs="+", help=meaning)
    else:
        parser.add_argument("run", metavar="RUN", help=meaning)
    add_weights(parser)


def add_weights(parser: Parser) -> None:
    """Which of a run's weights."""
    parser.add_argument(
        "--weights", metavar="best|last", type=one_of("best", "last"), default="best",
        help="best: those with the lowest validation nats; last: the latest",
    )  # fmt: skip


def add_device(parser: Parser) -> None:
    """Where a model computes."""
    parser.add_argument(
        "--device", metavar="auto|cpu|cuda", type=one_of("auto", "cpu", "cuda"), default="auto",
        help="where to compute; auto takes a GPU where there is one",
    )  # fmt: skip


def add_precision(parser: Parser) -> None:
    """In which floats a model computes."""
    parser.add_argument(
        "--precision", metavar="DTYPE", type=one_of("float32", "bfloat16", "float64"), default="float32",
        help="floats that weights are rounded to and layers compute in: float32, bfloat16 or float64",
    )  # fmt: skip


def add_batch(parser: Parser) -> None:
    """How many images at a time."""
    parser.add_argument(
        "--batch", metavar="N", type=count, default=64,
        help="images at a time: changes speed and memory, never the result",
    )  # fmt: skip


def add_overwrite(parser: "argparse._ActionsContainer", what: str) -> None:
    """Whether existing files may be replaced."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace {what} that is there already")


def add_drawing(parser: Parser) -> None:
    """How pixels are drawn."""
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="image i depends on the seed and i alone")
    parser.add_argument(
        "--temperature", metavar="T", type=positive, default=1.0,
        help="divides the logits; 1 draws from the model's own distribution",
    )  # fmt: skip
    parser.add_argument(
        "--engine", metavar="auto|compiled|eager|naive", type=one_of("auto", "compiled", "eager", "naive"),
        default="auto", help="compiled is a program, made once in about a minute and kept; naive a whole forward pass "
        "for every pixel; auto takes what is faster in all; they differ in time only",
    )  # fmt: skip


def file(text: str) -> Path:
    """A path; ~ is the home folder where the shell has left it."""
    return Path(text).expanduser()
