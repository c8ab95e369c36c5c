"""`pixelsnail complete`."""

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import context_of, data_hint, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, Drawing, Folder, Overwrite, Run, SourceOrFiles, form
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.names import nearest

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
            help="the half top, bottom, left or right, or a mask image of two values, the larger where pixels are "
            "known",
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
    C, H, W), levels, and each image's index in its source and label, where it has one.

    Pixels are drawn in raster order. That is a draw from p(unknown | known) only where all known pixels come before the
    unknown ones, an upper part of the image (--known top). With any other mask, pixels known later do not inform
    earlier ones.
    """
    import torch

    from pixelsnail import data, evaluation, pictures
    from pixelsnail.data.masks import HALVES
    from pixelsnail.models.condition import of_images

    is_file = known not in HALVES
    if is_file and not Path(known).suffix and not Path(known).exists():
        near = nearest(known, HALVES)
        hint = f"did you mean {near!r}? E" if near else "e"
        raise UsageError(
            f"--known is {known!r}; {hint}xpected {', '.join(HALVES)} or a mask image, its larger value where pixels "
            "are known."
        )
    picture, array = out / "completions.png", out / "completions.npz"
    check_file(picture, (".png",), overwrite)
    check_file(array, (".npz",), overwrite)
    model = load(run, computing)
    images = open_images(run, computing.weights, source, model, terminal).head(count)
    x, context = images.batch(range(len(images))), context_of(model, images, source.context)
    mask = data.mask(Path(known).expanduser() if is_file else known, x.shape[2], x.shape[3])
    if evaluation.is_exact(mask):
        terminal.note("The known pixels come before the unknown ones: exact draws from p(unknown | known).")
    else:
        terminal.note(
            "The known pixels are not an upper part of the image: those known later do not inform earlier ones, and "
            "this is no draw from p(unknown | known)."
        )
    announce(drawing.engine, model, (x.shape[2], x.shape[3]), terminal)
    start = time.perf_counter()
    repeated = of_images(context, torch.arange(len(x)).repeat_interleave(draws))
    with terminal.progress("completing", "pixels") as progress:
        completed = model.complete(
            x.repeat_interleave(draws, 0), mask, seed=drawing.seed, temperature=drawing.temperature,
            guidance=drawing.guidance, top_k=drawing.top_k, top_p=drawing.top_p, context=repeated,
            batch=computing.batch, engine=drawing.engine, progress=progress,
        ).view(len(x), draws, *x.shape[1:]).cpu()  # fmt: skip
    seconds = time.perf_counter() - start
    about = {"index": images.indices} | ({} if images.labels is None else {"label": images.labels})
    write_npz(array, x=x, known=mask, completed=completed, levels=model.levels, **about)
    pictures.write_png(pictures.completions(x, mask, completed, model.levels), picture)
    drawn = f"{plural(draws, 'completion')} of {plural(len(x), 'image')}"
    terminal.note(f"Drew {drawn} in {seconds:.1f} seconds: {picture}, {array}")
    hint = data_hint(run, computing.weights, source.data, model) or ""
    terminal.next(f"pixelsnail score {quoted(run)}{hint} --out scores.csv --maps maps --limit 20")
