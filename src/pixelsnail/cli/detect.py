"""`pixelsnail detect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.images import context_of, open_images
from pixelsnail.cli.outputs import check_file, plural
from pixelsnail.cli.parameters import Computing, File, Folder, Json, Limit, Name, Overwrite, Run, SourceOrFiles
from pixelsnail.cli.runs import load
from pixelsnail.cli.score import check_maps, maps_in
from pixelsnail.cli.table import show, show_json
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.evaluation import Detection
    from pixelsnail.models import Model

EXAMPLES = ("pixelsnail detect mnist --images a.png b.png --detector digits.json --out found.csv --maps found",)
Background = Annotated[
    Name | None,
    Parameter(help="a run that models what is common to all images, for the score ratio (default: none)"),
]
DetectorFile = Annotated[File, Parameter(help="the detector, a file of `detect fit`")]


def detect(
    run: Run,
    /,
    *,
    detector: DetectorFile,
    out: Annotated[File, Parameter(help="the table, FILE.csv")],
    maps: Annotated[
        Folder | None,
        Parameter(help="folder for a map of each image, a PNG: its nats beside its unusual pixels (default: no maps)"),
    ] = None,
    background: Background = None,
    source: SourceOrFiles = SourceOrFiles(),
    limit: Limit = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    json: Json = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Which images, and which of their pixels, are unusual, by a detector that `pixelsnail detect fit RUN` made. A CSV
    file with the columns index, file and label where there are any, anomalous (by the detector's score, 0 or 1), pixels
    (how many are unusual), and every score with its p-value: an image is an anomaly at any rate that is at least p.
    """
    check_file(out, (".csv",), overwrite)
    if maps is not None:
        check_maps(maps, overwrite)
    from pixelsnail import evaluation

    known = evaluation.Detector.load(detector)
    model = load(run, computing)
    other = None if background is None else load(background, computing)
    images = open_images(run, computing.weights, source, model, terminal)
    images = images if limit is None else images.head(limit)
    with terminal.progress("scoring", "images") as progress:
        found = evaluation.detect(
            model, images, known, background=other, context=context_of(model, images, source.context),
            batch=computing.batch, progress=progress,
        )  # fmt: skip
    found.write_csv(out, images)
    unusual, share = int(found.anomalous.sum()), found.pixels.double().mean().item()
    if json:
        show_json({"run": run, "images": len(images), "anomalous": unusual, "score": known.score, "rate": known.rate,
                   "threshold": known.threshold, "unusual_pixels": share, "pixel_rate": known.pixel_rate})  # fmt: skip
    else:
        show(
            [
                ("images", f"{len(images):,} ({images.source})"),
                ("anomalies", f"{unusual:,} by {known.score}, at a rate of {100 * known.rate:g} % of normal images"),
                ("unusual pixels", f"{100 * share:.2f} %, at a rate of {100 * known.pixel_rate:g} %"),
            ]
        )
    if maps is not None:
        write_maps(model, images, found, maps)
        terminal.note(f"Drew {plural(len(images), 'map')}: {maps}")
    terminal.next(f"pixelsnail restore {quoted(run)} --images FILE... --detector {quoted(detector)} --out restored")


def write_maps(model: "Model", images: "Images", found: "Detection", folder: Path) -> None:
    """A map of each image, all on one scale: in its title whether it is an anomaly and how many pixels are unusual."""
    from pixelsnail import pictures

    for path in maps_in(folder):
        path.unlink()
    upper = found.maps.max().item()
    for index, nats in enumerate(found.maps):
        pixels = int(found.pixels[index].sum())
        title = f"{'anomaly' if found.anomalous[index] else 'usual'}, {plural(pixels, 'unusual pixel')}"
        shown = nats * found.pixels[index]
        file = folder / f"surprise_{index:06}.png"
        pictures.surprise_map(shown, images.batch([index])[0], model.levels, file, title, upper=upper)
