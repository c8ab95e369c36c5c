"""`pixelsnail score`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import check_mask, context_of, data_hint, open_images, open_mask
from pixelsnail.cli.outputs import check_file, check_folder, plural
from pixelsnail.cli.parameters import Computing, Count, File, Folder, Limit, Mask, Order, Overwrite, Run, SourceOrFiles
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import ExistingFileError

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.evaluation import Scores
    from pixelsnail.models import Model
    from pixelsnail.nn import Context

EXAMPLES = (
    "pixelsnail score runs/demo --out scores.csv --maps maps --limit 20",
    "pixelsnail score runs/demo --images a.png b.png --out scores.csv",
)
MAP = re.compile(r"surprise_\d{6}\.png")


def score(
    run: Run,
    /,
    *,
    out: Annotated[File, Parameter(help="the table, FILE.csv")],
    maps: Annotated[Folder | None, Parameter(help="folder for a map of each image, a PNG (default: no maps)")] = None,
    source: SourceOrFiles = SourceOrFiles(),
    limit: Limit = None,
    region: Annotated[
        Mask | None,
        Parameter(
            help="a part of each image: the half top, bottom, left or right, or a mask image, its larger value where "
            "pixels belong to it; adds the column region_nats (default: none)"
        ),
    ] = None,
    particles: Annotated[
        Count | None,
        Parameter(help="estimate p(rest) by so many, where not all of the rest comes before --region (default: none)"),
    ] = None,
    order: Order = None,
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """The likelihood of each image: a CSV file with the columns index (in the source), nats and bits_per_dim, and file
    and label where there are any. With --maps, DIR/surprise_000000.png and so on show -log p of every pixel in nats,
    beside the image; all maps of a run of this command share one scale. Dynamically binarised images are scored as
    their first draw. A model of several raster orders scores by the mean of their probabilities (a pixel's nats are
    then the mean of its nats in all orders, by how probable each is), or by one --order.

    With --region, region_nats is -log p(region | rest), exactly where the rest comes before the region in some order
    that the model knows (as with a half), by --particles elsewhere; without them it is what the region adds to nats.
    """
    if region is None and particles is not None:
        raise UsageError("--particles are for the rest of a --region; expected both.")
    if region is not None:
        check_mask("--region", region)
    check_file(out, (".csv",), overwrite)
    if maps is not None:
        check_maps(maps, overwrite)
    from pixelsnail import evaluation
    from pixelsnail.models.ordered import in_order

    model = load(run, computing)
    images = open_images(run, computing.weights, source, model, terminal)
    images = images if limit is None else images.head(limit)
    context = in_order(model, order, context_of(model, images, source.context), len(images))
    with terminal.progress("scoring", "images") as progress:
        scores = evaluation.score(
            model, images, context=context, batch=computing.batch,
            maps=maps is not None, progress=progress,
        )  # fmt: skip
    more = {}
    if region is not None:
        more["region_nats"] = region_nats(model, images, region, context, particles, computing.batch, terminal)
    scores.write_csv(out, images, more)
    mean = f"mean {scores.nats.mean():.2f} nats, {scores.bits_per_dim.mean():.4f} bits/dim"
    terminal.note(f"Scored {plural(len(images), 'image')}, {mean}: {out}")
    if maps is not None:
        write_maps(model, images, scores, maps, terminal)
        terminal.note(f"Drew {plural(len(images), 'map')}: {maps}")
    hint = data_hint(run, computing.weights, source.data, model)
    if hint is not None and source.images is None:
        terminal.next(f"pixelsnail evaluate {quoted(run)}{hint}")


def region_nats(
    model: "Model",
    images: "Images",
    region: str,
    context: "Context | None",
    particles: int | None,
    batch: int,
    terminal: Terminal,
) -> list[float]:
    """-log p of a region of each image; says what it is."""
    from pixelsnail import evaluation

    mask = open_mask(region, *images.shape[1:])
    x = images.batch(range(len(images)))
    found = evaluation.region_log_prob(model, x, mask, context=context, particles=particles, batch=batch)
    what = "-log p(region | rest)" if found.exact else "what the region adds to nats: some of the rest comes later"
    how = f", with p(rest) by {particles} particles" if found.estimated else ", exact" if found.exact else ""
    terminal.note(f"region_nats is {what}{how}.")
    return (-found.log_prob).tolist()


def check_maps(folder: Path, overwrite: bool) -> None:
    """Raises OSError where maps cannot be written, or are there already; ImportError without matplotlib."""
    from pixelsnail import pictures

    pictures.require_matplotlib("maps")
    check_folder(folder)
    if not overwrite and maps_in(folder):
        raise ExistingFileError(
            f"{folder} holds maps already; replace them with --overwrite, or choose another folder."
        )


def maps_in(folder: Path) -> list[Path]:
    """The maps of an earlier command."""
    return [path for path in folder.iterdir() if MAP.fullmatch(path.name)] if folder.is_dir() else []


def write_maps(model: "Model", images: "Images", scores: "Scores", folder: Path, terminal: Terminal) -> None:
    """A map of each image, all on one scale."""
    from pixelsnail import pictures

    for path in maps_in(folder):
        path.unlink()
    assert scores.maps is not None
    upper = scores.maps.max().item()
    with terminal.progress("drawing maps", "maps") as progress:
        for index, nats in enumerate(scores.maps):
            image = images.batch([index])[0]
            pictures.surprise_map(nats, image, model.levels, folder / f"surprise_{index:06}.png", upper=upper)
            if progress is not None:
                progress(index + 1, len(scores.maps))
