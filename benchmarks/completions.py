"""Completions of real digits, clamped and by particles: a picture of each mask, and what the particles are worth.

    python -m benchmarks.completions --out FOLDER [--run mnist] [--particles 128] [--refine 0] [--masks hole ...]

A row of a picture is the digit, what is known of it, three clamped draws (known pixels that come late are ignored), and
three of the particles. The table has the estimated log p(known), the effective sample size at the end and the least one
before, how often particles were resampled, how many moves of --refine sweeps changed each, and the mean log p of the
completed images of either kind. `apart` is in how many pixels two draws of the particles differ, and `off` in how many
a draw differs from the digit: for exact draws of digits that the model had drawn, the same on average.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pixelsnail
from benchmarks.machine import describe
from pixelsnail import data, pictures

DIGITS, DRAWS = (3, 18, 25), 3


def masks(height: int, width: int) -> dict[str, Tensor]:
    """Known pixels (H, W), by name."""
    hole = torch.ones(height, width, dtype=torch.bool)
    hole[height // 3 : -height // 3, width // 3 : -width // 3] = False
    scattered = torch.rand(height, width, generator=torch.Generator().manual_seed(0)) > 0.6
    halves = {name: data.mask(name, height, width) for name in ("top", "bottom", "left", "right")}
    return {"hole": hole, **halves, "scattered": scattered}


def completed(
    model: pixelsnail.Model, x: Tensor, known: Tensor, particles: int, refine: int, path: Path
) -> list[dict[str, Any]]:
    """The rows of a mask; draws its picture."""
    start = time.process_time()
    clamped = model.complete(x.repeat_interleave(DRAWS, 0), known, seed=0)
    middle = time.process_time()
    found = model.posterior(x, known, particles=particles, refine=refine, seed=0)
    seconds = {"clamped_seconds": middle - start, "particles_seconds": time.process_time() - middle}
    drawn = found.draw(DRAWS)
    both = torch.cat([clamped.view(len(x), DRAWS, *x.shape[1:]), drawn], 1)
    pictures.write_png(pictures.completions(x, known, both, model.levels), path)
    whole = model.log_prob(both.flatten(0, 1)).view(len(x), 2, DRAWS).mean(-1)
    return [
        {
            "digit": digit,
            "log_evidence": found.log_evidence[i].item(),
            "effective": found.effective[i].item(),
            "least": found.least[i].item(),
            "resampled": int(found.resampled[i]),
            "moved": found.moved[i].item(),
            **differing(found.images[i], found.log_weights[i].exp(), x[i]),
            "clamped_log_prob": whole[i, 0].item(),
            "particles_log_prob": whole[i, 1].item(),
            **seconds,
        }
        for i, digit in enumerate(DIGITS)
    ]


def differing(particles: Tensor, weights: Tensor, x: Tensor) -> dict[str, float]:
    """In how many pixels two draws of weighted particles (N, C, H, W) differ, and one from the image x."""
    flat = particles.flatten(1).double()
    apart = (flat[:, None] != flat).sum(-1).double()
    off = (flat != x.flatten()).sum(-1).double()
    return {"apart": (weights @ apart @ weights).item(), "off": (weights @ off).item()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.completions", description=__doc__)
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--particles", type=int, default=128)
    parser.add_argument("--refine", type=int, default=0)
    parser.add_argument("--masks", nargs="+", choices=list(masks(28, 28)), default=list(masks(28, 28)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = pixelsnail.load(options.run)
    images = data.open("mnist-mini", "test", binarize="none").as_like(model.shape, model.levels, binarize="threshold")
    x, rows = images.batch(DIGITS), []
    for name in options.masks:
        path = options.out / f"completion-{name}{'-refined' if options.refine else ''}.png"
        mine = completed(model, x, masks(*x.shape[2:])[name], options.particles, options.refine, path)
        rows += [{"mask": name, "particles": options.particles, "refine": options.refine, **row} for row in mine]
    if options.json:
        print(json.dumps({"machine": describe(), "rows": rows}))
        return
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )


if __name__ == "__main__":
    main()
