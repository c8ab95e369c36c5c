"""Memory of priors over codes, against the size of a map and of the codebook.

    python -m benchmarks.codes [--sizes 32 64] [--levels 512 8192] [--channels 256] [--bottom] [--json]

Each row is a process of its own: a forward and backward pass of one map of random codes by a fresh `PixelSNAILPrior`,
by default the published top model, with `--bottom` the published bottom one. The growth is that of the peak of resident
memory over the pass, gradients of the weights included, which do not depend on the size of the map. One L x L matrix of
64 x 64 positions in float32 is 64 MB for each of the 8 heads and 4 blocks, several of them in a backward pass.
"""

import argparse
import json
import subprocess
import sys
from itertools import product

import torch

from benchmarks.machine import describe, peak_resident_megabytes
from pixelsnail import PixelSNAILPrior


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
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--levels", type=int, nargs="+", default=[512, 8192])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--bottom", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(step(*options.one, options.channels, options.bottom)))
        return
    found, machine = rows(options), describe()
    if options.json:
        print(json.dumps({"machine": machine, "rows": found}))
        return
    print(f"Memory of a forward and backward pass of one map, float32, {options.channels} channels; {machine}")
    print(f"{'size':>8} {'levels':>7} {'growth MB':>10} {'weights MB':>11}")
    for row in found:
        size = f"{row['size']} x {row['size']}"
        print(f"{size:>8} {row['levels']:>7} {row['growth_megabytes']:>10.0f} {row['weights_megabytes']:>11.0f}")


if __name__ == "__main__":
    main()
