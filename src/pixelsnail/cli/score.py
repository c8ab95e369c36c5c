"""`pixelsnail score`."""

import csv
import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.images import add_data, add_limit, data_hint, open_data, read_files
from pixelsnail.cli.outputs import check_file, check_folder, plural
from pixelsnail.cli.runs import load
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import ExistingFileError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.evaluation import Scores
    from pixelsnail.models import Model

MAP = re.compile(r"surprise_\d{6}\.png")


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "score",
        "The likelihood of each image: a CSV file with the columns index, nats and bits_per_dim, and file where images "
        "are files. With --maps, DIR/surprise_000000.png and so on show -log p of every pixel in nats, beside the "
        "image; all maps of a run of this command share one scale. Dynamically binarised images are scored as their "
        "first draw.",
        [
            "pixelsnail score runs/demo --out scores.csv --maps maps --limit 20",
            "pixelsnail score runs/demo --images a.png b.png --out scores.csv",
        ],
    )
    common.add_run(parser)
    parser.add_argument("--out", metavar="FILE.csv", type=common.file, required=True, help="the table, FILE.csv")
    parser.add_argument(
        "--maps", metavar="DIR", type=common.file, help="folder for a map of each image, a PNG (default: no maps)"
    )  # fmt: skip
    add_data(parser, files=True)
    add_limit(parser)
    common.add_batch(parser)
    common.add_device(parser)
    common.add_precision(parser)
    common.add_overwrite(parser, "the table and maps")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Scores images, writes the table and then the maps."""
    check_file(arguments.out, (".csv",), arguments.overwrite)
    if arguments.maps is not None:
        check_maps(arguments.maps, arguments.overwrite)
    from pixelsnail import evaluation

    model = load(arguments)
    files = None if arguments.images is None else arguments.images[: arguments.limit]
    x: Tensor | Images
    if files is not None:
        x = read_files(files, model, terminal)
    else:
        x = open_data(arguments, model, terminal)
        x = x if arguments.limit is None else x.head(arguments.limit)
    with terminal.progress("scoring", "images") as progress:
        scores = evaluation.score(
            model, x, batch=arguments.batch, maps=arguments.maps is not None, progress=progress
        )  # fmt: skip
    write_table(scores, arguments.out, files)
    mean = f"mean {scores.nats.mean():.2f} nats, {scores.bits_per_dim.mean():.4f} bits/dim"
    terminal.note(f"Scored {plural(len(x), 'image')}, {mean}: {arguments.out}")
    if arguments.maps is not None:
        write_maps(model, x, scores, arguments.maps, terminal)
        terminal.note(f"Drew {plural(len(x), 'map')}: {arguments.maps}")
    hint = data_hint(arguments, model)
    if hint is not None:
        terminal.next(f"pixelsnail evaluate {quoted(arguments.run)}{hint}")


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


def write_table(scores: "Scores", path: Path, files: list[Path] | None) -> None:
    """The table, with the names of the files where there are any."""
    from pixelsnail.files import write_atomically

    if files is None:
        scores.write_csv(path)
        return
    rows = zip(range(len(files)), scores.nats.tolist(), scores.bits_per_dim.tolist(), map(str, files), strict=True)
    with (
        write_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as table,
    ):
        csv.writer(table, lineterminator="\n").writerows([("index", "nats", "bits_per_dim", "file"), *rows])


def write_maps(model: "Model", x: "Tensor | Images", scores: "Scores", folder: Path, terminal: Terminal) -> None:
    """A map of each image, all on one scale."""
    from torch import Tensor

    from pixelsnail import pictures

    for path in maps_in(folder):
        path.unlink()
    assert scores.maps is not None
    upper = scores.maps.max().item()
    with terminal.progress("drawing maps", "maps") as progress:
        for index, nats in enumerate(scores.maps):
            image = x[index] if isinstance(x, Tensor) else x.batch([index])[0]
            pictures.surprise_map(nats, image, model.levels, folder / f"surprise_{index:06}.png", upper=upper)
            if progress is not None:
                progress(index + 1, len(scores.maps))
