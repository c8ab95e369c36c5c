"""`pixelsnail complete`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import context_of, data_hint, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, Count, Drawing, Folder, Order, Overwrite, Run, SourceOrFiles, form
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.names import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.models import Model

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
    order: Order = None,
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
    earlier ones. A model of several raster orders takes the one in which the fewest known pixels come late: with it
    every half is exact. What holds is said before anything is drawn.
    """
    import torch

    from pixelsnail import data, pictures
    from pixelsnail.data.masks import HALVES
    from pixelsnail.models.condition import of_images
    from pixelsnail.models.ordered import in_order

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
    order = best_order(model, mask) if order is None else order
    context = in_order(model, order, context, len(x))
    terminal.note(exactness(mask, order))
    announce(drawing.engine, model, (x.shape[2], x.shape[3]), terminal)
    start = time.perf_counter()
    repeated = of_images(context, torch.arange(len(x)).repeat_interleave(draws))
    with terminal.progress("completing", "pixels") as progress:
        completed = model.complete(
            x.repeat_interleave(draws, 0), mask, seed=drawing.seed, temperature=drawing.temperature, context=repeated,
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


def best_order(model: "Model", mask: "Tensor") -> int | None:
    """The order in which the fewest known pixels of a mask (H, W) come late; None for a model of one."""
    from pixelsnail.models import Ordered

    return int(model.best_order(mask[None, None])[0]) if isinstance(model, Ordered) else None


def exactness(mask: "Tensor", order: int | None) -> str:
    """What a completion in that order is a draw from, in a sentence."""
    from pixelsnail import evaluation
    from pixelsnail.models.orders import described

    where = "" if order is None else f" in order {order} ({described(order)})"
    if evaluation.is_exact(mask, order or 0):
        return f"The known pixels come before the unknown ones{where}: exact draws from p(unknown | known)."
    if order is None:
        return (
            "The known pixels are not an upper part of the image: those known later do not inform earlier ones, and "
            "this is no draw from p(unknown | known)."
        )
    return (
        f"Known pixels come after unknown ones{where}: those do not inform the ones before them, and this is no draw "
        "from p(unknown | known)."
    )
