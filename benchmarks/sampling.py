"""Sampling in forward passes: what drawing a batch costs, in units of the fastest model(x) of the same batch.

    python -m benchmarks.sampling [--run RUN | --shape 1 16 16 --levels 512] [--batches 1 16 64 256] [--repetitions 3]
                                  [--eager] [--windows 28 42 56 84] [--json]
    python -m benchmarks.sampling --model PixelSNAILOriginal --batches 1 16 --eager    (or another model)

Without a run the model is the packaged one, trained on MNIST: how many pixels a call decides depends on the weights.
With --shape it is the default configuration for such images, with random weights, and with --model the published one of
another model. Both engines draw the same images, and one image (8 x 8 pixels, where a model is large) is compared with
the naive sampler's, whose cost is H * W forward passes by definition. A forward pass is float32 without gradients,
eager and (once) compiled; the faster one is the unit. --eager leaves the compiler out. --windows counts the calls that
one image takes, for every segment length given and several rules of guessing.
"""

import argparse
import json
import time
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import pixelsnail
from benchmarks.machine import describe, interleaved, seconds, spread
from benchmarks.models import make_model
from pixelsnail.engine import Compiled, Draw, Plan, walk
from pixelsnail.engine.sources import Drawing
from pixelsnail.models import MODELS
from pixelsnail.nn import Cache, Segment
from pixelsnail.nn.initialization import initialize

SEEDS = range(8)
LARGE = 5_000_000
"""Parameters from which on the naive sampler is spared a whole image."""


def measure(model: pixelsnail.Model, forwards: dict[str, Any], walked: dict[str, Any], batch: int, repetitions: int):
    """Seconds of forward passes and of walks for one batch, interleaved, and their ratio."""
    x = torch.zeros(batch, *model.shape, dtype=torch.long)
    drawn: dict[str, Tensor] = {}
    calls = dict.fromkeys(walked, 0)

    def sample(engine: str) -> None:
        def count(done: int, total: int) -> None:
            calls[engine] += 1

        calls[engine] = 0
        drawn[engine] = walk(walked[engine], Draw(0), model.start(batch), progress=count)

    def forward(name: str) -> None:
        with torch.inference_mode():
            forwards[name](x)

    work = {f"forward {name}": lambda name=name: forward(name) for name in forwards}
    work |= {name: lambda name=name: sample(name) for name in walked}
    for call in work.values():
        call()
    times = interleaved(repetitions, **work)
    if not all(torch.equal(drawn["eager"], levels) for levels in drawn.values()):
        raise SystemExit(f"The engines disagree at batch {batch}.")
    unit = min((f"forward {name}" for name in forwards), key=lambda name: spread(times[name])["median"])
    ratios = {name: [s / f for s, f in zip(times[name], times[unit], strict=True)] for name in walked}
    return {
        "batch": batch,
        "unit": unit,
        "seconds": {name: spread(values) for name, values in times.items()},
        "forward_passes": {name: spread(values) for name, values in ratios.items()},
        "calls": calls["eager"],
        "naive_forward_passes": model.shape[1] * model.shape[2],
    }


def same_as_naive(model: pixelsnail.Model, size: tuple[int, int]) -> tuple[bool, float]:
    """Whether one image equals the naive sampler's, and the naive sampler's seconds for it."""
    naive: list[Tensor] = []
    taken = seconds(lambda: naive.append(model.sample(1, size=size, engine="naive")))
    return torch.equal(model.sample(1, size=size), naive[0]), taken


@dataclass(frozen=True)
class Guessing(Draw):
    """A Draw with another rule for the pixels that were never evaluated; the image is the same."""

    rule: str = "above"
    weights: Tensor | None = None

    def start(self, head: Any, cache: Cache) -> "Guesses":
        """Makes ready for a batch."""
        ready = super().start(head, cache)
        return Guesses(ready.keys, ready.head, ready.levels, rule=self.rule, weights=self.weights)


@dataclass(frozen=True)
class Guesses(Drawing):
    """A Guessing at work."""

    rule: str = "above"
    weights: Tensor | None = None

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """Zero, the level above, or what a logistic regression on it and the pixel's noise say."""
        if self.rule == "zero":
            return torch.zeros_like(above)
        if self.weights is None:
            return above
        slope, bias = self.weights
        noise = self.noise(segment)[..., 0]
        return (above * slope + bias > noise[:, None, None]).long()


def forecaster(model: pixelsnail.Model) -> Tensor:
    """Slope and bias of the log-odds of a binary pixel given the level above, fitted to 64 draws of the model."""
    x = model.sample(64, seed=123).float()
    above = F.pad(x, (0, 0, 1, -1))
    odds = [(x[above == level].mean()).clamp(1e-4, 1 - 1e-4).logit() for level in (0, 1)]
    return torch.stack([odds[1] - odds[0], odds[0]])


