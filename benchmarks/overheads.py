"""What surrounds a model's arithmetic: importing, evaluating, reading data, keeping a run, drawing many images.

    python -m benchmarks.overheads [--only PART ...] [--repetitions 5] [--json]

import    a fresh process that imports pixelsnail, or uses its first model, against one that imports torch alone
evaluate  images/s of `evaluation.evaluate` against `model(x)` of the same batches: the published model
data      seconds of a batch from the training loader, dynamically binarised, as a share of the training step that takes
          it (published model, bf16, and the demo's, fp32); mnist-sized data is 60,000 random images in MNIST's files
train     what `pixelsnail.train`, with metrics and a progress callback, adds to each step of a bare loop: measured on a
          tiny model, where it shows, and given as a share of the float32 steps of the demo's and the published model
pages     a training step of 16 digits where glibc gives freed memory back to the system, its default, against one where
          it keeps it, as the command line `pixelsnail` has it: processes in turns
memory    growth of the peak of resident memory, 64 against 640 images drawn 64 at a time, eager, in fresh processes

Ratios are taken from neighbours of one interleaved run. What both sides compute is compared first.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

import pixelsnail
from benchmarks.machine import describe, interleaved, peak_resident_megabytes, seconds, spread
from pixelsnail.data import Images
from pixelsnail.evaluation import evaluate
from pixelsnail.machine import keep_memory
from pixelsnail.training import Event
from pixelsnail.training.batches import Batch, Batches

Row = dict[str, object]

DEMO = {"channels": 32, "blocks": 3, "residuals": 2, "key": 4, "value": 16}
TINY = {"channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2}
BATCH = 64


def row(what: str, unit: str, values: list[float], same: bool = True, **more: object) -> Row:
    """A figure: median and range, and whether both sides computed the same."""
    return {"what": what, "unit": unit, "same": same, **spread(values), **more}


def ratios(over: list[float], under: list[float]) -> list[float]:
    """One ratio for every repetition."""
    return [a / b for a, b in zip(over, under, strict=True)]


# Importing


def importing(repetitions: int) -> list[Row]:
    """Fresh processes, in seconds of wall clock as multiples of `import torch`."""
    first = "import pixelsnail; pixelsnail.PixelSNAIL(channels=4, blocks=1)"
    programs = {"torch": "import torch", "package": "import pixelsnail", "model": first}

    def start(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], check=True)

    work = {name: (lambda program=program: start(program)) for name, program in programs.items()}
    for call in work.values():
        call()  # files come from the disk once
    times = interleaved(repetitions, **work)
    seconds = spread(times["torch"])["median"]
    return [
        row("import pixelsnail", "of import torch", ratios(times["package"], times["torch"]), torch_seconds=seconds),
        row("import, first model", "of import torch", ratios(times["model"], times["torch"]), torch_seconds=seconds),
    ]


# Evaluating


def evaluating(repetitions: int, images: int) -> list[Row]:
    """Images a second of `evaluate` as a share of the bare forward pass's."""
    model = pixelsnail.load("mnist")
    digits = pixelsnail.data.open("mnist-mini", "test", binarize="dynamic").head(images)
    batches = [digits.batch(range(first, min(first + BATCH, images))) for first in range(0, images, BATCH)]
    found: list[torch.Tensor] = []

    def forward() -> None:
        with torch.inference_mode():
            found[:] = [model(x) for x in batches]

    def whole() -> None:
        found[:] = [evaluate(model, digits, batch=BATCH).per_image]

    forward()
    bare = torch.cat([-model.head.distribution(p).log_prob(x.permute(0, 2, 3, 1)).double().sum((1, 2))
                      for p, x in zip(found, batches, strict=True)])  # fmt: skip
    whole()
    same = torch.equal(found[0], bare)
    times = interleaved(repetitions, forward=forward, whole=whole)
    rate = images / spread(times["forward"])["median"]
    return [row("evaluate", "of forward's images/s", ratios(times["forward"], times["whole"]), same, forward_rate=rate)]


# Reading data


