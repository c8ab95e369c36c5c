"""`pixelsnail evaluate`."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelsnail.cli import arguments as common
from pixelsnail.cli.images import add_data, add_limit, data_hint, open_data, trained_on
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import Rows, show, show_columns, show_json, with_error
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import WrongValueError

if TYPE_CHECKING:
    from pixelsnail.evaluation import Evaluation
    from pixelsnail.models import Model


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "evaluate",
        "The likelihood of a model on a set of images: the mean of -log p(x) in nats an image with its standard error, "
        "and bits/dim = nats / (C H W ln 2). Nats of differently binarised images do not compare; the table says how "
        "these were binarised. With --binarizations K every image is drawn K times: the mean is over all draws, its "
        "standard error from the spread of the images' own means, and the spread of the K single draws is shown beside "
        "it. The bits of test images are fixed: a second run gives the same number. The figure for a whole test set is "
        "kept in the run, for `pixelsnail info`.\n\n"
        "Several runs are judged on the same images and bits, and each difference to the first has its own standard "
        "error, paired by image. Runs that were trained on other images or bits than the first are refused, unless "
        "--data and --binarize say what all of them are judged on.",
        [
            "pixelsnail evaluate runs/demo mnist --data mnist-mini --binarize dynamic",
            "pixelsnail evaluate runs/demo",
            "pixelsnail evaluate runs/demo --data mnist:data/mnist --binarizations 10 --json",
        ],
    )
    common.add_run(parser, several=True)
    add_data(parser)
    parser.add_argument(
        "--binarizations", metavar="K", type=common.count, default=1,
        help="draws of dynamically binarised images that the mean is over",
    )  # fmt: skip
    add_limit(parser)
    common.add_batch(parser)
    common.add_device(parser)
    common.add_precision(parser)
    parser.add_argument(
        "--positions", metavar="FILE", type=common.file,
        help="picture of the mean nats at each position, FILE.png or FILE.svg (default: no picture)",
    )  # fmt: skip
    common.add_overwrite(parser, "a picture")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Evaluates and prints a table."""
    from pixelsnail import evaluation, pictures

    if arguments.positions is not None:
        check_file(arguments.positions, (".png", ".svg"), arguments.overwrite)
        pictures.require_matplotlib()
    found: list[Evaluation] = []
    asked = [Namespace(**vars(arguments), run=run) for run in arguments.runs]
    check_same_data(asked)
    models = [load(one) for one in asked]
    for one, model in zip(asked, models, strict=True):
        check_same_levels(models[0], model, one.run)
    images = open_data(asked[0], models[0], terminal)
    for one, model in zip(asked, models, strict=True):
        title = "evaluating" if len(asked) == 1 else f"evaluating {one.run}"
        with terminal.progress(title, "images") as progress:
            found.append(
                evaluation.evaluate(
                    model, images, batch=arguments.batch, binarizations=arguments.binarizations, limit=arguments.limit,
                    progress=progress,
                )
            )  # fmt: skip
        if arguments.limit is None and arguments.precision == "float32":
            remember(one.run, arguments.weights, found[-1], terminal)
    if len(asked) > 1:
        show_several(arguments, found)
    elif arguments.json:
        show_json(facts(asked[0], found[0]))
    else:
        seconds = ("seconds", f"{found[0].seconds:.1f}")
        show([*rows(found[0]), ("precision", arguments.precision), seconds])
    if arguments.positions is not None:
        maps = {name: one.positions for name, one in zip(short_names(arguments.runs), found, strict=True)}
        pictures.position_maps(maps, arguments.positions)
        terminal.note(f"Drew the nats of {len(maps)} {'runs' if len(maps) > 1 else 'run'}: {arguments.positions}")
    hint = data_hint(asked[-1], models[-1]) or ""
    terminal.next(f"pixelsnail score {quoted(asked[-1].run)}{hint} --out scores.csv --maps maps --limit 20")


def check_same_data(asked: Sequence[Namespace]) -> None:
    """Raises ValueError where runs were trained on different images or bits, and the command does not decide."""
    first, *others = asked
    known = trained_on(first.run, first.weights)
    for one in others:
        other = trained_on(one.run, one.weights)
        for option, said, here, there in (
            ("--data SOURCE", first.data is not None, known.source, other.source),
            ("--binarize HOW", first.binarize != "auto", known.binarize, other.binarize),
        ):
            if not said and here != there:
                raise WrongValueError(
                    f"{first.run} was trained on {here} and {one.run} on {there}: nats of different images or "
                    f"binarisations do not belong in one table; say what both are judged on ({option})."
                )


def check_same_levels(first: "Model", other: "Model", run: str) -> None:
    """Raises ValueError for a model of other images than the first's."""
    here, there = ((model.shape[0], model.levels) for model in (first, other))
    if here != there:
        raise WrongValueError(
            f"{run} models images of {there[0]} channels and {there[1]} levels, the first run images of {here[0]} and "
            f"{here[1]}: their nats do not belong in one table; evaluate each by itself."
        )


def short_names(runs: Sequence[str]) -> list[str]:
    """The shortest ends of paths that tell the runs apart; the whole where a run is named twice."""
    for parts in range(1, 1 + max(len(Path(run).parts) for run in runs)):
        names = ["/".join(Path(run).parts[-parts:]) for run in runs]
        if len(set(names)) == len(runs):
            return names
    return list(runs)


def facts(asked: Namespace, found: "Evaluation") -> dict[str, Any]:
    """What JSON says of one run."""
    return {"run": asked.run, "weights": asked.weights, **found.as_dict(), "precision": asked.precision}


def show_several(arguments: Namespace, found: "Sequence[Evaluation]") -> None:
    """Prints a row a run, with its difference to the first."""
    differences = [one.difference(found[0]) for one in found]
    if arguments.json:
        runs = [
            {"run": run, "nats": one.nats, "nats_standard_error": one.standard_error, "bits_per_dim": one.bits_per_dim,
             "difference": difference, "difference_standard_error": error}
            for run, one, (difference, error) in zip(arguments.runs, found, differences, strict=True)
        ]  # fmt: skip
        show_json({**asdict(found[0].protocol), "runs": finite(runs)})
        return
    columns = ("run", "nats/image", f"minus {arguments.runs[0]}", "bits/dim")
    cells = [
        (run, with_error(one.nats, one.standard_error), with_error(*difference) if place else "",
         f"{one.bits_per_dim:.4f}")
        for place, (run, one, difference) in enumerate(zip(arguments.runs, found, differences, strict=True))
    ]  # fmt: skip
    show_columns(columns, cells)
    print(found[0].protocol)


def finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with None for what one image leaves unknown."""
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def remember(run: str, weights: str, found: "Evaluation", terminal: Terminal) -> None:
    """Writes the figure for a whole test set into the run, for `pixelsnail info`.

    A read-only run keeps none, and neither do models of the hub and packaged ones.
    """
    from pixelsnail import checkpoints

    images = found.protocol
    if images.split != "test":
        return
    draws = f", {found.binarizations} draws" if found.binarizations > 1 else ""
    facts = {
        "test_nats": found.nats,
        "test_nats_standard_error": found.standard_error if found.images > 1 else None,
        "test_on": f"{images.source}, {images.images} images, binarisation {images.binarize}{draws}",
    }
    try:
        checkpoints.record(run, facts, weights=weights)
    except OSError as error:
        terminal.note(f"The figure was not written into {run}: {error}.")


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
