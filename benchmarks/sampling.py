"""Sampling in forward passes: what drawing a batch costs, in units of the fastest model(x) of the same batch.

    python -m benchmarks.sampling [--run RUN | --shape 1 16 16 --levels 512] [--batches 1 16] [--repetitions 3] [--json]

Without a run the model is the published MNIST configuration (905,889 parameters), or the same for images of another
shape and other levels, with random weights. How many pixels a
call decides depends on the weights, so a trained run is the honest case. The naive sampler's cost is H * W forward
passes by definition; it is run once, for one image, to see that the image is the same.
"""

import argparse
import json

import torch

import pixelsnail
from benchmarks.machine import describe, interleaved, seconds, spread


def measure(model: pixelsnail.Model, batch: int, repetitions: int) -> dict[str, object]:
    """Seconds of a forward pass and of a walk for one batch, interleaved, and the ratio."""
    x = torch.zeros(batch, *model.shape, dtype=torch.long)
    calls = 0

    def count(done: int, total: int) -> None:
        nonlocal calls
        calls += 1

    def forward() -> None:
        with torch.inference_mode():
            model(x)

    def sample() -> None:
        nonlocal calls
        calls = 0
        model.sample(batch, batch=batch, progress=count)

    forward()
    forward()
    times = interleaved(repetitions, sample=sample, before=forward, forward=forward)
    ratios = [s / f for s, f in zip(times["sample"], times["forward"], strict=True)]
    return {
        "batch": batch,
        "forward_seconds": spread(times["forward"]),
        "sample_seconds": spread(times["sample"]),
        "forward_passes": spread(ratios),
        "calls": calls,
        "naive_forward_passes": model.shape[1] * model.shape[2],
    }


def same_as_naive(model: pixelsnail.Model) -> tuple[bool, float]:
    """Whether one image equals the naive sampler's, and the naive sampler's seconds for it."""
    naive: list[torch.Tensor] = []
    taken = seconds(lambda: naive.append(model.sample(1, engine="naive")))
    return torch.equal(model.sample(1), naive[0]), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run or model folder; default: published configuration, random weights")
    parser.add_argument("--shape", type=int, nargs=3, default=[1, 28, 28], help="C H W without a run (default 1 28 28)")
    parser.add_argument("--levels", type=int, default=2, help="levels without a run (default 2)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], help="images drawn at once (default 1 16)")
    parser.add_argument("--repetitions", type=int, default=3, help="interleaved repetitions (default 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.run:
        model = pixelsnail.load(options.run)
    else:
        model = pixelsnail.PixelSNAIL(tuple(options.shape), options.levels).eval()
    equal, naive = same_as_naive(model)
    rows = [measure(model, batch, options.repetitions) for batch in options.batches]
    weights = options.run or "random"
    parameters = sum(p.numel() for p in model.parameters())
    if options.json:
        facts = {"machine": describe(), "weights": weights, "parameters": parameters, "same_as_naive": equal}
        print(json.dumps({**facts, "naive_seconds_one_image": naive, "rows": rows}))
        return
    print(f"Sampling {model.shape} with {parameters:,} parameters, weights: {weights}")
    print("; ".join(f"{name} {value}" for name, value in describe().items()))
    print(f"one image equals the naive sampler's, which takes {naive:.1f} s: {'yes' if equal else 'NO'}")
    print(f"{'batch':>5} {'forward s':>10} {'sample s':>9} {'calls':>6} {'forward passes (range)':>24} {'naive':>6}")
    for row in rows:
        f, s, r = row["forward_seconds"], row["sample_seconds"], row["forward_passes"]
        shown = f"{r['median']:.1f} ({r['least']:.1f}-{r['most']:.1f})"
        print(
            f"{row['batch']:>5} {f['median']:>10.3f} {s['median']:>9.3f} {row['calls']:>6} {shown:>24} "
            f"{row['naive_forward_passes']:>6}"
        )


if __name__ == "__main__":
    main()
