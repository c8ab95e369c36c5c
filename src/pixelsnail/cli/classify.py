"""`pixelsnail classify`."""

from typing import Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, File, Json, Limit, Overwrite, Run, SourceOrFiles, form
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import show, show_json, with_error
from pixelsnail.cli.terminal import Terminal
from pixelsnail.errors import WrongValueError

EXAMPLES = (
    "pixelsnail classify runs/classes --out classes.csv",
    "pixelsnail classify runs/classes --images a.png b.png --prior 0.5,0.3,0.2 --out classes.csv",
)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise WrongValueError("numbers parted by commas, one a class, such as 0.5,0.3,0.2") from None


Prior = Annotated[tuple[float, ...] | None, form("P,P,...", _shares)]


def classify(
    run: Run,
    /,
    *,
    out: Annotated[File, Parameter(help="the table, FILE.csv")],
    prior: Annotated[
        Prior, Parameter(help="p(label) of each class, in shares or counts (default: all classes as likely)")
    ] = None,
    source: SourceOrFiles = SourceOrFiles(),
    limit: Limit = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    json: Json = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Which class each image is of, by a model of p(x | label): p(label | x) is p(x | label) p(label) over its sum. A
    CSV file with the columns index (in the source), file, label and class where there are any, best, posterior (of the
    best) and nats_0, nats_1, ...: -log p(x | label) of each class. Labels that images have are not looked at: they say
    how often the best was right. Costs as many passes as there are classes.
    """
    if source.context is not None:
        raise UsageError("classify tries every class; leave --context out.")
    check_file(out, (".csv",), overwrite)
    from pixelsnail import evaluation

    model = load(run, computing)
    images = open_images(run, computing.weights, source, model, terminal, labelled=False)
    images = images if limit is None else images.head(limit)
    with terminal.progress("classifying", "images") as progress:
        found = evaluation.classify(model, images, prior=prior, batch=computing.batch, progress=progress)
    found.write_csv(out, images)
    share, error = (None, None) if images.labels is None else found.accuracy(images.labels)
    nats = found.marginal_nats
    if json:
        show_json(
            {
                "run": run, "images": len(images), "prior": found.prior.tolist(), "accuracy": share,
                "accuracy_standard_error": error, "marginal_nats": nats.mean().item(), "read": images.read.as_dict(),
            }
        )  # fmt: skip
    else:
        rows = [
            ("images", f"{len(images):,} ({images.source}, {images.split})"),
            ("classes", f"{model.classes}, {'all as likely beforehand' if prior is None else 'with the prior given'}"),
            (
                "nats/image",
                with_error(nats.mean().item(), nats.std().item() / len(nats) ** 0.5 if len(nats) > 1 else None),
            ),
        ]
        if share is not None and error is not None:
            rows.append(("accuracy", f"{100 * share:.1f} +- {100 * error:.1f} %"))
        show(rows)
    terminal.note(f"Classified {plural(len(images), 'image')}: {out}")