def reading(repetitions: int) -> list[Row]:
    """Seconds of a batch from the loader as a share of the step that takes it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_mnist(Path(folder))
        for name, source in (("mnist-mini", "mnist-mini"), ("mnist-sized", f"mnist:{folder}")):
            images = pixelsnail.data.open(source, "train", binarize="dynamic")
            for model, batch, precision in (("published", 64, torch.bfloat16), ("demo", 16, torch.float32)):
                rows.append(
                    read_against_step(f"{name}, {model}, {batch}", images, model, batch, precision, repetitions)
                )
    return rows


def read_against_step(
    what: str, images: Images, name: str, batch: int, precision: torch.dtype, repetitions: int
) -> Row:
    """One loader against one training step."""
    model = pixelsnail.PixelSNAIL(**(DEMO if name == "demo" else {})).train()
    optimizer = torch.optim.Adam(model.parameters())
    loader, again = (endless(Batches(images, batch, seed=0)) for _ in range(2))
    same = torch.equal(next(loader)[0], next(again)[0])
    x, _ = next(again)

    def read() -> None:
        for _ in range(20):
            next(loader)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = model.pixel_nats(x).sum((1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    times = interleaved(repetitions, read=read, step=step)
    read_one = [seconds / 20 for seconds in times["read"]]
    rate = 1 / spread(read_one)["median"]
    return row(f"batch of {what}", "of a training step", ratios(read_one, times["step"]), same, batches_per_second=rate)


def endless(batches: Batches) -> Iterator[Batch]:
    """Batches of one epoch after another."""
    for epoch in itertools.count():
        batches.set_epoch(epoch)
        yield from batches


def write_mnist(folder: Path) -> None:
    """60,000 random images in the files of MNIST's training set."""
    images = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28), dtype=np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", np.zeros(60_000, np.uint8))):
        header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
        (folder / f"train-{name}-ubyte").write_bytes(header + array.tobytes())


# Training


def training(repetitions: int, steps: int) -> list[Row]:
    """What `pixelsnail.train` adds to a bare step, in ms and as a share of the steps of larger models."""
    recipe = {
        "model": {"name": "PixelSNAIL", **TINY},
        "data": {"source": "mnist-mini", "batch": 16},
        "optimizer": {"lr": 1e-3},
        "run": {"samples": 0, "validate": 0, "log": 10},
        "trainer": {"max_steps": steps, "accelerator": "cpu"},
    }
    added, same = [], True
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repetitions):
            kept_seconds, kept = kept_steps(recipe, folder)
            bare_seconds, bare = bare_steps(TINY, steps)
            added.append(kept_seconds - bare_seconds)
            same &= all(torch.equal(a, b) for a, b in zip(kept.parameters(), bare.parameters(), strict=True))
    rows = [row("keeping a run", "ms a step", [1000 * seconds for seconds in added], same)]
    for name, size in (("demo", DEMO), ("published", {})):
        step = [bare_steps(size, 4)[0] for _ in added]
        rows.append(row(f"keeping a run, {name}, 16", "of a bare step", ratios(added, step), same))
    return rows


def kept_steps(recipe: dict[str, object], folder: str) -> tuple[float, pixelsnail.Model]:
    """Seconds of a step, from the end of the first to the end of the last, and the model."""
    ends: list[float] = []

    def progress(event: Event) -> None:
        if event.phase == "train":
            ends.append(time.perf_counter())

    model = pixelsnail.train(recipe, out=folder, overwrite=True, progress=progress)
    return (ends[-1] - ends[0]) / (len(ends) - 1), model


