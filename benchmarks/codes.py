"""Priors over codes: memory against the size of a map and of the codebook, and what drawing costs.

    python -m benchmarks.codes [--sizes 32 64] [--levels 512 8192] [--channels 256] [--bottom] [--json]
    python -m benchmarks.codes --speed [--sizes 16 32 64] [--levels 512] [--batches 1 16] [--compiled]

Each row is a process of its own: a forward and backward pass of one map of random codes by a fresh `PixelSNAILPrior`,
by default the published top model, with `--bottom` the published bottom one. The growth is that of the peak of resident
memory over the pass, gradients of the weights included, which do not depend on the size of the map. One L x L matrix of
64 x 64 positions in float32 is 64 MB for each of the 8 heads and 4 blocks, several of them in a backward pass.

With `--speed` a row is what drawing a batch of maps costs in forward passes of that batch (without gradients), in
processor seconds of this process, which other work on the machine does not enter: codes of random weights are never
guessed, so that a walk takes a call a pixel, of which some are timed at the beginning, in the middle and at the end of
the map. The naive sampler takes a forward pass a pixel.
"""

import argparse
import json
import subprocess
import sys
import time
from itertools import product
from typing import Any

import torch

from benchmarks.machine import describe, peak_resident_megabytes
from pixelsnail import PixelSNAILPrior
from pixelsnail.engine import Compiled, Draw, Known, Plan, steps
from pixelsnail.nn import merged

CALLS = 24
"""Calls that are timed at a place of a map, if it has as many pixels."""


def step(size: int, levels: int, channels: int, bottom: bool) -> dict[str, float]:
    """The growth of the peak of resident memory over a forward and backward pass, and the weights, in MB."""
    widths = {"channels": channels, "residual_channels": channels, "map_features": channels}
    more = {"attention": False, "map_levels": levels} if bottom else {}
    model = PixelSNAILPrior((1, size, size), levels, **widths, **more)
    x = torch.randint(0, levels, (1, 1, size, size))
    before = peak_resident_megabytes()
    model.pixel_nats(x, model.condition.example(1, (size, size))).sum().backward()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return {"growth_megabytes": peak_resident_megabytes() - before, "weights_megabytes": weights / 2**20}


def call_seconds(model: PixelSNAILPrior, walked: Any, size: int, batch: int) -> float:
    """The mean processor seconds of a walk's call: at the beginning, in the middle and at the end of a map."""
    pixels, spent, x = size * size, 0.0, torch.zeros(batch, 1, size, size, dtype=torch.long)
    count = min(CALLS, (pixels - 1) // 2)
    for first in (0, pixels // 2, pixels - count - 1):
        known = (torch.arange(pixels) < first).view(1, 1, size, size).expand(batch, -1, -1, -1)
        calls = steps(walked, Known(x, known, Draw(0)), model.start(batch, size=(size, size)), Plan(segment=1))
        next(calls)  # with the pixels that are known
        start = time.process_time()
        for _ in range(count):
            next(calls)
        spent += time.process_time() - start
    return spent / (3 * count)


def speed(options: argparse.Namespace) -> list[dict[str, float]]:
    """A row for every size and batch: seconds of a forward pass, and a draw in forward passes by every engine."""
    found = []
    torch.manual_seed(0)
    for levels, size in product(options.levels, options.sizes):
        widths = {"channels": options.channels, "residual_channels": options.channels}
        model = merged(PixelSNAILPrior((1, size, size), levels, **widths).eval())
        engines = {"eager": model, **({"compiled": Compiled(model, (size, size))} if options.compiled else {})}
        for batch in options.batches:
            x = torch.randint(0, levels, (batch, 1, size, size))
            times = []
            with torch.inference_mode():
                for _ in range(2):
                    start = time.process_time()
                    model(x)
                    times.append(time.process_time() - start)
            row: dict[str, float] = {"size": size, "levels": levels, "batch": batch, "forward_seconds": min(times)}
            for name, walked in engines.items():
                row[f"{name}_forward_passes"] = size * size * call_seconds(model, walked, size, batch) / min(times)
            found.append({**row, "naive_forward_passes": size * size})
    return found


def rows(options: argparse.Namespace) -> list[dict[str, float]]:
    """A row for every size and number of levels."""
    found = []
    for levels, size in product(options.levels, options.sizes):
        words = ["--one", str(size), str(levels), "--channels", str(options.channels)]
        command = [sys.executable, "-m", "benchmarks.codes", *words, *(["--bottom"] if options.bottom else [])]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append({"size": size, "levels": levels, **json.loads(output)})
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codes", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", help="default: 32 64, of --speed 16 32 64")
    parser.add_argument("--levels", type=int, nargs="+", help="default: 512 8192, of --speed 512")
    parser.add_argument("--speed", action="store_true", help="what drawing costs, instead of memory")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], help="maps drawn at once, of --speed")
    parser.add_argument("--compiled", action="store_true", help="with compiled programs, of --speed")
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--bottom", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.sizes = options.sizes or ([16, 32, 64] if options.speed else [32, 64])
    options.levels = options.levels or ([512] if options.speed else [512, 8192])
    if options.one:
        print(json.dumps(step(*options.one, options.channels, options.bottom)))
        return
    found, machine = (speed if options.speed else rows)(options), describe()
    if options.json:
        print(json.dumps({"machine": machine, "rows": found}))
        return
    print("; ".join(f"{name} {value}" for name, value in machine.items()))
    if options.speed:
        report_speed(found, options)
        return
    print(f"Memory of a forward and backward pass of one map, float32, {options.channels} channels")
    print(f"{'size':>8} {'levels':>7} {'growth MB':>10} {'weights MB':>11}")
    for row in found:
        size = f"{row['size']} x {row['size']}"
        print(f"{size:>8} {row['levels']:>7} {row['growth_megabytes']:>10.0f} {row['weights_megabytes']:>11.0f}")


def report_speed(found: list[dict[str, float]], options: argparse.Namespace) -> None:
    """The table of draws."""
    print(f"Drawing maps of codes, float32, {options.channels} channels, processor seconds")
    engines = [name.removesuffix("_forward_passes") for name in found[0] if name.endswith("_forward_passes")]
    print(f"{'size':>8} {'levels':>7} {'batch':>6} {'forward s':>10}  in forward passes: {', '.join(engines)}")
    for row in found:
        ratios = ", ".join(f"{row[f'{name}_forward_passes']:.1f}" for name in engines)
        size = f"{row['size']} x {row['size']}"
        print(f"{size:>8} {row['levels']:>7} {row['batch']:>6} {row['forward_seconds']:>10.3f}  {ratios}")


if __name__ == "__main__":
    main()
