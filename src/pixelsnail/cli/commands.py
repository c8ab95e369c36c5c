"""The commands, and `main`. A command's module is imported when the command is used, so that help appears at once."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import pixelsnail
from pixelsnail.cli.errors import UsageError, guarded, nearest
from pixelsnail.cli.terminal import Terminal

COMMANDS = {
    "train": ("pixelsnail.cli.train", "train a model by a recipe"),
    "evaluate": ("pixelsnail.cli.evaluate", "the likelihood of a set of images: nats/image and bits/dim"),
    "sample": ("pixelsnail.cli.sample", "draw images"),
    "complete": ("pixelsnail.cli.complete", "keep the known part of images and draw the rest"),
    "score": ("pixelsnail.cli.score", "the likelihood of every single image, and of its pixels"),
    "receptive-field": ("pixelsnail.cli.receptive_field", "which earlier pixels a pixel depends on: numbers, a figure"),
    "attention": ("pixelsnail.cli.attention", "which earlier pixels the attention of a model looks at: a figure"),
    "import": ("pixelsnail.cli.importing", "turn another project's checkpoint into a run"),
    "info": ("pixelsnail.cli.info", "what a run holds"),
    "curve": ("pixelsnail.cli.curve", "nats against time of a training: a table and a picture"),
    "compare": ("pixelsnail.cli.compare", "train several recipes under one budget: a table and curves"),
    "demo": ("pixelsnail.cli.demo", "train a small model on real digits, and leave pictures"),
}
"""Name -> (module, meaning). A module has `parser()` and `run(arguments, terminal)`."""

HELP = ("-h", "--help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, by default the process's own. Returns the exit status.

    0 done; 1 could not (data, file, model); 2 wrong usage; 130 interrupted. Whatever goes wrong is one line on stderr.
    """
    words = list(sys.argv[1:] if argv is None else argv)
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
    if words[0] in HELP:
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"pixelsnail {pixelsnail.__version__}")
        return 0
    if words[0] not in COMMANDS:
        raise UsageError(_unknown(words[0]))
    module = import_module(COMMANDS[words[0]][0])
    arguments = module.parser().parse(words[1:])
    with Terminal(quiet=arguments.quiet) as terminal:
        module.run(arguments, terminal)
    return 0


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"{word} comes before the command; expected pixelsnail COMMAND [options], see pixelsnail --help."
    return f"There is no command {word!r}; did you mean {nearest(word, COMMANDS)!r}? See pixelsnail --help."


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
