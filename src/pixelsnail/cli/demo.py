"""`pixelsnail demo`."""

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli import arguments as common
from pixelsnail.cli.evaluate import remember, rows
from pixelsnail.cli.outputs import check_run
from pixelsnail.cli.runs import choose_device
from pixelsnail.cli.table import show, with_error
from pixelsnail.cli.terminal import Tell, Terminal, quoted
from pixelsnail.cli.train import ACCELERATORS, read_recipe

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model

SAMPLES, COMPLETIONS, SURPRISE = "samples.png", "completions.png", "surprise.png"
TRAINED = "mnist"
"""The packaged model that is shown beside the demo's own."""
DRAWS = 8
"""Completions of each digit."""


def parser() -> common.Parser:
    """The command's arguments."""
    parser = common.Parser(
        "demo",
        "Trains a small PixelSNAIL on the 6,000 real digits that come with the package, in minutes on a CPU; evaluates "
        "it on digits held out; and leaves three pictures in the run's folder: samples.png, completions.png (the upper "
        f"half of ten digits given, {DRAWS} completions each) and surprise.png (-log p of every pixel, in nats). For "
        f"comparison, the packaged model {TRAINED}, which was trained for hours: its nats on the same digits, and its "
        f"samples, {TRAINED}-samples.png. Every field of the recipe `demo` is an option, as in pixelsnail train demo "
        "--help.",
        ["pixelsnail demo --out runs/demo --overwrite"],
        dotted=True,
    )
    parser.add_argument("--out", metavar="RUN", type=common.file, default=Path("runs/demo"), help="folder of the run")
    parser.add_argument("--count", metavar="N", type=common.count, default=64, help="images in samples.png")
    parser.add_argument("--limit", metavar="N", type=common.count, help="only the first N test digits (default: all)")
    common.add_device(parser)
    common.add_overwrite(parser, "a run")
    return parser


def run(arguments: Namespace, terminal: Terminal) -> None:
    """Trains, evaluates, draws, and prints a table."""
    from pixelsnail import data, evaluation, pictures, training

    out = arguments.out
    check_run(out, arguments.overwrite)
    pictures.require_matplotlib("surprise.png")
    accelerator = ACCELERATORS.get(arguments.device)
    fields = arguments.overrides | ({} if accelerator is None else {"trainer.accelerator": accelerator})
    plan = read_recipe("demo", fields, terminal.note)
    device = choose_device(arguments.device)
    for name in (SAMPLES, COMPLETIONS, SURPRISE, f"{TRAINED}-{SAMPLES}"):
        (out / name).unlink(missing_ok=True)
    seconds: dict[str, float] = {}
    with timed("training", seconds), terminal.training() as progress:
        model = training.train(plan, out=out, overwrite=True, progress=progress, note=terminal.note).to(device)
    images = data.open(plan.data.source, "test", binarize=plan.data.binarize)
    with timed("evaluation", seconds), terminal.progress("evaluating", "images") as tell:
        found = evaluation.evaluate(model, images, limit=arguments.limit, progress=tell)
    if arguments.limit is None:
        remember(str(out), "best", found, terminal)
    with timed("samples", seconds), terminal.progress("drawing samples", "pixels") as tell:
        x = model.sample(arguments.count, progress=tell)
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
            beside = [(f"packaged {TRAINED}", show_trained(images, arguments, out / f"{TRAINED}-{SAMPLES}", terminal))]
        drawn.append(f"{TRAINED}-{SAMPLES}")
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
    from pixelsnail import pictures
    from pixelsnail.cli.images import read_known

    known = read_known("top", x.shape[2], x.shape[3])
    completed = model.complete(x.repeat_interleave(DRAWS, 0), known, progress=progress)
    completed = completed.view(len(x), DRAWS, *x.shape[1:])
    pictures.write_png(pictures.completions(x, known, completed, model.levels), path)


def show_trained(images: "Images", arguments: Namespace, path: Path, terminal: Terminal) -> str:
    """Draws samples of the packaged model; its nats on the demo's test digits, in words."""
    from pixelsnail import checkpoints, evaluation, pictures
    from pixelsnail.checkpoints.folder import PACKAGED

    model = checkpoints.load(PACKAGED / TRAINED, device=choose_device(arguments.device))
    with terminal.progress(f"evaluating {TRAINED}", "images") as tell:
        found = evaluation.evaluate(model, images, limit=arguments.limit, progress=tell)
    with terminal.progress(f"drawing samples of {TRAINED}", "pixels") as tell:
        x = model.sample(arguments.count, progress=tell)
    pictures.write_png(pictures.grid(x, model.levels), path)
    return f"{with_error(found.nats, found.standard_error)} nats/image on the same images"
