"""`pixelsnail attention`."""

from typing import Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import context_of, data_hint, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Device, Figure, Overwrite, Pixels, Run, Source, Weights, Whole
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal, quoted

EXAMPLES = (
    "pixelsnail attention mnist --out attention.png",
    "pixelsnail attention runs/demo --image 3 --pixel 10,12 --pixel 20,14 --out attention.svg",
)


def attention(
    run: Run,
    /,
    *,
    out: Figure,
    image: Annotated[Whole, Parameter(help="number of the image in its split")] = 0,
    pixel: Annotated[
        Pixels | None,
        Parameter(
            help="a pixel, counted from 0,0; may be repeated (default: three, at half and three quarters of the height)"
        ),
    ] = None,
    source: Source = Source(),
    weights: Weights = "best",
    device: Device = "auto",
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """A figure of what every attention of a model looks at when it predicts a few pixels of an image: a row a pixel, a
    column a block, the weight of every earlier pixel on a logarithmic scale. The weights of a map sum to one; of
    several heads the mean is shown. Of a model of several orders it is the first.
    """
    check_file(out, (".png", ".svg"), overwrite)
    from pixelsnail import evaluation, pictures
    from pixelsnail.models.ordered import in_raster_order

    pictures.require_matplotlib("attention")
    model = load(run, Computing(weights, device))
    images = open_images(run, weights, source, model, terminal)
    if image >= len(images):
        raise UsageError(f"--image is {image}, but {images.source} has {plural(len(images), 'image')}.")
    x = images.batch([image])[0]
    height, width = x.shape[1:]
    middle, low = (height // 2, width // 2), 3 * height // 4
    pixels = pixel or [middle, (low, width // 2), (low, 3 * width // 4)]
    context = in_raster_order(model, context_of(model, images.subset([image]), source.context), 1)
    maps = evaluation.attention_weights(model, x, pixels, context=context)
    pictures.attention_maps(maps, x, model.levels, pixels, out)
    terminal.note(f"Drew the attention of {plural(len(pixels), 'pixel')} in {plural(maps.shape[1], 'block')}: {out}")
    hint = data_hint(run, weights, source.data, model) or ""
    terminal.next(f"pixelsnail receptive-field {quoted(run)}{hint} --out receptive-field.png")