def windows(model: pixelsnail.Model, lengths: list[int]) -> list[dict[str, Any]]:
    """The mean number of calls that one image takes, and the seconds, by rule and segment length."""
    rules: dict[str, Tensor | None] = {"zero": None, "above": None}
    if model.levels == 2 and model.shape[0] == 1:
        rules["forecast"] = forecaster(model)
    rows = []
    for rule, weights in rules.items():
        for length in lengths:
            calls = 0

            def count(done: int, total: int) -> None:
                nonlocal calls
                calls += 1

            start = time.perf_counter()
            for seed in SEEDS:
                source = Guessing(seed, rule=rule, weights=weights)
                walk(model, source, model.start(1), Plan(segment=length), progress=count)
            taken = (time.perf_counter() - start) / len(SEEDS)
            rows.append({"rule": rule, "segment": length, "calls": calls / len(SEEDS), "seconds": taken})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="mnist", help="a run or model folder; default: the packaged model")
    parser.add_argument("--shape", type=int, nargs=3, help="C H W: random weights for such images instead")
    parser.add_argument("--model", choices=list(MODELS), help="random weights of this published model instead")
    parser.add_argument("--levels", type=int, default=2, help="levels, with --shape (default 2)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 256], help="images drawn at once")
    parser.add_argument("--repetitions", type=int, default=3, help="interleaved repetitions (default 3)")
    parser.add_argument("--eager", action="store_true", help="without a compiler")
    parser.add_argument("--windows", type=int, nargs="*", help="segment lengths to count calls for, instead")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.model and not options.shape:
        model, weights = make_model(options.model).eval(), f"random, {options.model}"
    elif options.shape:
        kind = MODELS[options.model or "PixelSNAIL"]
        model, weights = kind(tuple(options.shape), options.levels).eval(), f"random, {kind.__name__}"
    else:
        model, weights = pixelsnail.load(options.run), options.run
    if weights.startswith("random"):  # without it, weight-normalised layers overflow the levels with what they add up
        initialize(model, torch.randint(0, model.levels, (2, *model.shape)))
    facts = {"machine": describe(), "weights": weights, "parameters": sum(p.numel() for p in model.parameters())}
    if options.windows:
        report_windows(facts, windows(model, options.windows), options.json)
        return
    size = (8, 8) if facts["parameters"] > LARGE else model.shape[1:]
    equal, naive = same_as_naive(model, size)
    forwards, walked = {"eager": model}, {"eager": model}
    if not options.eager:
        start = time.perf_counter()
        walked["compiled"] = Compiled(model, model.shape[1:])
        facts["program_seconds"] = time.perf_counter() - start
        forwards["compiled"] = torch.compile(model, dynamic=True)
    rows = [measure(model, forwards, walked, batch, options.repetitions) for batch in options.batches]
    facts |= {"same_as_naive": equal, "naive_size": size, "naive_seconds_one_image": naive, "rows": rows}
    if options.json:
        print(json.dumps(facts))
        return
    report(facts, model.shape)


def report(facts: dict[str, Any], shape: tuple[int, int, int]) -> None:
    """The table."""
    print(f"Sampling {shape} with {facts['parameters']:,} parameters, weights: {facts['weights']}")
    print("; ".join(f"{name} {value}" for name, value in facts["machine"].items()))
    if "program_seconds" in facts:
        print(f"the compiled program was ready after {facts['program_seconds']:.1f} s")
    verdict = "yes" if facts["same_as_naive"] else "NO"
    compared, taken = "one image of {} x {}".format(*facts["naive_size"]), facts["naive_seconds_one_image"]
    print(f"{compared} equals the naive sampler's, which takes {taken:.1f} s: {verdict}")
    print("forward passes: median (range), in units of the faster forward")
    heads = f"{'batch':>5} {'forward s: eager, compiled':>27} {'engine':>9}"
    print(f"{heads} {'seconds':>8} {'calls':>6} {'forward passes':>20}")
    for row in facts["rows"]:
        medians = {name: f"{values['median']:.3f}" for name, values in row["seconds"].items()}
        unit = ", ".join(text for name, text in medians.items() if name.startswith("forward"))
        for engine, ratio in row["forward_passes"].items():
            shown = f"{ratio['median']:.1f} ({ratio['least']:.1f}-{ratio['most']:.1f})"
            print(f"{row['batch']:>5} {unit:>27} {engine:>9} {medians[engine]:>8} {row['calls']:>6} {shown:>20}")


def report_windows(facts: dict[str, Any], rows: list[dict[str, Any]], as_json: bool) -> None:
    """The table of calls."""
    if as_json:
        print(json.dumps(facts | {"windows": rows}))
        return
    print(f"One image at a time, eager, mean of {len(SEEDS)} seeds, weights: {facts['weights']}")
    print("; ".join(f"{name} {value}" for name, value in facts["machine"].items()))
    print(f"{'first guess':>12} {'segment':>8} {'calls':>6} {'seconds':>8}")
    for row in rows:
        print(f"{row['rule']:>12} {row['segment']:>8} {row['calls']:>6.1f} {row['seconds']:>8.3f}")


if __name__ == "__main__":
    main()
