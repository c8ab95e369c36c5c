"""`pixelsnail complete`."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import check_mask, context_of, data_hint, open_images, open_mask
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import (
    Computing,
    Count,
    Drawing,
    Folder,
    Mask,
    Order,
    Overwrite,
    Run,
    SourceOrFiles,
    Whole,
)
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.sample import write_npz
from pixelsnail.cli.table import show_columns
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.engine import Progress
    from pixelsnail.models import Model
    from pixelsnail.nn import Context

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
    particles: Annotated[
        Count | None,
        Parameter(
            help="draw so many side by side and weigh them by known pixels that come late: p(unknown | known) for any "
            "mask, the better the more (default: none)"
        ),
    ] = None,
    refine: Annotated[
        Whole,
        Parameter(
            help="sweeps in which the particles then move: blocks of unknown pixels are drawn anew, and taken or "
            "refused by the known ones; for masks where few particles are worth anything"
        ),
    ] = 0,
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

    With --particles N, N of each image are drawn at a time and weighed by every known pixel, and --draws of them are
    kept: for a hole, scattered pixels, any mask. A table tells the estimated log p(known), the effective sample size, 1
    ... N (what the draws are worth as independent ones; few: take more particles, or --refine them), and how many
    particles differ. With --refine S they are resampled and move in S sweeps; the table tells how many moves each took.
    """
    if refine and particles is None:
        raise UsageError("--refine moves --particles; expected both.")
    from pixelsnail import pictures
    from pixelsnail.models.ordered import in_order

    check_mask("--known", known)
    picture, array = out / "completions.png", out / "completions.npz"
    check_file(picture, (".png",), overwrite)
    check_file(array, (".npz",), overwrite)
    model = load(run, computing)
    images = open_images(run, computing.weights, source, model, terminal).head(count)
    x, context = images.batch(range(len(images))), context_of(model, images, source.context)
    mask = open_mask(known, x.shape[2], x.shape[3])
    order = best_order(model, mask) if order is None else order
    context = in_order(model, order, context, len(x))
    terminal.note(exactness(mask, order, particles, refine))
    announce(drawing.engine, model, (x.shape[2], x.shape[3]), terminal)
    start = time.perf_counter()
    with terminal.progress("completing", "pixels") as progress:
        drawn = draw(model, x, mask, context, draws, particles, refine, drawing, computing.batch, progress)
    seconds = time.perf_counter() - start
    about = {"index": images.indices} | ({} if images.labels is None else {"label": images.labels})
    write_npz(array, x=x, known=mask, completed=drawn.images, levels=model.levels, **about, **drawn.figures)
    pictures.write_png(pictures.completions(x, mask, drawn.images, model.levels), picture)
    if drawn.figures:
        show_columns(*drawn.table(images.indices.tolist(), particles or 0))
    said = f"{plural(draws, 'completion')} of {plural(len(x), 'image')}"
    terminal.note(f"Drew {said} in {seconds:.1f} seconds: {picture}, {array}")
    hint = data_hint(run, computing.weights, source.data, model) or ""
    terminal.next(f"pixelsnail score {quoted(run)}{hint} --out scores.csv --maps maps --limit 20")


def best_order(model: "Model", mask: "Tensor") -> int | None:
    """The order in which the fewest known pixels of a mask (H, W) come late; None for a model of one."""
    from pixelsnail.models import Ordered

    return int(model.best_order(mask[None, None])[0]) if isinstance(model, Ordered) else None


@dataclass(frozen=True)
class Drawn:
    """Completions (n, draws, C, H, W), and what particles tell of each image, where there are any."""

    images: "Tensor"
    figures: "dict[str, Tensor]"

    def table(self, indices: list[int], particles: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The columns and the cells of the table."""
        shown = {
            "log_evidence": ("log p(known), nats", "{:.2f}"),
            "effective": ("effective", f"{{:.1f}} of {particles}"),
            "moved": ("moves taken", "{:.1f}"),
            "distinct": ("distinct", "{}"),
        }
        columns = [[shown[name][1].format(value) for value in h.tolist()] for name, h in self.figures.items()]
        cells: list[tuple[str, ...]] = [(str(i), *row) for i, *row in zip(indices, *columns, strict=True)]
        return ("image", *(shown[name][0] for name in self.figures)), cells


def draw(
    model: "Model",
    x: "Tensor",
    mask: "Tensor",
    context: "Context | None",
    draws: int,
    particles: int | None,
    refine: int,
    drawing: Drawing,
    batch: int,
    progress: "Progress | None",
) -> Drawn:
    """Draws of each image: by themselves, or of its particles."""
    import torch

    from pixelsnail.engine import Rule
    from pixelsnail.models.condition import of_images
    from pixelsnail.models.model import check_untempered

    if particles is None:
        repeated = of_images(context, torch.arange(len(x)).repeat_interleave(draws))
        images = model.complete(
            x.repeat_interleave(draws, 0), mask, seed=drawing.seed, temperature=drawing.temperature,
            guidance=drawing.guidance, top_k=drawing.top_k, top_p=drawing.top_p, context=repeated, batch=batch,
            engine=drawing.engine, progress=progress,
        )  # fmt: skip
        return Drawn(images.view(len(x), draws, *x.shape[1:]).cpu(), {})
    check_untempered(Rule(drawing.temperature, drawing.guidance, drawing.top_k, drawing.top_p))
    found = model.posterior(
        x, mask, particles=particles, refine=refine, seed=drawing.seed, context=context, batch=batch,
        engine=drawing.engine, progress=progress,
    )  # fmt: skip
    figures = {"log_evidence": found.log_evidence, "effective": found.effective}
    figures |= ({"moved": found.moved} if refine else {}) | {"distinct": found.distinct}
    return Drawn(found.draw(draws, seed=drawing.seed).cpu(), figures)


def exactness(mask: "Tensor", order: int | None, particles: int | None = None, refine: int = 0) -> str:
    """What a completion in that order is a draw from, in a sentence."""
    from pixelsnail import evaluation
    from pixelsnail.models.orders import described

    where = "" if order is None else f" in order {order} ({described(order)})"
    if evaluation.is_exact(mask, order or 0):
        return f"The known pixels come before the unknown ones{where}: exact draws from p(unknown | known)."
    if particles is not None:
        moved = f", which move in {plural(refine, 'sweep')}" if refine else ""
        return f"Known pixels come after unknown ones{where}, and weigh {particles} particles of each image{moved}."
    if order is None:
        return (
            "The known pixels are not an upper part of the image: those known later do not inform earlier ones, and "
            "this is no draw from p(unknown | known)."
        )
    return (
        f"Known pixels come after unknown ones{where}: those do not inform the ones before them, and this is no draw "
        "from p(unknown | known)."
    )
