"""`pixelsnail sample`."""

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.images import data_hint, open_maps
from pixelsnail.cli.outputs import check_file, check_folder, plural
from pixelsnail.cli.parameters import Computing, Count, Data, Drawing, Order, Overwrite, Run, Size, Whole, form
from pixelsnail.cli.runs import announce, load
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import ExistingFileError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.models import Model
    from pixelsnail.nn import Context

LARGEST_GRID = 4096
"""Images in one picture."""
NUMBERED = re.compile(r"\d{6}\.png")
Output = Annotated[str, form("FILE", str)]
EXAMPLES = (
    "pixelsnail sample mnist --count 64 --out digits.png",
    "pixelsnail sample runs/demo --count 10000 --out samples.npz --batch 256",
)


def sample(
    run: Run,
    /,
    *,
    out: Annotated[Output, Parameter(help="FILE.png, FILE.npz, or DIR/ for a file an image")],
    count: Annotated[
        Count | None, Parameter(help="images to draw (default: 64, or as many as there are maps in --context-data)")
    ] = None,
    size: Annotated[Size | None, Parameter(help="height and width in pixels (default: the model's own)")] = None,
    context: Annotated[
        Whole | None,
        Parameter(help="the images' class, for a model that is conditioned on classes (default: none)"),
    ] = None,
    context_data: Annotated[
        Data | None,
        Parameter(
            help="source of the maps to draw from, for a model that is conditioned on maps, as npz:top.npz: the first "
            "--count of all, or of its test split (default: none)"
        ),
    ] = None,
    order: Order = None,
    drawing: Drawing = Drawing(),
    computing: Computing = Computing(),
    overwrite: Overwrite = False,
    terminal: Terminal = Terminal(),
) -> None:
    """Draws images exactly, by ancestral sampling. A .png file is a grid of all images, 4,096 at most; DIR/ gets a file
    an image, 000000.png and so on. A .npz file holds integer levels, x (count, C, H, W), and how many there are,
    levels; it is read again as --data npz:FILE. A model of several raster orders draws every image in one that is drawn
    for it, or all in --order.
    """
    from pixelsnail.models.ordered import in_order

    path = Path(out).expanduser()
    if out.endswith(os.sep) or (path.is_dir() and not path.suffix):
        check_numbered(path, overwrite)
    else:
        check_file(path, (".png", ".npz"), overwrite)
    if path.suffix.lower() == ".png" and (count or 0) > LARGEST_GRID:
        raise UsageError(
            f"A picture of {count:,} images is too large (at most {LARGEST_GRID:,}); write "
            f"{path.with_suffix('.npz')} instead."
        )
    model = load(run, computing)
    given, count = given_to(run, model, count, context, context_data, terminal)
    given = in_order(model, order, given, count)
    announce(drawing.engine, model, size or model.shape[1:], terminal)
    start = time.perf_counter()
    with terminal.progress("drawing", "pixels") as progress:
        x = model.sample(
            count, seed=drawing.seed, temperature=drawing.temperature, guidance=drawing.guidance,
            top_k=drawing.top_k, top_p=drawing.top_p, size=size, context=given,
            batch=computing.batch, engine=drawing.engine, progress=progress,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    write(x, model.levels, path)
    height, width = x.shape[-2:]
    terminal.note(f"Drew {plural(len(x), 'image')} of {height} x {width} in {seconds:.1f} seconds: {out}")
    hint = data_hint(run, computing.weights, None, model)
    if hint is not None:
        terminal.next(f"pixelsnail complete {quoted(run)}{hint} --known top --out completions")


def given_to(
    run: str, model: "Model", count: int | None, label: int | None, source: str | None, terminal: Terminal
) -> "tuple[Context | None, int]":
    """The context of the images to draw, and how many they are."""
    import torch

    labels, maps = "labels" in model.conditions, "map" in model.conditions
    for asked, takes, what in ((label, labels, "class labels"), (source, maps, "maps")):
        if asked is not None and not takes:
            raise UsageError(f"{run} takes no {what}: it is conditioned on {model.condition.words}.")
    if labels and label is None:
        raise UsageError(
            f"{run} is conditioned on classes 0 ... {model.classes - 1}; say which to draw with --context LABEL."
        )
    if not maps:
        count = count or 64
        return (None if label is None else torch.full((count,), label)), count
    if source is None:
        raise UsageError(
            f"{run} is conditioned on {model.conditions['map'].words}; say which maps with --context-data SOURCE."
        )
    images = open_maps(source)
    terminal.note(str(images.read))
    if count is not None and count > len(images):
        raise UsageError(f"--count is {count}, but {source} has {len(images)} maps; expected at most as many.")
    drawn_from = images.batch(range(count or min(64, len(images))))
    if label is None:
        return drawn_from, len(drawn_from)
    return {"labels": torch.full((len(drawn_from),), label), "map": drawn_from}, len(drawn_from)


def write(x: "Tensor", levels: int, path: Path) -> None:
    """Levels as a grid or as an array, complete or not at all."""
    from pixelsnail import pictures

    if path.suffix.lower() == ".npz":
        write_npz(path, x=x, levels=levels)
    elif path.suffix.lower() == ".png":
        pictures.write_png(pictures.grid(x, levels), path)
    else:
        for old in numbered(path):
            old.unlink()
        for index, image in enumerate(x):
            pictures.write_png(pictures.image(image, levels), path / f"{index:06}.png")


def check_numbered(folder: Path, overwrite: bool) -> None:
    """Raises OSError where numbered images cannot be written, or are there already."""
    check_folder(folder)
    if not overwrite and numbered(folder):
        raise ExistingFileError(
            f"{folder} holds numbered images already; replace them with --overwrite, or choose another folder."
        )


def numbered(folder: Path) -> list[Path]:
    """The images of an earlier command."""
    return [path for path in folder.iterdir() if NUMBERED.fullmatch(path.name)] if folder.is_dir() else []


def write_npz(path: Path, **arrays: "Tensor | int") -> None:
    """Arrays in a compressed npz file, complete or not at all."""
    import numpy as np

    from pixelsnail.files import write_atomically

    with write_atomically(path) as temporary:
        np.savez_compressed(temporary, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
