"""`pixelsnail receptive-field`."""

import math
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelsnail.cli import arguments as common
from pixelsnail.cli.errors import UsageError, nearest
from pixelsnail.cli.evaluate import short_names
from pixelsnail.cli.images import add_data, open_data
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import MissingFileError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.evaluation import ReceptiveField
    from pixelsnail.models import Model
    from pixelsnail.pictures import CausalMap

ROWS = ("connectivity", "at initialisation", "after training")


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "receptive-field",
        "Which earlier pixels the parameters of one pixel depend on, and how strongly: a table and a figure with "
        "a column a model. RUN is a trained model; the name of a MODEL stands for it with the arguments it has by "
        "default and initial weights, for 28 x 28 images of two levels. Connectivity is exact: a pixel can matter "
        "for some weights, or for none. How strongly is the mean absolute gradient over images, relative to the "
        "greatest, with the initial weights of --seed and with the trained ones; of several parameters a pixel, "
        "summed with random signs. The table says which fraction of the earlier pixels has at least --threshold "
        "of the greatest, and within which distance half of the whole lies.",
        [
            "pixelsnail receptive-field mnist PixelCNN --out receptive-field.png",
            "pixelsnail receptive-field runs/demo --pixel 14,14 --out receptive-field.svg --json",
        ],
    )
    parser.add_argument(
        "runs", metavar="RUN|MODEL...", nargs="+",
        help="runs, as in all commands, or names of models, such as PixelSNAIL, untrained (required)",
    )  # fmt: skip
    common.add_weights(parser)
    parser.add_argument(
        "--out", metavar="FIGURE", type=common.file, required=True, help="figure, FIGURE.png or FIGURE.svg"
    )  # fmt: skip
    parser.add_argument(
        "--pixel", metavar="ROW,COLUMN", type=common.pixel,
        help="the pixel, counted from 0,0 (default: three quarters down, in the middle)",
    )  # fmt: skip
    parser.add_argument("--images", metavar="N", type=common.count, default=16, help="images that the mean is over")
    parser.add_argument(
        "--threshold", metavar="T", type=common.positive, default=0.01, help="part of the greatest influence"
    )  # fmt: skip
    parser.add_argument("--seed", metavar="N", type=common.seed, default=0, help="of the initial weights and the signs")
    add_data(parser)
    parser.add_argument(
        "--batch", metavar="N", type=common.count, default=4,
        help="images at a time: changes speed and memory, never the result",
    )  # fmt: skip
    common.add_device(parser)
    common.add_overwrite(parser, "a figure")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser


@dataclass(frozen=True, eq=False)
class Measured:
    """One model's receptive fields; a model that is not a run has no trained one."""

    model: "Model"
    connectivity: "Tensor"
    initial: "ReceptiveField"
    trained: "ReceptiveField | None"

    @property
    def reached(self) -> int:
        """How many earlier pixels can matter."""
        return int(self.connectivity.sum())


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Measures, prints a table and draws the figure."""
    check_file(arguments.out, (".png", ".svg"), arguments.overwrite)
    from pixelsnail import pictures

    pictures.require_matplotlib("receptive fields")
    names = short_names(arguments.runs)
    if len(set(names)) < len(names):
        raise UsageError("A run or model is named twice; expected each once.")
    asked = [Namespace(**vars(arguments), run=name) for name in arguments.runs]
    opened = [open_both(one, terminal) for one in asked]
    found = [
        measure(model, images, one, is_trained(one), name, terminal)
        for (model, images), one, name in zip(opened, asked, names, strict=True)
    ]
    if arguments.json:
        show_json(as_json(arguments, found))
    else:
        show_table(names, found, arguments.threshold)
    draw(names, found, arguments)
    terminal.note(f"Drew the receptive field of pixel {written(found[0].initial.pixel)}: {arguments.out}")
    trained = [one.run for one in asked if is_trained(one)]
    terminal.next(f"pixelsnail attention {quoted(trained[0] if trained else 'mnist')} --out attention.png")


def is_trained(arguments: Namespace) -> bool:
    """Whether a name is that of a run, and not of a model of the table of models."""
    from pixelsnail.models import MODELS

    return arguments.run not in MODELS or Path(arguments.run).exists()


def open_both(arguments: Namespace, terminal: Terminal) -> "tuple[Model, tuple[Tensor, Tensor | None]]":
    """The model of a name, and images of its kind with their labels where it has classes."""
    from pixelsnail import checkpoints, data
    from pixelsnail.cli.runs import choose_device
    from pixelsnail.models import MODELS

    name = arguments.run
    if is_trained(arguments):
        if not (Path(name).exists() or checkpoints.is_packaged(name) or name.startswith("hf:")):
            known = [*MODELS, *checkpoints.packaged()]
            raise MissingFileError(
                f"There is no run or model {name}; did you mean {nearest(name, known)}? Expected a run's folder, "
                f"hf:owner/name or one of {', '.join(known)}."
            )
        model = load(arguments)
        images = open_data(arguments, model, terminal)
    else:
        model = MODELS[name](shape=(1, 28, 28), levels=2).to(choose_device(arguments.device))
        binarize = None if arguments.binarize == "auto" else arguments.binarize
        images = data.open(arguments.data or "mnist-mini", arguments.split, binarize=binarize)
    images = images.head(arguments.images)
    return model, (images.batch(range(len(images))), images.labels if model.classes else None)


def measure(
    model: "Model",
    images: "tuple[Tensor, Tensor | None]",
    arguments: Namespace,
    trained: bool,
    name: str,
    terminal: Terminal,
) -> Measured:
    """The three receptive fields of a model, with progress."""
    from pixelsnail import evaluation

    x, labels = images
    options: dict[str, Any] = {"context": labels, "seed": arguments.seed, "batch": arguments.batch}
    with terminal.progress(f"{name}: at initialisation", "images") as progress:
        initial = evaluation.fresh(model, x, seed=arguments.seed, context=labels)
        first = evaluation.receptive_field(initial, x, arguments.pixel, progress=progress, **options)
    after = None
    if trained:
        with terminal.progress(f"{name}: after training", "images") as progress:
            after = evaluation.receptive_field(model, x, arguments.pixel, progress=progress, **options)
    with terminal.progress(f"{name}: connectivity", "pixels found") as progress:
        seen = evaluation.connectivity(model, first.pixel, size=(x.shape[2], x.shape[3]), progress=progress)
    return Measured(model, seen, first, after)


def show_table(names: Sequence[str], found: Sequence[Measured], threshold: float) -> None:
    """A row a model."""
    above = f"above {threshold:g}"
    columns = ("model", "can matter", "cannot", f"initially {above}", "half within", f"trained {above}", "half within")
    rows = []
    for name, one in zip(names, found, strict=True):
        cells = [name, f"{one.reached} of {one.initial.earlier}", f"{one.initial.earlier - one.reached}"]
        for field in (one.initial, one.trained):
            cells += ["", ""] if field is None else list(words(field, threshold))
        rows.append(cells)
    show_columns(columns, rows)


def words(field: "ReceptiveField", threshold: float) -> tuple[str, str]:
    """Its two numbers, with their units."""
    return f"{100 * field.share(threshold):.1f} %", f"{field.half_distance:.1f} pixels"


def written(pixel: tuple[int, int]) -> str:
    """ROW,COLUMN."""
    return f"{pixel[0]},{pixel[1]}"


def as_json(arguments: Namespace, found: Sequence[Measured]) -> dict[str, Any]:
    """All numbers; null where there is no trained model, and where nothing has any influence."""

    def numbers(field: "ReceptiveField | None") -> dict[str, float | None] | None:
        if field is None:
            return None
        half = None if math.isnan(field.half_distance) else field.half_distance
        return {"share_above_threshold": field.share(arguments.threshold), "half_distance_pixels": half}

    runs = [
        {"run": name, "model": type(one.model).__name__, "pixel": list(one.initial.pixel), "images": one.initial.images,
         "earlier_pixels": one.initial.earlier, "can_matter_pixels": one.reached,
         "cannot_matter_pixels": one.initial.earlier - one.reached,
         "initial": numbers(one.initial), "trained": numbers(one.trained)}
        for name, one in zip(arguments.runs, found, strict=True)
    ]  # fmt: skip
    return {"threshold": arguments.threshold, "seed": arguments.seed, "runs": runs}


def draw(names: Sequence[str], found: Sequence[Measured], arguments: Namespace) -> None:
    """A column a model; the row of trained ones only where there is one."""
    from pixelsnail import pictures

    rows = ROWS if any(one.trained for one in found) else ROWS[:2]
    columns: dict[str, list[CausalMap | None]] = {}
    for name, one in zip(names, found, strict=True):
        kind = type(one.model).__name__
        reached = f"{one.reached} of {one.initial.earlier} pixels"
        column: list[CausalMap | None] = [pictures.CausalMap(one.connectivity, one.initial.pixel, reached)]
        for field in (one.initial, one.trained)[: len(rows) - 1]:
            if field is None:
                column.append(None)
                continue
            share, distance = words(field, arguments.threshold)
            caption = f"{share} above {arguments.threshold:g},\nhalf within {distance}"
            column.append(pictures.CausalMap(field.relative, field.pixel, caption))
        columns[name if name == kind else f"{name}\n{kind}"] = column
    pictures.causal_maps(columns, arguments.out, rows, "|gradient| / its maximum")
