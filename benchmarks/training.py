"""The training step of a published model, as a fraction of what the processor's matrix products reach.

    python -m benchmarks.training [--batch 64] [--repetitions 5] [--json]
    python -m benchmarks.training --model PixelSNAILOriginal --batch 8      (or another model)
    python -m benchmarks.training --losses 200 [--compile]              (benchmarks/losses.py)
    python -m benchmarks.training --sizes 14 28 56 64 112               (benchmarks/growth.py)
    python -m benchmarks.training --blocks 2 4 8

A step is forward and backward of `model.pixel_nats` for a batch of the images that the model was published for. A
forward pass of an image is 1.86 GFLOP for the published MNIST model; for the others it is what torch counts in products
and convolutions, and half of the square for attention. A step is three times that. The peak is that of a 2048 x 2048
float32 matrix product, measured in between. Memory is the growth of the process's peak over that before the first step,
each precision in a process of its own.
"""

import argparse
import json
import subprocess
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import growth, losses
from benchmarks.machine import describe, interleaved, peak_resident_megabytes, spread
from benchmarks.models import make_model
from pixelsnail.models import MODELS
from pixelsnail.nn.initialization import initialize

FORWARD_GFLOP = 1.86
PRECISIONS = ("float32", "bfloat16")


def forward_gflop(name: str) -> float:
    """GFLOP of a forward pass of one image."""
    if name == "PixelSNAIL":
        return FORWARD_GFLOP
    model = make_model(name)
    attention = {
        torch.ops.pixelsnail.attend_strictly: lambda q, k, v, **_: q[0] * q[1] ** 2 * (k[2] + v[2]),
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: (
            q[0] * q[1] * q[2] ** 2 * (k[3] + v[3])
        ),
    }
    with FlopCounterMode(display=False, custom_mapping=attention) as counter, torch.no_grad():
        model(torch.zeros(1, *model.shape, dtype=torch.uint8))
    return counter.get_total_flops() / 1e9


def make_step(
    precision: str, batch: int, size: int | None = None, blocks: int | None = None, name: str = "PixelSNAIL",
    initialized: bool = False,
):  # fmt: skip
    """A function that runs one forward and backward pass and returns the loss.

    Without their initialisation, weight-normalised layers add up to losses that precisions do not agree on; it takes
    memory of its own.
    """
    model = make_model(name, size, blocks).train()
    x = torch.randint(0, model.levels, (batch, *model.shape), dtype=torch.uint8)
    if initialized:
        initialize(model, x[:2])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, x = model.to(device), x.to(device)

    def step() -> float:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = model.pixel_nats(x).sum((1, 2)).mean()
        model.zero_grad()
        loss.backward()
        return loss.item()

    return step


def peak_memory_megabytes(precision: str, batch: int, size: int | None, blocks: int | None, name: str) -> float:
    """Growth of the peak of resident memory over two steps, in MB."""
    step = make_step(precision, batch, size, blocks, name)
    before = peak_resident_megabytes()
    step()
    step()
    return peak_resident_megabytes() - before


def in_a_process_of_its_own(
    precision: str, batch: int, size: int | None = None, blocks: int | None = None, name: str = "PixelSNAIL"
) -> float:
    """`peak_memory_megabytes`, where nothing ran before."""
    numbers = ["--model", name, "--batch", str(batch)]
    numbers += [] if size is None else ["--sizes", str(size)]
    numbers += [] if blocks is None else ["--blocks", str(blocks)]
    command = [sys.executable, "-m", "benchmarks.training", "--memory", precision, *numbers]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(batch: int, repetitions: int, name: str = "PixelSNAIL") -> dict[str, object]:
    """Seconds of every precision's step and of the matrix product, interleaved."""
    gflop = forward_gflop(name)
    steps = {precision: make_step(precision, batch, name=name, initialized=True) for precision in PRECISIONS}
    a = torch.randn(2048, 2048)
    found = {precision: step() for precision, step in steps.items()}
    if abs(found["bfloat16"] - found["float32"]) > 0.01 * found["float32"]:
        raise SystemExit(f"The precisions disagree: {found}.")
    times = interleaved(repetitions, product=lambda: a @ a, **steps)
    peak = 2 * 2048**3 / 1e9 / min(times["product"])
    rows = []
    for precision in PRECISIONS:
        rate = [3 * gflop * batch / seconds for seconds in times[precision]]
        rows.append(
            {
                "precision": precision,
                "seconds": spread(times[precision]),
                "images_per_second": batch / spread(times[precision])["median"],
                "gflops": spread(rate)["median"],
                "of_float32_peak": spread([r / peak for r in rate]),
                "peak_memory_growth_megabytes": in_a_process_of_its_own(precision, batch, name=name),
            }
        )
    return {"model": name, "forward_gflop": gflop, "batch": batch, "float32_peak_gflops": peak, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(MODELS), default="PixelSNAIL", help="default: PixelSNAIL, on MNIST")
    parser.add_argument("--batch", type=int, default=64, help="images a step (default 64)")
    parser.add_argument("--repetitions", type=int, default=5, help="interleaved repetitions (default 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--losses", type=int, metavar="STEPS", help="compare losses over that many steps instead")
    parser.add_argument("--compile", action="store_true", help="with --losses: compiled too")
    parser.add_argument("--sizes", type=int, nargs="+", help="heights and widths: how cost grows with them instead")
    parser.add_argument("--blocks", type=int, nargs="+", help="depths: how cost grows with them instead")
    parser.add_argument("--precision", choices=PRECISIONS, default="bfloat16", help="with --sizes and --blocks")
    parser.add_argument("--memory", choices=PRECISIONS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes, depths = options.sizes or [28], options.blocks or [8]
    if options.memory:
        size, blocks = ((given or [None])[0] for given in (options.sizes, options.blocks))
        print(peak_memory_megabytes(options.memory, options.batch, size, blocks, options.model))
    elif options.losses:
        rows = losses.compare(options.losses, options.compile)
        report(options.json, {"rows": rows}, losses.table(rows, options.losses))
    elif options.sizes or options.blocks:
        rows = growth.measure(sizes, depths, options.precision, options.repetitions, make_step, in_a_process_of_its_own)
        report(options.json, {"rows": rows}, growth.table(rows, options.precision))
    else:
        found = measure(options.batch, options.repetitions, options.model)
        report(options.json, found, table(found))


def report(as_json: bool, found: dict[str, object], shown: str) -> None:
    """One JSON object with the machine, or the table after a line on it."""
    if as_json:
        print(json.dumps({"machine": describe(), **found}))
    else:
        print("; ".join(f"{name} {value}" for name, value in describe().items()))
        print(shown)


def table(found: dict[str, object]) -> str:
    """The precisions' rows, for reading."""
    lines = [
        f"Training step of the published {found['model']}, eager, {found['batch']} images of "
        f"{found['forward_gflop']:.2f} GFLOP forward",
        f"float32 matrix-product peak {found['float32_peak_gflops']:.0f} GFLOP/s",
        f"{'precision':>10} {'seconds (range)':>22} {'images/s':>9} {'GFLOP/s':>8} {'of peak':>8} {'memory MB':>10}",
    ]
    for row in found["rows"]:
        s = row["seconds"]
        shown = f"{s['median']:.2f} ({s['least']:.2f}-{s['most']:.2f})"
        lines.append(
            f"{row['precision']:>10} {shown:>22} {row['images_per_second']:>9.1f} {row['gflops']:>8.0f} "
            f"{row['of_float32_peak']['median']:>7.0%} {row['peak_memory_growth_megabytes']:>10.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
