"""Completions of real digits, clamped and by particles: a picture of each mask, and what the particles are worth.

    python -m benchmarks.completions --out FOLDER [--run mnist] [--particles 128] [--masks hole left ...] [--json]

A row of a picture is the digit, what is known of it, three clamped draws (known pixels that come late are ignored), and
three of the particles. The table has the estimated log p(known), the effective sample size at the end and the least one
before, how often particles were resampled, and the mean log p of the completed images of either kind.
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


def completed(model: pixelsnail.Model, x: Tensor, known: Tensor, particles: int, path: Path) -> list[dict[str, Any]]:
    """The rows of a mask; draws its picture."""
    start = time.process_time()
    clamped = model.complete(x.repeat_interleave(DRAWS, 0), known, seed=0)
    middle = time.process_time()
    found = model.posterior(x, known, particles=particles, seed=0)
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
            "clamped_log_prob": whole[i, 0].item(),
            "particles_log_prob": whole[i, 1].item(),
            **seconds,
        }
        for i, digit in enumerate(DIGITS)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.completions", description=__doc__)
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--particles", type=int, default=128)
    parser.add_argument("--masks", nargs="+", choices=list(masks(28, 28)), default=list(masks(28, 28)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = pixelsnail.load(options.run)
    images = data.open("mnist-mini", "test", binarize="none").as_like(model.shape, model.levels, binarize="threshold")
    x, rows = images.batch(DIGITS), []
    for name in options.masks:
        path = options.out / f"completion-{name}.png"
        mine = completed(model, x, masks(*x.shape[2:])[name], options.particles, path)
        rows += [{"mask": name, "particles": options.particles, **row} for row in mine]
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
