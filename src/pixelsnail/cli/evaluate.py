"""`pixelsnail evaluate`."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.images import add_data, add_limit, data_hint, open_data
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import Rows, show, show_json, with_error
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pixelsnail.evaluation import Evaluation


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "evaluate",
        "The likelihood of a model on a set of images: the mean of -log p(x) in nats an image with its standard error, "
        "and bits/dim = nats / (C H W ln 2). Nats of differently binarised images do not compare; the table says how "
        "these were binarised. With --binarizations K every image is drawn K times: the mean is over all draws, its "
        "standard error from the spread of the images' own means, and the spread of the K single draws is shown beside "
        "it. The bits of test images are fixed: a second run gives the same number. The figure for a whole test set is "
        "kept in the run, for `pixelsnail info`.",
        [
            "pixelsnail evaluate runs/demo",
            "pixelsnail evaluate runs/demo --data mnist:data/mnist --binarizations 10 --json",
        ],
    )
    common.add_run(parser)
    add_data(parser)
    parser.add_argument(
        "--binarizations", metavar="K", type=common.count, default=1,
        help="draws of dynamically binarised images that the mean is over",
    )  # fmt: skip
    add_limit(parser)
    common.add_batch(parser)
    common.add_device(parser)
    common.add_precision(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Evaluates and prints a table."""
    from pixelsnail import evaluation

    model = load(arguments)
    images = open_data(arguments, model, terminal)
    with terminal.progress("evaluating", "images") as progress:
        found = evaluation.evaluate(
            model, images, batch=arguments.batch, binarizations=arguments.binarizations, limit=arguments.limit,
            progress=progress,
        )  # fmt: skip
    if arguments.limit is None and arguments.precision == "float32":
        remember(arguments.run, arguments.weights, found, terminal)
    if arguments.json:
        show_json(
            {"run": arguments.run, "weights": arguments.weights, **found.as_dict(), "precision": arguments.precision}
        )
    else:
        show([*rows(found), ("precision", arguments.precision), ("seconds", f"{found.seconds:.1f}")])
    hint = data_hint(arguments, model) or ""
    terminal.next(f"pixelsnail score {quoted(arguments.run)}{hint} --out scores.csv --maps maps --limit 20")


def remember(run: str, weights: str, found: "Evaluation", terminal: Terminal) -> None:
    """Writes the figure for a whole test set into the run, for `pixelsnail info`.

    A read-only run keeps none, and neither do models of the hub and packaged ones.
    """
    from pixelsnail import checkpoints

    if found.split != "test":
        return
    draws = f", {found.binarizations} draws" if found.binarizations > 1 else ""
    facts = {
        "test_nats": found.nats,
        "test_nats_standard_error": found.standard_error if found.images > 1 else None,
        "test_on": f"{found.source}, {found.images} images, binarisation {found.binarize}{draws}",
    }
    try:
        checkpoints.record(run, facts, weights=weights)
    except OSError as error:
        terminal.note(f"The figure was not written into {run}: {error}.")


def rows(found: "Evaluation") -> Rows:
    """The figures as a table."""
    draws = {"dynamic": f"dynamic, {found.binarizations} draw{'s' * (found.binarizations > 1)} of each image"}
    table = [
        ("images", f"{found.images:,} ({found.source}, {found.split})"),
        ("binarisation", draws.get(found.binarize, found.binarize)),
        ("nats/image", with_error(found.nats, found.standard_error)),
        ("bits/dim", f"{found.bits_per_dim:.4f}"),
        ("bits/image", f"{found.bits_per_image:.2f}"),
    ]
    if found.binarizations > 1:
        each = found.per_binarization
        spread = f"{each.min():.2f} to {each.max():.2f} nats/image, standard deviation {each.std():.3f}"
        table.insert(3, ("single draws", spread))
    return table
