"""The commands, and `main`. A command's module is imported when the command is used, so that help appears at once."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import pixelsnail
from pixelsnail.bars import IMPORTING
from pixelsnail.cli.errors import UsageError, guarded
from pixelsnail.machine import keep_memory
from pixelsnail.names import nearest

if TYPE_CHECKING:
    from pixelsnail.cli.parsing import Command

COMMANDS = {
    "train": ("train:train", "train a model by a recipe"),
    "evaluate": ("evaluate:evaluate", "the likelihood of a set of images: nats/image and bits/dim"),
    "sample": ("sample:sample", "draw images"),
    "complete": ("complete:complete", "keep the known part of images and draw the rest"),
    "score": ("score:score", "the likelihood of every single image, and of its pixels"),
    "classify": ("classify:classify", "which class every image is of, by a model of p(x | label)"),
    "compress": ("compress:compress", "images into one file, as short as their likelihood says"),
    "decompress": ("decompress:decompress", "such a file back into images, pixel for pixel"),
    "detect": ("detect:detect", "which images and pixels are unusual, at a false-alarm rate"),
    "detect-fit": ("fit:fit", "what is usual: thresholds from normal images (also: detect fit)"),
    "restore": ("restore:restore", "draw the surprising pixels of images anew"),
    "pixel": ("pixel:pixel", "how probable each level of one pixel is, as a table and a figure"),
    "receptive-field": (
        "receptive_field:receptive_field", "which earlier pixels a pixel depends on: numbers, a figure"
    ),
    "attention": ("attention:attention", "which earlier pixels the attention of a model looks at: a figure"),
    "import": ("importing:import_run", "turn another project's checkpoint into a run"),
    "info": ("info:info", "what a run holds"),
    "curve": ("curve:curve", "nats against time of a training: a table and a picture"),
    "compare": ("compare:compare", "train several recipes under one budget: a table and curves"),
    "demo": ("demo:demo", "train a small model on real digits, and leave pictures"),
    "completion": ("completion:completion", "let a shell complete commands and options: bash, zsh, fish"),
}  # fmt: skip
"""Name -> (module:function in this folder, meaning). The module has EXAMPLES, and `more_help(words)` where help says
more than the signature."""

HELP = ("-h", "--help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, by default the process's own. Returns the exit status.

    0 done; 1 could not (data, file, model); 2 wrong usage; 130 interrupted. Whatever goes wrong is one line on stderr.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        gc.set_threshold(*IMPORTING)
        keep_memory()
    status = guarded(lambda: _run(words))
    if argv is None:
        # The process ends here. Python collects garbage once more, which after `import torch` and lightning takes 1 to
        # 1.5 s and frees nothing that the system would not; frozen objects are left out: 0.2 to 0.5 s.
        gc.freeze()
    return status


def _run(words: list[str]) -> int:
    if not words:
        print(overview(), file=sys.stderr)
        return 2
    name, *rest = words
    if rest and f"{name}-{rest[0]}" in COMMANDS:  # detect fit
        name, rest = f"{name}-{rest[0]}", rest[1:]
    if name in HELP:
        print(overview())
    elif name == "--version":
        print(f"pixelsnail {pixelsnail.__version__}")
    elif name not in COMMANDS:
        raise UsageError(_unknown(name))
    elif any(word in HELP for word in rest):
        _help(name, rest)
    else:
        command = load(name)
        places, options = command.parse(rest)
        from pixelsnail.cli.terminal import Terminal

        with options.setdefault("terminal", Terminal()).hearing():
            command.function(*places, **options)
    return 0


def load(name: str) -> "Command":
    """A command, its module imported."""
    from pixelsnail.cli.parsing import Command

    module, _, function = COMMANDS[name][0].partition(":")
    home = import_module(f"pixelsnail.cli.{module}")
    return Command(name, getattr(home, function), home.EXAMPLES)


def _help(name: str, words: list[str]) -> None:
    from pixelsnail.cli.help import help_text

    command = load(name)
    print(help_text(command))
    more = getattr(sys.modules[command.function.__module__], "more_help", None)
    if more is not None:
        print(f"\n{more(words)}")


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"{word} comes before the command; expected pixelsnail COMMAND [options], see pixelsnail --help."
    near = nearest(word, COMMANDS)
    return f"There is no command {word!r}{f'; did you mean {near!r}?' if near else '.'} See pixelsnail --help."


def overview() -> str:
    """What `pixelsnail --help` prints."""
    lines = "\n".join(f"  {name:<17}{meaning}" for name, (_, meaning) in COMMANDS.items())
    return f"""Example:
  pixelsnail sample mnist --count 64 --out digits.png
  pixelsnail train demo --out runs/demo

Exact-likelihood image models: train, score, draw and complete images.

Commands:
{lines}

RUN is the folder of a run or of a model, hf:OWNER/NAME on the Hugging Face hub, or mnist, a trained model that comes
with pixelsnail.
`pixelsnail COMMAND --help` says more. Answers go to stdout; notes and progress go to stderr.
Exit status: 0 done, 1 could not (data, file, model), 2 wrong usage, 130 interrupted.

Options:
  -h, --help  this text
  --version   the version of pixelsnail"""
