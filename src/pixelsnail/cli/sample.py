"""`pixelsnail sample`."""

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import data_hint
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, Drawing, File, Overwrite, Run, Size, Whole
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LARGEST_GRID = 4096
"""Images in one picture."""
EXAMPLES = (
    "pixelsnail sample mnist --count 64 --out digits.png",
    "pixelsnail sample runs/demo --count 10000 --out samples.npz --batch 256",
)


def sample(
    run: Run,
    /,
    *,
    out: Annotated[File, Parameter(help="FILE.png or FILE.npz")],
    count: Annotated[Count, Parameter(help="images to draw")] = 64,
    size: Annotated[Size | None, Parameter(help="height and width in pixels (default: the model's own)")] = None,
    context: Annotated[
        Whole | None,
        Parameter(help="the images' class, for a model that is conditioned on classes (default: none)"),
    ] = None,
    drawing: Drawing = Drawing(),
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Draws images exactly, by ancestral sampling. A .png file is a grid of all images, 4,096 at most. A .npz file
    holds integer levels, x (count, C, H, W), and how many there are, levels; it is read again as --data npz:FILE.
    """
    check_file(out, (".png", ".npz"), overwrite)
    if out.suffix.lower() == ".png" and count > LARGEST_GRID:
        raise UsageError(
            f"A picture of {count:,} images is too large (at most {LARGEST_GRID:,}); write "
            f"{out.with_suffix('.npz')} instead."
        )
    model = load(run, computing)
    labels = None
    if context is not None:
        import torch

        labels = torch.full((count,), context)
    announce(drawing.engine, model, size or model.shape[1:], terminal)
    start = time.perf_counter()
    with terminal.progress("drawing", "pixels") as progress:
        x = model.sample(
            count, seed=drawing.seed, temperature=drawing.temperature, size=size, context=labels,
            batch=computing.batch, engine=drawing.engine, progress=progress,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    write(x, model.levels, out)
    height, width = x.shape[-2:]
    terminal.note(f"Drew {plural(len(x), 'image')} of {height} x {width} in {seconds:.1f} seconds: {out}")
    hint = data_hint(run, computing.weights, None, model)
    if hint is not None:
        terminal.next(f"pixelsnail complete {quoted(run)}{hint} --known top --out completions")


def write(x: "Tensor", levels: int, path: "Path") -> None:
    """Levels as a grid or as an array, complete or not at all."""
    from pixelsnail import pictures

    if path.suffix.lower() == ".npz":
        write_npz(path, x=x, levels=levels)
    else:
        pictures.write_png(pictures.grid(x, levels), path)


def write_npz(path: "Path", **arrays: "Tensor | int") -> None:
    """Arrays in a compressed npz file, complete or not at all."""
    import numpy as np

    from pixelsnail.files import write_atomically

    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
