"""`pixelsnail pixel`."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Figure, Json, Order, Overwrite, Pixel, Run, SourceOrFiles, Whole
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import show_columns, show_json
from pixelsnail.cli.terminal import Terminal

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = (
    "pixelsnail pixel mnist --at 14,10 --image 3",
    "pixelsnail pixel runs/demo --at 14,10 --given rest --out pixel.png",
)
SHOWN = 16
"""Levels of a channel that the table has at most, the likeliest."""


def pixel(
    run: Run,
    /,
    *,
    at: Annotated[Pixel, Parameter(help="the pixel, counted from 0,0")],
    image: Annotated[Whole, Parameter(help="number of the image in its split, or among the files")] = 0,
    given: Annotated[
        Literal["before", "rest"],
        Parameter(help="what is known: all pixels before it in raster order (or --order), or all others"),
    ] = "before",
    out: Figure | None = None,
    source: SourceOrFiles = SourceOrFiles(),
    order: Order = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    json: Json = False,
    terminal: Terminal = Terminal(),
) -> None:
    """How probable each level of one pixel of an image is, given the pixels before it or all others: that is p
    of the image with each level, over their sum. A table of the likeliest levels, 16 at most of each channel,
    and with --out a figure of all. The level that the image has is marked.
    """
    if out is not None:
        check_file(out, (".png", ".svg"), overwrite)
    from pixelsnail import evaluation, pictures

    if out is not None:
        pictures.require_matplotlib("a pixel's levels")
    model = load(run, computing)
    images = open_images(run, computing.weights, source, model, terminal)
    if image >= len(images):
        raise UsageError(f"--image is {image}, but {images.source} has {plural(len(images), 'image')}.")
    x = images.batch([image])[0].to(model.device)
    context = context_of(model, images.subset([image]), source.context)
    found = evaluation.pixel_probabilities(
        model, x, *at, given=given, context=context, order=order, batch=computing.batch
    )
    levels = x[:, at[0], at[1]].tolist()
    if json:
        show_json({"run": run, "image": image, "pixel": list(at), "given": given, "levels": levels,
                   "probabilities": found.tolist()})  # fmt: skip
    else:
        show_columns(("channel", "level", "probability", ""), rows(found, levels))
    if out is not None:
        pictures.pixel_levels(found, x.cpu(), model.levels, at, out)
        terminal.note(f"Drew the levels of pixel {at[0]},{at[1]}: {out}")


def rows(probabilities: "Tensor", levels: list[int]) -> list[tuple[str, ...]]:
    """The likeliest levels of each channel, and the image's own, from the likeliest on."""
    found: list[tuple[str, ...]] = []
    for channel, (values, own) in enumerate(zip(probabilities, levels, strict=True)):
        likeliest = values.argsort(descending=True)[:SHOWN].tolist()
        for level in likeliest if own in likeliest else [*likeliest, own]:
            mark = "the image's" if level == own else ""
            found.append((str(channel), str(level), f"{values[level].item():.6f}", mark))
    return found
