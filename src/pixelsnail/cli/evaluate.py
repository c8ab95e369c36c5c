"""`pixelsnail evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from pixelsnail.cli.images import context_of, data_hint, open_images
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.parameters import Computing, Count, File, Json, Limit, Name, Order, Overwrite, Run, Source
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import Rows, show, show_columns, show_json, with_error
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import reason

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.evaluation import Evaluation
    from pixelsnail.models import Model

EXAMPLES = (
    "pixelsnail evaluate runs/demo mnist --data mnist-mini --binarize dynamic",
    "pixelsnail evaluate runs/demo",
    "pixelsnail evaluate runs/demo --data mnist:data/mnist --binarizations 10 --json",
)


def evaluate(
    run: Run,
    /,
    *runs: Annotated[Name, Parameter(help="more of them, to be compared with the first (default: none)")],
    source: Source = Source(),
    binarizations: Annotated[Count, Parameter(help="draws of dynamically binarised images that the mean is over")] = 1,
    limit: Limit = None,
    order: Order = None,
    computing: Computing = Computing(),
    positions: Annotated[
        File | None,
        Parameter(help="picture of the mean nats at each position, FILE.png or FILE.svg (default: no picture)"),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    terminal: Terminal = Terminal(),
) -> None:
    """The likelihood of a model on a set of images: the mean of -log p(x) in nats an image with its standard error, and
    bits/dim = nats / (C H W ln 2). Nats of differently binarised images do not compare; the table says how these were
    binarised. With --binarizations K every image is drawn K times: the mean is over all draws, its standard error from
    the spread of the images' own means, and the spread of the K single draws is shown beside it. The bits of test
    images are fixed: a second run gives the same number. The figure for a whole test set is kept in the run, for
    `pixelsnail info`.

    A model of several raster orders is judged by the mean of their probabilities, a forward pass each, and the first
    order's own figure is shown beside it; --order judges by one.

    Several runs are judged on the same images and bits, and each difference to the first has its own standard error,
    paired by image. Runs that were trained on other images or bits than the first are refused, unless --data and
    --binarize say what all of them are judged on.
    """
    from pixelsnail import pictures, training
    from pixelsnail.models import Ordered

    if positions is not None:
        check_file(positions, (".png", ".svg"), overwrite)
        pictures.require_matplotlib()
    names = [run, *runs]
    weights = computing.weights
    training.check_same_data(names, weights, source=source.data is None, binarize=source.binarize == "auto")
    models = [load(name, computing) for name in names]
    training.check_same_levels(models, names)
    images = open_images(run, weights, source, models[0], terminal)
    images = images if limit is None else images.head(limit)
    judged = partial(
        judge, images=images, source=source, binarizations=binarizations, batch=computing.batch, terminal=terminal
    )
    found = [judged(model, order, "" if not runs else f" {name}") for name, model in zip(names, models, strict=True)]
    if limit is None and order is None and computing.precision == "float32":
        for name, one in zip(names, found, strict=True):
            remember(name, weights, one, terminal)
    several = isinstance(models[0], Ordered) and order is None and not runs
    first = judged(models[0], 0, " in order 0") if several else None
    if runs:
        show_several(names, found, images if json else None)
    elif json:
        show_json(
            {
                "run": run,
                "weights": weights,
                **found[0].as_dict(),
                **({} if first is None else {"order_0": first.as_dict()}),
                "precision": computing.precision,
                "read": images.read.as_dict(),
            }
        )
    else:
        orders = [] if first is None else [("of order 0 alone", with_error(first.nats, first.standard_error))]
        show([*rows(found[0]), *orders, ("precision", computing.precision), ("seconds", f"{found[0].seconds:.1f}")])
    if positions is not None:
        maps = {name: one.positions for name, one in zip(short_names(names), found, strict=True)}
        pictures.position_maps(maps, positions)
        terminal.note(f"Drew the nats of {len(maps)} {'runs' if runs else 'run'}: {positions}")
    hint = data_hint(names[-1], weights, source.data, models[-1]) or ""
    terminal.next(f"pixelsnail score {quoted(names[-1])}{hint} --out scores.csv --maps maps --limit 20")


def judge(
    model: "Model",
    order: int | None,
    said: str,
    *,
    images: "Images",
    source: Source,
    binarizations: int,
    batch: int,
    terminal: Terminal,
) -> "Evaluation":
    """One model on the images, in one order or as it is."""
    from pixelsnail import evaluation
    from pixelsnail.models.ordered import in_order

    context = in_order(model, order, context_of(model, images, source.context), len(images))
    with terminal.progress(f"evaluating{said}", "images") as progress:
        return evaluation.evaluate(
            model, images, context=context, batch=batch, binarizations=binarizations, progress=progress
        )


def short_names(runs: Sequence[str]) -> list[str]:
    """The shortest ends of paths that tell the runs apart; the whole where a run is named twice."""
    for parts in range(1, 1 + max(len(Path(run).parts) for run in runs)):
        names = ["/".join(Path(run).parts[-parts:]) for run in runs]
        if len(set(names)) == len(runs):
            return names
    return list(runs)


def show_several(names: Sequence[str], found: "Sequence[Evaluation]", images: "Images | None") -> None:
    """Prints a row a run, with its difference to the first; as JSON where the images are given."""
    differences = [one.difference(found[0]) for one in found]
    if images is not None:
        runs = [
            {"run": run, "nats": one.nats, "nats_standard_error": one.standard_error, "bits_per_dim": one.bits_per_dim,
             "difference": difference, "difference_standard_error": error}
            for run, one, (difference, error) in zip(names, found, differences, strict=True)
        ]  # fmt: skip
        show_json({**asdict(found[0].protocol), "runs": finite(runs), "read": images.read.as_dict()})
        return
    columns = ("run", "nats/image", f"minus {names[0]}", "bits/dim")
    cells = [
        (run, with_error(one.nats, one.standard_error), with_error(*difference) if place else "",
         f"{one.bits_per_dim:.4f}")
        for place, (run, one, difference) in enumerate(zip(names, found, differences, strict=True))
    ]  # fmt: skip
    show_columns(columns, cells)
    print(found[0].protocol)


def finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with None for what one image leaves unknown."""
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def remember(run: str, weights: str, found: "Evaluation", terminal: Terminal) -> None:
    """Keeps the figure in the run; says so where it cannot be written."""
    from pixelsnail import evaluation

    try:
        evaluation.remember(run, found, weights=weights)
    except OSError as error:
        terminal.note(f"The figure was not written into {run} ({reason(error)}).")


def rows(found: "Evaluation") -> Rows:
    """The figures as a table."""
    images = found.protocol
    draws = {"dynamic": f"dynamic, {found.binarizations} draw{'s' * (found.binarizations > 1)} of each image"}
    table = [
        ("images", f"{found.images:,} ({images.source}, {images.split})"),
        ("binarisation", draws.get(images.binarize, images.binarize)),
        ("nats/image", with_error(found.nats, found.standard_error)),
        ("bits/dim", f"{found.bits_per_dim:.4f}"),
        ("bits/image", f"{found.bits_per_image:.2f}"),
    ]
    if found.binarizations > 1:
        each = found.per_binarization
        spread = f"{each.min():.2f} to {each.max():.2f} nats/image, standard deviation {each.std():.3f}"
        table.insert(3, ("single draws", spread))
    return table
