"""`pixelsnail receptive-field`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.evaluate import short_names
from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.parameters import (
    Batch,
    Computing,
    Count,
    Device,
    Figure,
    Json,
    Name,
    Overwrite,
    Pixel,
    Positive,
    Source,
    Weights,
    Whole,
)  # fmt: skip
from pixelsnail.cli.runs import choose_device, load
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import MissingFileError
from pixelsnail.names import instead

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.evaluation import Reach
    from pixelsnail.models import Model

EXAMPLES = (
    "pixelsnail receptive-field mnist PixelCNN --out receptive-field.png",
    "pixelsnail receptive-field runs/demo --pixel 14,14 --out receptive-field.svg --json",
)


def receptive_field(
    run: Annotated[
        Name, Parameter(help="a run, as in all commands, or the name of a model, such as PixelSNAIL, untrained")
    ],
    /,
    *runs: Annotated[Name, Parameter(help="more of them (default: none)")],
    out: Figure,
    pixel: Annotated[
        Pixel | None,
        Parameter(help="the pixel, counted from 0,0 (default: three quarters down, in the middle)"),
    ] = None,
    images: Annotated[Count, Parameter(help="images that the mean is over")] = 16,
    threshold: Annotated[Positive, Parameter(help="part of the greatest influence")] = 0.01,
    seed: Annotated[Whole, Parameter(help="of the initial weights and the signs")] = 0,
    source: Source = Source(),
    weights: Weights = "best",
    batch: Batch = 4,
    device: Device = "auto",
    overwrite: Overwrite = False,
    json: Json = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Which earlier pixels the parameters of one pixel depend on, and how strongly: a table and a figure with a column
    a model. RUN is a trained model; the name of a MODEL stands for it with the arguments it has by default and initial
    weights, for 28 x 28 images of two levels. Connectivity is exact: a pixel can matter for some weights, or for none.
    How strongly is the mean absolute gradient over images, relative to the greatest, with the initial weights of --seed
    and with the trained ones; of several parameters a pixel, summed with random signs. The table says which fraction of
    the earlier pixels has at least --threshold of the greatest, and within which distance half of the whole lies.
    """
    check_file(out, (".png", ".svg"), overwrite)
    from pixelsnail import evaluation, pictures
    from pixelsnail.models.ordered import in_raster_order

    pictures.require_matplotlib("receptive fields")
    asked = [run, *runs]
    names = short_names(asked)
    if len(set(names)) < len(names):
        raise UsageError("A run or model is named twice; expected each once.")
    opened = [open_both(one, source, Computing(weights, device), terminal) for one in asked]
    found: dict[str, Reach] = {}
    for name, one, (model, these) in zip(names, asked, opened, strict=True):
        these = these.head(images)
        labels = in_raster_order(model, context_of(model, these, source.context), len(these))
        with terminal.progress(f"{name}: receptive fields", "images") as progress:
            found[name] = evaluation.reach(
                model, these.batch(range(len(these))), pixel, trained=is_trained(one), context=labels, seed=seed,
                batch=batch, progress=progress,
            )  # fmt: skip
    if json:
        numbers = [
            {"run": one, **field.as_dict(threshold), "read": these.read.as_dict()}
            for one, field, (_, these) in zip(asked, found.values(), opened, strict=True)
        ]
        show_json({"threshold": threshold, "seed": seed, "runs": numbers})
    else:
        show_table(found, threshold)
    evaluation.draw_reach(found, out, threshold)
    row, column = found[names[0]].initial.pixel
    terminal.note(f"Drew the receptive field of pixel {row},{column}: {out}")
    attentive = [one for one, (model, _) in zip(asked, opened, strict=True) if is_trained(one) and has_attention(model)]
    terminal.next(f"pixelsnail attention {quoted(attentive[0] if attentive else 'mnist')} --out attention.png")


def is_trained(name: str) -> bool:
    """Whether a name is that of a run, and not of a model of the table of models."""
    from pixelsnail.models import MODELS

    return name not in MODELS or Path(name).exists()


def has_attention(model: "Model") -> bool:
    """Whether `pixelsnail attention` has something to draw."""
    from pixelsnail.nn import StrictAttention

    return any(isinstance(layer, StrictAttention) for layer in model.modules())


def open_both(name: str, source: Source, computing: Computing, terminal: Terminal) -> "tuple[Model, Images]":
    """The model of a name, and images of its kind."""
    from pixelsnail import checkpoints, data
    from pixelsnail.models import MODELS

    if is_trained(name):
        if not (Path(name).exists() or checkpoints.is_packaged(name) or name.startswith("hf:")):
            hint = instead(name, [*MODELS, *checkpoints.packaged()])
            raise MissingFileError(f"There is no run or model {name}; {hint} A run is a folder or hf:owner/name.")
        model = load(name, computing)
        return model, open_images(name, computing.weights, source, model, terminal)
    model = MODELS[name](shape=(1, 28, 28), levels=2).to(choose_device(computing.device))
    binarize = None if source.binarize == "auto" else source.binarize
    images = data.open(source.data or "mnist-mini", source.split or "test", binarize=binarize, axes=source.axes)
    terminal.note(str(images.read))
    return model, images


def show_table(found: "Mapping[str, Reach]", threshold: float) -> None:
    """A row a model."""
    above = f"above {threshold:g}"
    columns = ("model", "can matter", "cannot", f"initially {above}", "half within", f"trained {above}", "half within")
    rows = []
    for name, one in found.items():
        cells = [name, f"{one.reached} of {one.initial.earlier}", f"{one.initial.earlier - one.reached}"]
        for field in (one.initial, one.trained):
            cells += ["", ""] if field is None else field.words(threshold)
        rows.append(cells)
    show_columns(columns, rows)
