"""`pixelsnail complete`."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.images import add_data, data_hint, open_data, read_files, read_known
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.terminal import Tell, Terminal, quoted

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.models import Model


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "complete",
        "Keeps the known pixels of images and draws the rest, several times. Writes DIR/completions.png (the original, "
        "what was given of it, its completions) and DIR/completions.npz: x (n, C, H, W), known (H, W), completed "
        "(n, draws, C, H, W) and levels."
        "\n\n"
        "Pixels are drawn in raster order. That is a draw from p(unknown | known) only where all known pixels come "
        "before the unknown ones, an upper part of the image (--known top). With any other mask, pixels known later do "
        "not inform earlier ones.",
        [
            "pixelsnail complete runs/demo --known top --out completions",
            "pixelsnail complete runs/demo --images a.png b.png --known mask.png --out completions",
        ],
    )
    common.add_run(parser)
    parser.add_argument(
        "--known", metavar="WHAT", required=True,
        help="top (upper half), left (left half), or a mask image: white is known",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=common.file, required=True, help="folder for the two files")
    add_data(parser, files=True)
    parser.add_argument(
        "--count", metavar="N", type=common.count, default=8, help="images: the first N of the source, or of the files"
    )  # fmt: skip
    parser.add_argument("--draws", metavar="K", type=common.count, default=4, help="completions of each image")
    common.add_drawing(parser)
    common.add_batch(parser)
    common.add_device(parser)
    common.add_precision(parser)
    common.add_overwrite(parser, "the two files")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Completes images and writes the two files."""
    from pixelsnail import pictures

    picture, array = arguments.out / "completions.png", arguments.out / "completions.npz"
    check_file(picture, (".png",), arguments.overwrite)
    check_file(array, (".npz",), arguments.overwrite)
    model = load(arguments)
    if arguments.images:
        x = read_files(arguments.images[: arguments.count], model, terminal)
    else:
        images = open_data(arguments, model, terminal)
        x = images.batch(range(min(arguments.count, len(images))))
    known = read_known(arguments.known, x.shape[2], x.shape[3])
    if not is_upper_part(known):
        terminal.note(
            "The known pixels are not an upper part of the image: those known later do not inform earlier ones, and "
            "this is no draw from p(unknown | known)."
        )
    announce(arguments.engine, model, (x.shape[2], x.shape[3]), terminal)
    start = time.perf_counter()
    with terminal.progress("completing", "pixels") as progress:
        completed = complete(model, x, known, arguments, progress)
    seconds = time.perf_counter() - start
    write_npz(array, x=x, known=known, completed=completed, levels=model.levels)
    pictures.write_png(pictures.completions(x, known, completed, model.levels), picture)
    drawn = plural(arguments.draws, "completion")
    terminal.note(f"Drew {drawn} of {plural(len(x), 'image')} in {seconds:.1f} seconds: {picture}, {array}")
    hint = data_hint(arguments, model) or ""
    terminal.next(f"pixelsnail score {quoted(arguments.run)}{hint} --out scores.csv --maps maps --limit 20")


def complete(model: "Model", x: "Tensor", known: "Tensor", arguments: Namespace, progress: Tell | None) -> "Tensor":
    """Several completions of each image: (n, draws, C, H, W)."""
    completed = model.complete(
        x.repeat_interleave(arguments.draws, 0), known, seed=arguments.seed, temperature=arguments.temperature,
        batch=arguments.batch, engine=arguments.engine, progress=progress,
    )  # fmt: skip
    return completed.view(len(x), arguments.draws, *x.shape[1:]).cpu()


def is_upper_part(known: "Tensor") -> bool:
    """Whether every known pixel comes before every unknown one in raster order."""
    flat = known.flatten().int()
    return bool((flat.diff() <= 0).all())
