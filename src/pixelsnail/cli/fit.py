"""`pixelsnail detect fit`."""

from typing import Annotated, Literal

from cyclopts import Parameter

from pixelsnail.cli.detect import Background
from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file
from pixelsnail.cli.parameters import Computing, File, Limit, Overwrite, Rate, Run, Source
from pixelsnail.cli.runs import load
from pixelsnail.cli.table import show
from pixelsnail.cli.terminal import Terminal, quoted

EXAMPLES = ("pixelsnail detect-fit mnist --binarize threshold --out digits.json",)


def fit(
    run: Run,
    /,
    *,
    out: Annotated[File, Parameter(help="the detector, FILE.json")],
    score: Annotated[
        Literal["nats", "typicality", "complexity", "ratio"],
        Parameter(
            help="by which images are judged: nats, their distance from those of normal images (typicality), nats "
            "minus those of the image as a file (complexity), or minus the background's (ratio)"
        ),
    ] = "nats",
    rate: Annotated[Rate, Parameter(help="share of normal images that may be taken for anomalies")] = 0.05,
    pixel_rate: Annotated[Rate, Parameter(help="share of the pixels of normal images likewise")] = 0.01,
    background: Background = None,
    source: Source = Source(),
    limit: Limit = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Learns what is usual from normal images, --data, that training did not see: thresholds which at most a share
    --rate of new normal images, and --pixel-rate of their pixels, exceed. `pixelsnail detect` then judges images by
    them. Image files are binarised by threshold: a detector for files, of a model of bits, wants --binarize threshold
    here.
    """
    check_file(out, (".json",), overwrite)
    from pixelsnail import evaluation

    model = load(run, computing)
    other = None if background is None else load(background, computing)
    images = open_images(run, computing.weights, source, model, terminal)
    images = images if limit is None else images.head(limit)
    with terminal.progress("scoring", "images") as progress:
        found = evaluation.fit(
            model, images, rate=rate, pixel_rate=pixel_rate, score=score, background=other,
            context=context_of(model, images, source.context), batch=computing.batch, progress=progress,
        )  # fmt: skip
    found.save(out)
    show(
        [
            ("normal images", found.source),
            ("typical nats", f"{found.typical:.2f}"),
            (f"threshold of {score}", f"{found.threshold:.2f}, for {100 * rate:g} % of images"),
            ("threshold of a pixel", f"{found.pixel_threshold:.2f} nats, for {100 * pixel_rate:g} % of pixels"),
        ]
    )
    terminal.next(
        f"pixelsnail detect {quoted(run)} --images FILE... --detector {quoted(out)} --out found.csv --maps found"
    )
