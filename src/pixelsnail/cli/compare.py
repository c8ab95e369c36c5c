"""`pixelsnail compare`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.outputs import check_folder
from pixelsnail.cli.parameters import SOURCES, Beginning, Count, Data, Device, Fields, Folder, Json, Positive, form
from pixelsnail.cli.runs import check_device
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.cli.train import ACCELERATORS, read_recipe

if TYPE_CHECKING:
    from pixelsnail.comparison import Comparison


Recipe = Annotated[str, form("RECIPE", str)]
EXAMPLES = (
    "pixelsnail compare ablation/interleaved ablation/no-attention --seconds 60 --out runs/comparison",
    "pixelsnail compare a.yaml b.yaml --steps 1000 --parameters 50000 --seeds 5 --out runs/comparison",
)


@Parameter(name="*")
@dataclass(frozen=True)
class Budget:
    """How long each is trained."""

    steps: Annotated[Count | None, Parameter(help="training steps of each (default: --seconds decides)")] = None
    seconds: Annotated[Positive | None, Parameter(help="seconds of training of each (default: --steps decides)")] = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.seconds is not None:
            raise UsageError("--seconds is not allowed with --steps; expected one of them.")


def compare(
    *recipes: Annotated[Recipe, Parameter(help="YAML files or packaged recipes (required)")],
    out: Annotated[Folder, Parameter(help="folder of the comparison")],
    budget: Budget = Budget(),
    parameters: Annotated[
        Count | None, Parameter(help="weights of each model (default: the recipes' own widths)")
    ] = None,
    seeds: Annotated[Count, Parameter(help="trainings of each, seeds 0 ... N - 1")] = 3,
    binarizations: Annotated[
        Count, Parameter(help="draws of dynamically binarised test images that nats are the mean over")
    ] = 1,
    beginning: Beginning = Beginning(),
    data: Annotated[Data | None, Parameter(help=f"{SOURCES}, for all (default: the recipes')")] = None,
    device: Device = "auto",
    json: Json = False,
    fields: Fields = MappingProxyType({}),
    terminal: Terminal = Terminal(),
) -> None:
    """Trains several recipes under one budget, each with several seeds, and writes a table (Markdown and JSON: mean
    and standard deviation of the test images' nats over the seeds) and curves of validation nats against steps and
    seconds. The budget is --steps, or --seconds of training on this machine: how many steps that is, is measured for
    each recipe first. With --parameters, every model has the width (model.channels) that gives it about so many
    weights. All recipes must take the same images, binarised alike. --SECTION.KEY VALUE sets a field in all of them.
    --resume goes on after an interruption, and takes more recipes or seeds in.
    """
    from pixelsnail import comparison

    for missing, what in ((not recipes, "RECIPE..."), (budget == Budget(), "--steps or --seconds")):
        if missing:
            raise UsageError(f"compare needs {what}; for example: {EXAMPLES[0]}")
    check_folder(out)
    check_device(device)
    short = {"data.source": data, "trainer.accelerator": ACCELERATORS.get(device)}
    fields = {**fields, **{name: value for name, value in short.items() if value is not None}}
    for recipe in recipes:
        read_recipe(recipe, fields)
    with going_on(out), terminal.training() as progress:
        found = comparison.compare(
            recipes, out=out, steps=budget.steps, seconds=budget.seconds, parameters=parameters, seeds=seeds,
            binarizations=binarizations, resume=beginning.resume, overwrite=beginning.overwrite, progress=progress,
            note=terminal.note, **fields,
        )  # fmt: skip
    if json:
        show_json(found.as_dict())
    else:
        table(found)
    terminal.note(found.description())
    terminal.note(f"Wrote the table and the curves into {out}.")
    best = found.rows()[0]
    name = quoted(out / "runs" / best.recipe / f"seed-{best.seeds[0]}")
    terminal.next(f"pixelsnail sample {name} --count 64 --out samples.png")


def table(found: "Comparison") -> None:
    """Prints the rows, fewest nats first."""
    from pixelsnail.comparison.table import COLUMNS

    show_columns(COLUMNS, [row.cells() for row in found.rows()])


@contextmanager
def going_on(out: Path) -> Iterator[None]:
    """Says, when interrupted, that the comparison can go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Stopped; what is done is kept in {quoted(out)}, and the same command with --resume goes on."
        ) from None
