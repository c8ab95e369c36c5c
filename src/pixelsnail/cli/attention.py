"""`pixelsnail attention`."""

from argparse import Namespace

from pixelsnail.cli import arguments as common
from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import add_data, data_hint, open_data
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal, quoted


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "attention",
        "A figure of what every attention of a model looks at when it predicts a few pixels of an image: a row a "
        "pixel, a column a block, the weight of every earlier pixel on a logarithmic scale. The weights of a map sum "
        "to one; of several heads the mean is shown.",
        [
            "pixelsnail attention mnist --out attention.png",
            "pixelsnail attention runs/demo --image 3 --pixel 10,12 --pixel 20,14 --out attention.svg",
        ],
    )
    common.add_run(parser)
    parser.add_argument(
        "--out", metavar="FIGURE", type=common.file, required=True, help="figure, FIGURE.png or FIGURE.svg"
    )  # fmt: skip
    parser.add_argument("--image", metavar="N", type=common.seed, default=0, help="number of the image in its split")
    parser.add_argument(
        "--pixel", metavar="ROW,COLUMN", type=common.pixel, action="append", dest="pixels",
        help="a pixel, counted from 0,0; may be repeated (default: three, at half and three quarters of the height)",
    )  # fmt: skip
    add_data(parser)
    common.add_device(parser)
    common.add_overwrite(parser, "a figure")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Draws the figure."""
    check_file(arguments.out, (".png", ".svg"), arguments.overwrite)
    from pixelsnail import evaluation, pictures

    pictures.require_matplotlib("attention")
    model = load(arguments)
    images = open_data(arguments, model, terminal)
    if arguments.image >= len(images):
        raise UsageError(f"--image is {arguments.image}, but {images.source} has {plural(len(images), 'image')}.")
    x = images.batch([arguments.image])[0]
    height, width = x.shape[1:]
    middle, low = (height // 2, width // 2), 3 * height // 4
    pixels = arguments.pixels or [middle, (low, width // 2), (low, 3 * width // 4)]
    context = images.labels[[arguments.image]] if model.classes and images.labels is not None else None
    weights = evaluation.attention_weights(model, x, pixels, context=context)
    pictures.attention_maps(weights, x, model.levels, pixels, arguments.out)
    terminal.note(
        f"Drew the attention of {plural(len(pixels), 'pixel')} in {plural(weights.shape[1], 'block')}: {arguments.out}"
    )
    hint = data_hint(arguments, model) or ""
    terminal.next(f"pixelsnail receptive-field {quoted(arguments.run)}{hint} --out receptive-field.png")
