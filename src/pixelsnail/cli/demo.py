"""`pixelsnail demo`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixelsnail.cli.evaluate import remember, rows
from pixelsnail.cli.outputs import check_run
from pixelsnail.cli.parameters import Count, Device, Fields, Overwrite, RunPath
from pixelsnail.cli.runs import choose_device
from pixelsnail.cli.table import show, with_error
from pixelsnail.cli.terminal import Tell, Terminal, quoted
from pixelsnail.cli.train import ACCELERATORS, read_recipe

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model

EXAMPLES = ("pixelsnail demo --out runs/demo --overwrite",)
SAMPLES, COMPLETIONS, SURPRISE = "samples.png", "completions.png", "surprise.png"
TRAINED = "mnist"
"""The packaged model that is shown beside the demo's own."""
DRAWS = 8
"""Completions of each digit."""


def demo(
    *,
    out: Annotated[RunPath, Parameter(help="folder of the run")] = Path("runs/demo"),
    count: Annotated[Count, Parameter(help="images in samples.png")] = 64,
    limit: Annotated[Count | None, Parameter(help="only the first N test digits (default: all)")] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    fields: Fields = MappingProxyType({}),
    terminal: Terminal = Terminal(),
) -> None:
    """Trains a small PixelSNAIL on the 6,000 real digits that come with the package, in minutes on a CPU; evaluates it
    on digits held out; and leaves three pictures in the run's folder: samples.png, completions.png (the upper half of
    ten digits given, 8 completions each) and surprise.png (-log p of every pixel, in nats). For comparison, the
    packaged model mnist, which was trained for hours: its nats on the same digits, and its samples, mnist-samples.png.
    Every field of the recipe `demo` is an option, as in pixelsnail train demo --help.
    """
    from pixelsnail import evaluation, pictures, training
    from pixelsnail.training.train import open_split

    check_run(out, overwrite)
    pictures.require_matplotlib("surprise.png")
    accelerator = {} if device == "auto" else {"trainer.accelerator": ACCELERATORS[device]}
    plan = read_recipe("demo", {**fields, **accelerator}, terminal.note)
    place = choose_device(device)
    for name in (SAMPLES, COMPLETIONS, SURPRISE, f"{TRAINED}-{SAMPLES}"):
        (out / name).unlink(missing_ok=True)
    seconds: dict[str, float] = {}
    with timed("training", seconds), terminal.training() as progress:
        model = training.train(plan, out=out, overwrite=True, progress=progress, note=terminal.note).to(place)
    images = open_split(plan, "test")
    terminal.note(str(images.read))
    with timed("evaluation", seconds), terminal.progress("evaluating", "images") as tell:
        found = evaluation.evaluate(model, images, limit=limit, progress=tell)
    if limit is None:
        remember(str(out), "best", found, terminal)
    with timed("samples", seconds), terminal.progress("drawing samples", "pixels") as tell:
        x = model.sample(count, progress=tell)
    pictures.write_png(pictures.grid(x, model.levels), out / SAMPLES)
    digits = one_of_each(images)
    with timed("completions", seconds), terminal.progress("completing", "pixels") as tell:
        draw_completions(model, digits, out / COMPLETIONS, tell)
    with timed("surprise map", seconds):
        nats = evaluation.score(model, digits, maps=True).maps
        assert nats is not None
        pictures.surprise_maps(nats, digits, model.levels, out / SURPRISE)
    drawn, beside = [SAMPLES, COMPLETIONS, SURPRISE], []
    if (images.shape, images.levels) == ((1, 28, 28), 2):
        with timed(f"packaged {TRAINED}", seconds):
            path = out / f"{TRAINED}-{SAMPLES}"
            beside = [(f"packaged {TRAINED}", show_trained(images, place, count, limit, path, terminal))]
        drawn.append(path.name)
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in seconds.items())
    taken = ("seconds", f"{sum(seconds.values()):.1f}: {parts}")
    show([*rows(found), *beside, taken, ("pictures", ", ".join(str(out / name) for name in drawn))])
    name = quoted(out)
    terminal.next(
        f"pixelsnail info {name}",
        f"pixelsnail sample {name} --count 16 --seed 1 --temperature 0.9 --out more.png",
        f"pixelsnail complete {name} --known left --out completions",
        f"pixelsnail score {name} --out scores.csv --maps maps --limit 20",
    )


@contextmanager
def timed(phase: str, seconds: dict[str, float]) -> Iterator[None]:
    """Puts the seconds that the block takes under its name."""
    start = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - start


def one_of_each(images: "Images") -> "Tensor":
    """The first image of every label, in order of the labels; the first ten where there are none: (n, C, H, W)."""
    labels = images.labels
    if labels is None:
        return images.batch(range(min(10, len(images))))
    return images.batch([int((labels == label).nonzero()[0]) for label in sorted(set(labels.tolist()))])


def draw_completions(model: "Model", x: "Tensor", path: Path, progress: Tell | None) -> None:
    """A picture of completions of the upper halves of x (n, C, H, W)."""
    from pixelsnail import data, pictures

    known = data.mask("top", x.shape[2], x.shape[3])
    completed = model.complete(x.repeat_interleave(DRAWS, 0), known, progress=progress)
    completed = completed.view(len(x), DRAWS, *x.shape[1:])
    pictures.write_png(pictures.completions(x, known, completed, model.levels), path)


def show_trained(images: "Images", device: str, count: int, limit: int | None, path: Path, terminal: Terminal) -> str:
    """Draws samples of the packaged model; its nats on the demo's test digits, in words."""
    from pixelsnail import checkpoints, evaluation, pictures
    from pixelsnail.checkpoints.folder import PACKAGED

    model = checkpoints.load(PACKAGED / TRAINED, device=device)
    with terminal.progress(f"evaluating {TRAINED}", "images") as tell:
        found = evaluation.evaluate(model, images, limit=limit, progress=tell)
    with terminal.progress(f"drawing samples of {TRAINED}", "pixels") as tell:
        x = model.sample(count, progress=tell)
    pictures.write_png(pictures.grid(x, model.levels), path)
    return f"{with_error(found.nats, found.standard_error)} nats/image on the same images"