def bare_steps(size: dict[str, int], steps: int) -> tuple[float, pixelsnail.Model]:
    """The same without anything around them; batches are read before."""
    torch.manual_seed(0)
    model = pixelsnail.PixelSNAIL(**size).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = iter(Batches(pixelsnail.data.open("mnist-mini", "train"), 16, seed=0))
    batches = [next(loader) for _ in range(steps)]
    start = 0.0
    for index, (x, _) in enumerate(batches):
        loss = model.pixel_nats(x).sum((1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        if index == 0:
            start = time.perf_counter()
    return (time.perf_counter() - start) / (steps - 1), model


# Pages


def paging(repetitions: int, steps: int) -> list[Row]:
    """A step by glibc's defaults as multiples of one in memory that is kept."""
    return [paged(name, repetitions, steps) for name in ("demo", "published")]


def paged(name: str, repetitions: int, steps: int) -> Row:
    """One model, processes in turns."""
    command = [sys.executable, "-m", "benchmarks.overheads", "--page", name, "--steps", str(steps)]
    found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for _ in range(repetitions):
        for keep, each in found.items():
            words = [*command, "--keep"] if keep else command
            each.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    default, kept = ([one["seconds"] for one in found[keep]] for keep in (False, True))
    same = len({one["nats"] for each in found.values() for one in each}) == 1
    faults = {f"faults_{word}": found[keep][-1]["faults"] for keep, word in ((False, "default"), (True, "kept"))}
    return row(f"memory given back, {name}, 16", "of a step in kept memory", ratios(default, kept), same, **faults)


def page(name: str, steps: int, keep: bool) -> dict[str, float]:
    """Median seconds and mean page faults of a step, after two, and the nats of the first."""
    if keep:
        keep_memory()
    torch.manual_seed(0)
    model = pixelsnail.PixelSNAIL(**(DEMO if name == "demo" else {})).train()
    x = pixelsnail.data.open("mnist-mini", "train", binarize="dynamic").batch(range(16))
    nats = model.pixel_nats(x).sum().item()

    def step() -> None:
        model.zero_grad()
        model.pixel_nats(x).sum().backward()

    for _ in range(2):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    times = [seconds(step) for _ in range(steps)]
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return {"seconds": spread(times)["median"], "faults": faults / steps, "nats": nats}


# Memory


def drawing(counts: tuple[int, int], batch: int) -> list[Row]:
    """Growth of the peak of resident memory in MB, each count in a process of its own."""
    grown, first = [], []
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.overheads", "--draw", str(count), "--draw-batch", str(batch)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        grown.append(found["megabytes"])
        first.append(found["first"])
    same = first[0] == first[1]
    return [
        row(f"drawing {count}, {batch} at a time", "MB", [mb], same) for count, mb in zip(counts, grown, strict=True)
    ]


def draw(count: int, batch: int) -> dict[str, object]:
    """Growth of the peak while `count` images are drawn by the demo's model, and the first batch."""
    torch.manual_seed(0)
    model = pixelsnail.PixelSNAIL(**DEMO).eval()
    model.sample(1, engine="eager")
    before = peak_resident_megabytes()
    x = model.sample(count, batch=batch, engine="eager")
    return {"megabytes": peak_resident_megabytes() - before, "first": int(x[:batch].long().sum())}


def main() -> None:
    parts = ("import", "evaluate", "data", "train", "pages", "memory")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts (default all)")
    parser.add_argument("--repetitions", type=int, default=5, help="interleaved repetitions (default 5)")
    parser.add_argument("--images", type=int, default=128, help="images evaluated (default 128)")
    parser.add_argument("--steps", type=int, default=200, help="training steps a repetition (default 200)")
    parser.add_argument("--draws", type=int, nargs=2, default=(64, 640), help="images drawn (default 64 640)")
    parser.add_argument("--draw-batch", type=int, default=64, help="of them at a time (default 64)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--draw", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--page", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.draw:
        print(json.dumps(draw(options.draw, options.draw_batch)))
        return
    if options.page:
        print(json.dumps(page(options.page, options.steps, options.keep)))
        return
    work = {
        "import": lambda: importing(options.repetitions),
        "evaluate": lambda: evaluating(options.repetitions, options.images),
        "data": lambda: reading(options.repetitions),
        "train": lambda: training(options.repetitions, options.steps),
        "pages": lambda: paging(options.repetitions, max(1, options.steps // 10)),
        "memory": lambda: drawing(tuple(options.draws), options.draw_batch),
    }
    if options.json:
        rows = [one for part in options.only for one in work[part]()]
        print(json.dumps({"machine": describe(), "repetitions": options.repetitions, "rows": rows}))
        return
    print("Overheads")
    print("; ".join(f"{name} {value}" for name, value in describe().items()))
    print(f"{'what':<36} {'median':>9} {'range':>19}   {'unit':<22} same")
    for one in (one for part in options.only for one in work[part]()):
        shown = f"{one['least']:.4f}-{one['most']:.4f}"
        same = "yes" if one["same"] else "NO"
        print(f"{one['what']:<36} {one['median']:>9.4f} {shown:>19}   {one['unit']:<22} {same}", flush=True)


if __name__ == "__main__":
    main()
