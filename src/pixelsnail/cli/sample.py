"""`pixelsnail sample`."""

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import data_hint
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_GRID = 4096
"""Images in one picture."""


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "sample",
        f"Draws images exactly, by ancestral sampling. A .png file is a grid of all images, {LARGEST_GRID:,} at most. "
        "A .npz file holds integer levels, x (count, C, H, W), and how many there are, levels; it is read again as "
        "--data npz:FILE.",
        [
            "pixelsnail sample mnist --count 64 --out digits.png",
            "pixelsnail sample runs/demo --count 10000 --out samples.npz --batch 256",
        ],
    )
    common.add_run(parser)
    parser.add_argument("--count", metavar="N", type=common.count, default=64, help="images to draw")
    parser.add_argument("--out", metavar="FILE", type=common.file, required=True, help="FILE.png or FILE.npz")
    common.add_drawing(parser)
    parser.add_argument(
        "--size", metavar="HxW", type=_size, help="height and width in pixels (default: the model's own)"
    )  # fmt: skip
    parser.add_argument(
        "--context", metavar="LABEL", type=lambda text: common.whole(text, 0),
        help="the images' class, for a model that is conditioned on classes (default: none)",
    )  # fmt: skip
    common.add_batch(parser)
    common.add_device(parser)
    common.add_precision(parser)
    common.add_overwrite(parser, "a file")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Draws images and writes the file."""
    check_file(arguments.out, (".png", ".npz"), arguments.overwrite)
    if arguments.out.suffix.lower() == ".png" and arguments.count > LARGEST_GRID:
        raise UsageError(
            f"A picture of {arguments.count:,} images is too large (at most {LARGEST_GRID:,}); write "
            f"{arguments.out.with_suffix('.npz')} instead."
        )
    model = load(arguments)
    context = None
    if arguments.context is not None:
        import torch

        context = torch.full((arguments.count,), arguments.context)
    announce(arguments.engine, model, arguments.size or model.shape[1:], terminal)
    start = time.perf_counter()
    with terminal.progress("drawing", "pixels") as progress:
        x = model.sample(
            arguments.count, seed=arguments.seed, temperature=arguments.temperature, size=arguments.size,
            context=context, batch=arguments.batch, engine=arguments.engine, progress=progress,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    write(x, model.levels, arguments.out)
    height, width = x.shape[-2:]
    drawn = plural(len(x), "image")
    terminal.note(f"Drew {drawn} of {height} x {width} in {seconds:.1f} seconds: {arguments.out}")
    hint = data_hint(arguments, model)
    if hint is not None:
        terminal.next(f"pixelsnail complete {quoted(arguments.run)}{hint} --known top --out completions")


def write(x: "Tensor", levels: int, path: Path) -> None:
    """Levels as a grid or as an array, complete or not at all."""
    from pixelsnail import pictures

    if path.suffix.lower() == ".npz":
        write_npz(path, x=x, levels=levels)
    else:
        pictures.write_png(pictures.grid(x, levels), path)


def write_npz(path: Path, **arrays: "Tensor | int") -> None:
    """Arrays in a compressed npz file, complete or not at all."""
    import numpy as np

    from pixelsnail.files import write_atomically

    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]


def _size(text: str) -> tuple[int, ...]:
    return common.sizes(text, "HxW")
