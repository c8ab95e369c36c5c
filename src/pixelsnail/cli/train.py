"""`pixelsnail train`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.help import folded
from pixelsnail.cli.outputs import check_folder
from pixelsnail.cli.parameters import SOURCES, Beginning, Count, Device, Fields, Name, RunPath, Whole
from pixelsnail.cli.runs import check_device
from pixelsnail.cli.table import Rows, show
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.machine import is_first_process

if TYPE_CHECKING:
    from pixelsnail.models import Model
    from pixelsnail.training import Recipe

EXAMPLES = (
    "pixelsnail train demo --out runs/demo",
    "pixelsnail train mnist --out runs/mnist --data mnist:FOLDER --model.channels 32 --trainer.max_epochs 2",
    "pixelsnail train mnist --out runs/mnist --resume",
)
ACCELERATORS = {"cpu": "cpu", "cuda": "gpu"}


def train(
    recipe: Annotated[str, Parameter(help="a YAML file, or a packaged recipe; the packaged ones are listed below")],
    /,
    *,
    out: Annotated[RunPath, Parameter(help="folder of the run")],
    beginning: Beginning = Beginning(),
    data: Annotated[str | None, Parameter(help=f"{SOURCES}; short for --data.source (default: the recipe's)")] = None,
    batch: Annotated[
        Count | None, Parameter(help="images a step; short for --data.batch (default: the recipe's)")
    ] = None,
    seed: Annotated[Whole | None, Parameter(help="seed of everything (default: the recipe's)")] = None,
    init: Annotated[
        Name | None,
        Parameter(help="start from the best weights of this run, of a smaller model too (default: random weights)"),
    ] = None,
    device: Device = "auto",
    fields: Fields = MappingProxyType({}),
    terminal: Terminal = Terminal(),
) -> None:
    """Trains a model by a recipe, into a run: a folder with the model, checkpoints, metrics (CSV and TensorBoard),
    sample grids and the whole recipe. Every field of the recipe is an option, --SECTION.KEY VALUE. Ctrl-C finishes the
    step, saves it and stops; --resume goes on.
    """
    from pixelsnail import training

    if init and beginning.resume:
        raise UsageError("--init and --resume contradict: a run that is resumed has weights of its own.")
    check_folder(out)
    check_device(device)
    short = {"data.source": data, "data.batch": batch, "seed": seed, "trainer.accelerator": ACCELERATORS.get(device)}
    set_here = {name: value for name, value in short.items() if value is not None}
    plan = read_recipe(recipe, {**fields, **set_here}, terminal.note)
    with going_on(out), terminal.training() as progress:
        model = training.train(
            plan, out=out, resume=beginning.resume, overwrite=beginning.overwrite, init=init, progress=progress,
            note=terminal.note,
        )  # fmt: skip
    if is_first_process():
        show(rows(model, out))
    name = quoted(out)
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


def read_recipe(recipe: str | Path, fields: Mapping[str, Any], note: Callable[[str], object] | None = None) -> "Recipe":
    """The recipe with these fields. Raises UsageError where the fields are wrong, not the recipe itself."""
    from pixelsnail import training

    try:
        plan = training.read(recipe, fields, note)
        if find_spec("lightning") is not None and any(name.startswith("trainer.") for name in fields):
            from pixelsnail.training.fitting import check_trainer

            check_trainer(plan.trainer)
    except (ValueError, TypeError) as error:
        if fields:
            training.read(recipe)  # whose fault is it?
            raise UsageError(str(error)) from None
        raise
    return plan


def rows(model: "Model", out: Path) -> Rows:
    """The final figures, from what the run says of itself."""
    from pixelsnail import checkpoints
    from pixelsnail.training.history import duration, read_history

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
        losses = [row.nats for row in read_history(out) if row.split == "train"]
        found.append(("training", f"{losses[-1]:.2f} nats/image, the latest loss"))
    return found


def more_help(words: Sequence[str]) -> str:
    """The packaged recipes, and every field: of the recipe that is named first, else those that all recipes have."""
    from pixelsnail import training

    recipe = words[0] if words and not words[0].startswith("-") else None
    plan = None if recipe is None else training.read(recipe)
    values: dict[str, Any] = {} if plan is None else plan.tree()
    parts = [folded(f"Packaged recipes: {', '.join(training.packaged())}.")]
    if plan is None:
        parts.append("Fields of the recipe (defaults of a recipe that does not set them):")
    else:
        parts.append(f"Fields of the recipe {recipe}:")
    for option in training.options(None if plan is None else plan.model["name"]):
        if option.name == "seed":
            continue  # among the options above
        section, _, key = option.name.partition(".")
        default = values.get(section, {}).get(key, option.default)
        default = "from the data" if option.name in ("model.shape", "model.levels") else _plain(default)
        parts.append(_field(option.name, f"{option.meaning}: {option.type} (default: {default})"))
    if plan is None:
        parts.append(_field("model.NAME", "any argument of the model: pixelsnail train RECIPE --help lists them"))
    trainer = "any argument of Lightning's Trainer, such as --trainer.max_steps 100"
    parts.append(_field("trainer.NAME", trainer + (f" (default: {_plain(plan.trainer)})" if plan else "")))
    return "\n".join(parts)


def _field(name: str, meaning: str) -> str:
    return f"  --{name} VALUE\n{folded(meaning, ' ' * 6)}"


def _plain(value: Any) -> str:
    """A value as YAML writes it, nearly."""
    words = {None: "null", True: "true", False: "false"}
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return words[value] if value is None or isinstance(value, bool) else str(value)
