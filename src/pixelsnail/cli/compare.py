"""`pixelsnail compare`."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelsnail.cli import arguments as common
from pixelsnail.cli.images import SOURCES
from pixelsnail.cli.outputs import check_folder
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.cli.train import overrides, read_recipe

if TYPE_CHECKING:
    from pixelsnail.training.comparison import Comparison


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "compare",
        "Trains several recipes under one budget, each with several seeds, and writes a table (Markdown and JSON: mean "
        "and standard deviation of the test images' nats over the seeds) and curves of validation nats against steps "
        "and seconds. The budget is --steps, or --seconds of training on this machine: how many steps that is, is "
        "measured for each recipe first. With --parameters, every model has the width (model.channels) that gives it "
        "about so many weights. All recipes must take the same images, binarised alike. --SECTION.KEY VALUE sets a "
        "field in all of them. --resume goes on after an interruption, and takes more recipes or seeds in.",
        [
            "pixelsnail compare ablation/interleaved ablation/no-attention --seconds 60 --out runs/comparison",
            "pixelsnail compare a.yaml b.yaml --steps 1000 --parameters 50000 --seeds 5 --out runs/comparison",
        ],
        dotted=True,
    )
    parser.add_argument(
        "recipes", metavar="RECIPE...", nargs="+", help="YAML files or packaged recipes (required)"
    )  # fmt: skip
    parser.add_argument("--out", metavar="FOLDER", type=common.file, required=True, help="folder of the comparison")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument(
        "--steps", metavar="N", type=common.count, help="training steps of each (default: --seconds decides)"
    )
    budget.add_argument(
        "--seconds", metavar="S", type=common.positive, help="seconds of training of each (default: --steps decides)"
    )  # fmt: skip
    parser.add_argument(
        "--parameters", metavar="N", type=common.count, help="weights of each model (default: the recipes' own widths)"
    )  # fmt: skip
    parser.add_argument(
        "--seeds", metavar="N", type=common.count, default=3, help="trainings of each, seeds 0 ... N - 1"
    )
    parser.add_argument(
        "--binarizations", metavar="K", type=common.count, default=1,
        help="draws of dynamically binarised test images that nats are the mean over",
    )  # fmt: skip
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="go on with the comparison in this folder")
    common.add_overwrite(group, "a comparison")
    parser.add_argument("--data", metavar="SOURCE", help=f"{SOURCES}, for all (default: the recipes')")
    common.add_device(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Trains and prints the table."""
    from pixelsnail import training

    check_folder(arguments.out)
    fields = fields_of(arguments)
    for recipe in arguments.recipes:
        read_recipe(recipe, fields)
    with going_on(arguments), terminal.training() as progress:
        found = training.compare(
            arguments.recipes, out=arguments.out, steps=arguments.steps, seconds=arguments.seconds,
            parameters=arguments.parameters, seeds=arguments.seeds, binarizations=arguments.binarizations,
            resume=arguments.resume, overwrite=arguments.overwrite, progress=progress, note=terminal.note, **fields,
        )  # fmt: skip
    if arguments.json:
        show_json(found.as_dict())
    else:
        table(found)
    terminal.note(found.description())
    terminal.note(f"Wrote the table and the curves into {arguments.out}.")
    best = found.rows()[0]
    name = quoted(arguments.out / "runs" / best.recipe / f"seed-{best.seeds[0]}")
    terminal.next(f"pixelsnail sample {name} --count 64 --out samples.png")


def fields_of(arguments: Namespace) -> dict[str, Any]:
    """The fields that the command line sets in all recipes."""
    return overrides(Namespace(**{**vars(arguments), "batch": None, "seed": None}))


def table(found: "Comparison") -> None:
    """Prints the rows, fewest nats first."""
    from pixelsnail.training.comparison import COLUMNS

    show_columns(COLUMNS, [row.cells() for row in found.rows()])


@contextmanager
def going_on(arguments: Namespace) -> Iterator[None]:
    """Says, when interrupted, that the comparison can go on."""
    try:
        yield
    except KeyboardInterrupt:
        place = quoted(Path(arguments.out))
        raise KeyboardInterrupt(
            f"Stopped; what is done is kept in {place}, and the same command with --resume goes on."
        ) from None
