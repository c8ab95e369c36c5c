"""`pixelsnail complete`."""

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.images import data_hint, open_data, read_files, read_known
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, Drawing, Folder, Overwrite, Run, SourceOrFiles, form
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from torch import Tensor

Mask = Annotated[str, form("WHAT", str)]
EXAMPLES = (
    "pixelsnail complete runs/demo --known top --out completions",
    "pixelsnail complete runs/demo --images a.png b.png --known mask.png --out completions",
)


def complete(
    run: Run,
    /,
    *,
    known: Annotated[
        Mask,
        Parameter(
            help="top (upper half), left (left half), or a mask image: white is known",
        ),
    ],
    out: Annotated[Folder, Parameter(help="folder for the two files")],
    source: SourceOrFiles = SourceOrFiles(),
    count: Annotated[Count, Parameter(help="images: the first N of the source, or of the files")] = 8,
    draws: Annotated[Count, Parameter(help="completions of each image")] = 4,
    drawing: Drawing = Drawing(),
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Keeps the known pixels of images and draws the rest, several times. Writes DIR/completions.png (the original,
    what was given of it, its completions) and DIR/completions.npz: x (n, C, H, W), known (H, W), completed (n, draws,
    C, H, W) and levels.

    Pixels are drawn in raster order. That is a draw from p(unknown | known) only where all known pixels come before the
    unknown ones, an upper part of the image (--known top). With any other mask, pixels known later do not inform
    earlier ones.
    """
    from pixelsnail import pictures

    picture, array = out / "completions.png", out / "completions.npz"
    check_file(picture, (".png",), overwrite)
    check_file(array, (".npz",), overwrite)
    model = load(run, computing)
    if source.images:
        x = read_files(source.images[:count], model, terminal)
    else:
        images = open_data(run, computing.weights, source, model, terminal)
        x = images.batch(range(min(count, len(images))))
    mask = read_known(known, x.shape[2], x.shape[3])
    if not is_upper_part(mask):
        terminal.note(
            "The known pixels are not an upper part of the image: those known later do not inform earlier ones, and "
            "this is no draw from p(unknown | known)."
        )
    announce(drawing.engine, model, (x.shape[2], x.shape[3]), terminal)
    start = time.perf_counter()
    with terminal.progress("completing", "pixels") as progress:
        completed = model.complete(
            x.repeat_interleave(draws, 0), mask, seed=drawing.seed, temperature=drawing.temperature,
            batch=computing.batch, engine=drawing.engine, progress=progress,
        ).view(len(x), draws, *x.shape[1:]).cpu()  # fmt: skip
    seconds = time.perf_counter() - start
    write_npz(array, x=x, known=mask, completed=completed, levels=model.levels)
    pictures.write_png(pictures.completions(x, mask, completed, model.levels), picture)
    drawn = f"{plural(draws, 'completion')} of {plural(len(x), 'image')}"
    terminal.note(f"Drew {drawn} in {seconds:.1f} seconds: {picture}, {array}")
    hint = data_hint(run, computing.weights, source.data, model) or ""
    terminal.next(f"pixelsnail score {quoted(run)}{hint} --out scores.csv --maps maps --limit 20")


def is_upper_part(known: "Tensor") -> bool:
    """Whether every known pixel comes before every unknown one in raster order."""
    flat = known.flatten().int()
    return bool((flat.diff() <= 0).all())
