"""`pixelsnail train`."""

import csv
import os
import shutil
import textwrap
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelsnail.cli import arguments as common
from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import SOURCES
from pixelsnail.cli.outputs import check_folder
from pixelsnail.cli.table import Rows, show
from pixelsnail.cli.terminal import Terminal, duration, quoted

if TYPE_CHECKING:
    from pixelsnail.models import Model
    from pixelsnail.training import Recipe

ACCELERATORS = {"cpu": "cpu", "cuda": "gpu"}


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "train",
        "Trains a model by a recipe, into a run: a folder with the model, checkpoints, metrics (CSV and TensorBoard), "
        "sample grids and the whole recipe. Every field of the recipe is an option, --SECTION.KEY VALUE. Ctrl-C "
        "finishes the step, saves it and stops; --resume goes on.",
        [
            "pixelsnail train demo --out runs/demo",
            "pixelsnail train mnist --out runs/mnist --data mnist:FOLDER --model.channels 32 --trainer.max_epochs 2",
            "pixelsnail train mnist --out runs/mnist --resume",
        ],
        dotted=True,
    )
    parser.add_argument("recipe", metavar="RECIPE", help="a YAML file, or a packaged recipe: demo, mnist (required)")
    parser.add_argument("--out", metavar="RUN", type=common.file, required=True, help="folder of the run")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="go on after the run's last checkpoint")
    common.add_overwrite(group, "a run")
    parser.add_argument("--data", metavar="SOURCE", help=f"{SOURCES}; short for --data.source (default: the recipe's)")
    parser.add_argument(
        "--batch", metavar="N", type=common.count, help="images a step; short for --data.batch (default: the recipe's)"
    )  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=common.seed, help="seed of everything (default: the recipe's)")
    parser.add_argument(
        "--init", metavar="RUN", help="start from the best weights of this run (default: random weights)"
    )  # fmt: skip
    common.add_device(parser)
    parser.extra_help = fields_help
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Trains and prints the final figures."""
    from pixelsnail import training

    if arguments.init and arguments.resume:
        raise UsageError("--init and --resume contradict: a run that is resumed has weights of its own.")
    check_folder(arguments.out)
    main_process = not any(int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK"))
    terminal.quiet = terminal.quiet or not main_process
    plan = read_recipe(arguments.recipe, overrides(arguments), terminal.note)
    with going_on(arguments.out), terminal.training() as progress:
        model = training.train(
            plan, out=arguments.out, resume=arguments.resume, overwrite=arguments.overwrite, init=arguments.init,
            progress=progress, note=terminal.note,
        )  # fmt: skip
    if main_process:
        show(rows(model, arguments.out))
    name = quoted(arguments.out)
    terminal.next(f"pixelsnail evaluate {name}", f"pixelsnail sample {name} --count 64 --out samples.png")


@contextmanager
def going_on(out: Path) -> Iterator[None]:
    """Adds to what an interrupted training says the command that goes on: the run's own recipe has every field."""
    from pixelsnail.training import RunFolder

    try:
        yield
    except KeyboardInterrupt as error:
        folder = RunFolder(out)
        if not error.args or not folder.last.is_file():
            raise
        command = f"pixelsnail train {quoted(folder.recipe)} --out {quoted(out)} --resume"
        raise KeyboardInterrupt(f"{error} Next: {command}") from None


def overrides(arguments: Namespace) -> dict[str, Any]:
    """The recipe's fields that the command line sets."""
    fields: dict[str, Any] = dict(arguments.overrides)
    short = {"data.source": arguments.data, "data.batch": arguments.batch, "seed": arguments.seed}
    short["trainer.accelerator"] = ACCELERATORS.get(arguments.device)
    return fields | {name: value for name, value in short.items() if value is not None}


def read_recipe(recipe: str | Path, fields: Mapping[str, Any], note: Callable[[str], object] | None = None) -> "Recipe":
    """The recipe with these fields. Raises UsageError where the fields are wrong, not the recipe itself."""
    from pixelsnail import training

    try:
        plan = training.read(recipe, fields, note)
        if find_spec("lightning") is not None and any(name.startswith("trainer.") for name in fields):
            from pixelsnail.training.fitting import check_trainer

            check_trainer(plan.trainer)
    except (ValueError, TypeError) as error:
        if fields and _is_sound(recipe):
            raise UsageError(str(error)) from None
        raise
    return plan


def _is_sound(recipe: str | Path) -> bool:
    from pixelsnail import training

    try:
        training.read(recipe)
    except (ValueError, TypeError):
        return False
    return True


def rows(model: "Model", out: Path) -> Rows:
    """The final figures, from what the run says of itself."""
    from pixelsnail import checkpoints

    about = checkpoints.about(out)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    found = [
        ("run", str(out)),
        ("model", f"{type(model).__name__}, {parameters:,} parameters"),
        (
            "best weights",
            f"after {about['steps']:,} steps, {about['epochs']:g} epochs, {duration(about['seconds'])}",
        ),
    ]
    nats = about.get("validation_nats")
    if nats is not None:
        found.append(("validation", f"{nats:.2f} nats/image ({about['source']}, {about['binarize']})"))
    else:
        found.append(("training", f"{last_loss(out):.2f} nats/image, the latest loss"))
    return found


def last_loss(out: Path) -> float:
    """The latest training loss in the run's metrics, in nats an image."""
    from pixelsnail.training import RunFolder

    with RunFolder(out).metrics.open(encoding="utf-8", newline="") as table:
        return [float(row["nats"]) for row in csv.DictReader(table) if row["split"] == "train"][-1]


def fields_help(arguments: Namespace) -> str:
    """Every field of a recipe: of the one given before --help, else those that all recipes have."""
    from pixelsnail import training

    recipe = getattr(arguments, "recipe", None)
    plan = None if recipe is None else training.read(recipe)
    values: dict[str, Any] = {} if plan is None else plan.tree()
    lines = []
    for option in training.options(None if plan is None else plan.model["name"]):
        if option.name == "seed":
            continue  # among the options above
        section, _, key = option.name.partition(".")
        default = values.get(section, {}).get(key, option.default) if key else values.get(section, option.default)
        default = "from the data" if option.name in ("model.shape", "model.levels") else _plain(default)
        lines.append(_field(f"--{option.name} VALUE", f"{option.meaning}: {option.type} (default: {default})"))
    trainer = "any argument of Lightning's Trainer, such as --trainer.max_steps 100"
    if plan is None:
        lines.append(
            _field("--model.NAME VALUE", "any argument of the model: pixelsnail train RECIPE --help lists them")
        )
        title = "Fields of the recipe (defaults of a recipe that does not set them):"
    else:
        trainer += f" (default: {_plain(plan.trainer)})"
        title = f"Fields of the recipe {recipe}:"
    return "\n".join([title, *lines, _field("--trainer.NAME VALUE", trainer)])


def _field(option: str, meaning: str) -> str:
    width = max(40, shutil.get_terminal_size().columns - 2)
    return f"  {option}\n{textwrap.fill(meaning, width, initial_indent=' ' * 6, subsequent_indent=' ' * 6)}"


def _plain(value: Any) -> str:
    """A value as YAML writes it, nearly."""
    words = {None: "null", True: "true", False: "false"}
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return words[value] if value is None or isinstance(value, bool) else str(value)
