"""Damaged digits restored: what a detector flags is drawn anew, by particles. A picture, and what became of the damage.

    python -m benchmarks.restoration --out FILE.png [--run mnist] [--normal 200] [--particles 32] [--json]

Three digits: with 2 % of the bits flipped, with a black scratch along two rows, with a white line along a column. A row
of the picture is the damaged digit, what was kept of it, the restored one, and the one that it was.
"""

import argparse
import json
from pathlib import Path

import torch

import pixelsnail
from benchmarks.machine import describe
from pixelsnail import data, evaluation, pictures

DIGITS = (3, 18, 25)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restoration", description=__doc__)
    parser.add_argument("--out", metavar="FILE", type=Path, required=True)
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--normal", type=int, default=200, help="normal images, of the embedded test digits")
    parser.add_argument("--particles", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = pixelsnail.load(options.run)
    images = data.open("mnist-mini", "test", binarize="threshold")
    detector = evaluation.fit(model, images.subset(range(100, 100 + options.normal)), rate=0.05, pixel_rate=0.01)
    x = images.batch(DIGITS)
    damaged = x.clone()
    damaged[0] ^= (torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)) < 0.02).to(torch.uint8)
    damaged[1, 0, 12:14, 4:24] = 0
    damaged[2, 0, :, 9] = 1
    files = data.from_arrays((damaged * 255).numpy()).as_like(model.shape, 2, binarize="threshold")
    found = evaluation.detect(model, files, detector)
    restored = evaluation.restore(model, damaged, found.pixels, particles=options.particles)
    shown = torch.stack([restored.images, x], 1)
    pictures.write_png(pictures.completions(damaged, ~restored.replaced, shown, model.levels), options.out)
    figures = {
        "p_value": found.p_values["nats"],
        "flagged": found.pixels.flatten(1).sum(1),
        "drawn": restored.replaced.flatten(1).sum(1),
        "nats_damaged": -model.log_prob(damaged),
        "nats_restored": -model.log_prob(restored.images),
        "nats_before": -model.log_prob(x),
    }
    rows = [{"digit": d, **{name: one[i].item() for name, one in figures.items()}} for i, d in enumerate(DIGITS)]
    print(json.dumps({"machine": describe(), "rows": rows}) if options.json else "\n".join(map(str, rows)))


if __name__ == "__main__":
    main()
