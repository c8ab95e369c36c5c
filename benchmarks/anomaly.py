"""How well each score parts unusual images from usual ones: AUROC with its standard error, on real images.

    python -m benchmarks.anomaly [--mnist FOLDER] [--steps 300] [--images 300] [--seeds 0] [--json]

Three sets of usual test digits are needed, so that of the embedded ones, 500, there are fewer in each. Usual are digits
0 ... 8, bits by threshold: a small model is trained on them, and a background model on the same digits with a share of
their pixels replaced at random (Ren et al. 2019). Unusual are 9s, digits with flipped bits, with a black square, turned
by a right angle or with thin strokes, and crops of photographs. Of several seeds the means are printed, with the
standard errors that their spread gives, else DeLong's of the one. The last column is how often images are called
unusual at a rate of 5 %, by the detector of each score; on new usual ones that is the false-alarm rate.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import pixelsnail
from benchmarks.machine import describe
from pixelsnail import data, evaluation
from pixelsnail.evaluation.anomaly import table
from pixelsnail.evaluation.detection import quantile

HELD_OUT, MUTATED, RATE = 9, 0.15, 0.05


def digits(source: str, split: str) -> tuple[Tensor, Tensor]:
    """Bits (N, 1, 28, 28) and labels."""
    images = data.open(source, split, binarize="threshold")
    assert images.labels is not None
    return images.batch(range(len(images))), images.labels


def train(x: Tensor, folder: Path, steps: int, seed: int) -> pixelsnail.Model:
    """A small model of bits (N, 1, 28, 28)."""
    np.savez(folder / "x.npz", train=x[:-200, 0].numpy(), validation=x[-200:, 0].numpy(), levels=2)
    fields = {"trainer.max_steps": steps, "run.validate": 0, "data.binarize": "none", "seed": seed}
    return pixelsnail.train("demo", out=folder / "run", data=f"npz:{folder / 'x.npz'}", **fields)


def photographs(count: int) -> Tensor:
    """Grey crops of photographs, bits by threshold, none of one level alone."""
    crops = (
        data.open("photos", "train").batch(torch.linspace(0, 18_000, 4 * count).long()).float().mean(1, keepdim=True)
    )
    bits = (crops[..., 2:30, 2:30] >= 128).to(torch.uint8)
    return bits[bits.flatten(1).float().std(1, correction=0) > 0][:count]


def unusual(usual: Tensor, others: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Sets of unusual images, made of usual ones and of the held-out class."""
    flips = (torch.rand(usual.shape, generator=generator) < 0.02).to(torch.uint8)
    square = usual.clone()
    square[..., 10:18, 10:18] = 0
    thin = 1 - F.max_pool2d(1 - F.pad(usual, (0, 1, 0, 1)).float(), 2, stride=1).to(torch.uint8)
    return {
        f"class {HELD_OUT}": others,
        "2 % of bits flipped": usual ^ flips,
        "a black square": square,
        "turned by 90 degrees": usual.rot90(1, (2, 3)),
        "thin strokes": thin,
        "photographs": photographs(len(usual)),
    }


def run(source: str, steps: int, count: int, seed: int, pixel_rate: float) -> list[dict[str, Any]]:
    """The rows of one seed."""
    generator = torch.Generator().manual_seed(seed)
    x, labels = digits(source, "train")
    x = x[labels != HELD_OUT]
    x = x[torch.randperm(len(x), generator=generator)]
    noise = torch.randint(0, 2, x.shape, generator=generator, dtype=torch.uint8)
    mutated = torch.where(torch.rand(x.shape, generator=generator) < MUTATED, noise, x)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        model, background = train(x, Path(first), steps, seed), train(mutated, Path(second), steps, seed)
    test, labels = digits(source, "test")
    order = torch.randperm(len(test), generator=generator)
    test, labels = test[order], labels[order]
    normal = test[labels != HELD_OUT]
    count = min(count, len(normal) // 3)
    others = test[labels == HELD_OUT][:count]
    calibration, usual, changed = normal[:count], normal[count : 2 * count], normal[2 * count : 3 * count]
    sets = {"usual": usual, **unusual(changed, others, generator)}
    detector = evaluation.fit(
        model, data.from_arrays(calibration, levels=2), rate=RATE, pixel_rate=pixel_rate, background=background
    )
    thresholds = {name: quantile(torch.tensor(one), RATE) for name, one in detector.calibration.items()}
    typical = detector.typical
    scores = {
        name: evaluation.nats_of(model, data.from_arrays(images, levels=2), background=background).scores(typical)
        for name, images in sets.items()
    }
    rows = []
    for name, found in scores.items():
        areas = table(scores["usual"], found)
        for score, (area, error) in areas.items():
            alarms = (found[score] > thresholds[score]).double().mean().item()
            row = {"seed": seed, "images": name, "count": len(found["nats"]), "score": score, "alarms": alarms}
            rows.append(row if name == "usual" else {**row, "auroc": area, "auroc_standard_error": error})
    return rows


def over_seeds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The means over several seeds, with standard errors by their spread; the rows of a single seed as they are."""
    seeds = {row["seed"] for row in rows}
    if len(seeds) == 1:
        return rows
    found = []
    for name, score in dict.fromkeys((row["images"], row["score"]) for row in rows):
        mine = [row for row in rows if (row["images"], row["score"]) == (name, score)]
        mean = {"seed": sorted(seeds), "images": name, "count": mine[0]["count"], "score": score}
        mean["alarms"] = np.mean([row["alarms"] for row in mine])
        if name != "usual":
            areas = np.array([row["auroc"] for row in mine])
            mean |= {"auroc": areas.mean(), "auroc_standard_error": areas.std(ddof=1) / len(areas) ** 0.5}
        found.append(mean)
    return found


def printed(rows: list[dict[str, Any]]) -> str:
    """The rows, for reading."""
    lines = [f"{'images':>22} {'score':>11} {'AUROC':>15} {f'called unusual, {100 * RATE:g} %':>22}"]
    for row in rows:
        area = f"{row['auroc']:.3f} +- {row['auroc_standard_error']:.3f}" if "auroc" in row else ""
        lines.append(f"{row['images']:>22} {row['score']:>11} {area:>15} {row['alarms']:>22.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomaly", description=__doc__)
    parser.add_argument("--mnist", metavar="FOLDER", help="MNIST's idx files; by default the embedded digits")
    parser.add_argument("--steps", type=int, default=300, help="steps of each training")
    parser.add_argument("--images", type=int, default=300, help="images of each set, where there are as many")
    parser.add_argument("--pixel-rate", type=float, default=0.01, help="of the detector, whose pixels are not judged")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = "mnist-mini" if options.mnist is None else f"mnist:{options.mnist}"
    rows = []
    for seed in options.seeds:
        rows += run(source, options.steps, options.images, seed, options.pixel_rate)
    print(json.dumps({"rows": rows, "machine": describe()}) if options.json else printed(over_seeds(rows)))


if __name__ == "__main__":
    main()
