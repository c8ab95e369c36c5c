"""The whole pipeline of latent images: VQ-VAE, codes, two priors, samples, completions, and what they are worth.

    python examples/vqvae/run.py --out runs/vqvae [--data mnist-mini] [--steps 600] [--short]

`--data` is any source of grey images whose height and width 4 divides; README.md beside this file says what is done,
and the commands that do the same one by one.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from vqvae import TwoLevels, encode, fit

import pixelsnail
from pixelsnail import data, evaluation, pictures

HERE = Path(__file__).parent
SPLITS = ("train", "validation", "test")
SHORT = {"channels": 8, "residual_channels": 8, "blocks": 1, "residuals": 1, "heads": 2}


def main() -> None:
    """Does all of it, and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/vqvae"), help="folder for all that is made")
    parser.add_argument("--data", default="mnist-mini", help="grey images: mnist-mini, mnist:FOLDER, folder:PATH, ...")
    parser.add_argument("--steps", type=int, default=600, help="steps of the VQ-VAE")
    parser.add_argument("--short", action="store_true", help="two steps of tiny models, to see that it runs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = open_splits(options.data)
    start = time.process_time()
    small = {"channels": 8, "width": 4, "codes": 16} if options.short else {}
    model = fit(images["train"], 2 if options.short else options.steps, **small)
    report: dict[str, Any] = {"vqvae_processor_seconds": time.process_time() - start}
    write_codes(model, images, options.out / "codes.npz")
    for level in ("top", "bottom"):
        start = time.process_time()
        train_prior(level, options.out, options.short)
        report[f"{level}_processor_seconds"] = time.process_time() - start
    count = 4 if options.short else 64
    report |= judge(options.out) | speed(options.out, 1 if options.short else 4)
    draw(model, options.out, count)
    complete(model, images["test"], options.out, 2 if options.short else 8, 2 if options.short else 4)
    reconstruct(model, images["test"], options.out, 4 if options.short else 32)
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    for name, value in report.items():
        print(f"{name:<34}{value:,.4g}" if isinstance(value, float) else f"{name:<34}{value:,}")


def open_splits(source: str) -> dict[str, data.Images]:
    """The grey images of all splits; 5,000 are held out to validate where there is no split for it."""
    held = 0 if "validation" in data.splits_of(source) else 5000
    return {split: data.open(source, split, binarize="none", validation=held) for split in SPLITS}


def write_codes(model: TwoLevels, images: dict[str, data.Images], path: Path) -> None:
    """One file of both levels and all splits: train_top, train_bottom, ..., and the images' labels."""
    arrays: dict[str, Any] = {"levels": model.top.codebook_size}
    for split, part in images.items():
        arrays[f"{split}_top"], arrays[f"{split}_bottom"] = (level.numpy() for level in encode(model, part))
        if part.labels is not None:
            arrays[f"{split}_labels"] = part.labels.numpy()
    np.savez_compressed(path, **arrays)
    torch.save(model.state_dict(), path.with_name("vqvae.pt"))


def train_prior(level: str, out: Path, short: bool) -> None:
    """As `pixelsnail train examples/vqvae/LEVEL.yaml --out OUT/LEVEL`."""
    source = {"data.source": f"npz:{out / 'codes.npz'}#{level}", **({"data.maps": "top"} if level == "bottom" else {})}
    changes: dict[str, Any] = {"trainer.max_steps": 2, **{f"model.{name}": value for name, value in SHORT.items()}}
    if short and level == "bottom":
        changes |= {"model.map_features": 8}
    pixelsnail.train(
        HERE / f"{level}.yaml", out=out / level, overwrite=True, note=print, **source, **(changes if short else {})
    )


def judge(out: Path) -> dict[str, Any]:
    """Of the test codes: perplexity exp(H) of each level's histogram, nats and bits/dim under its prior."""
    found: dict[str, Any] = {}
    for level, maps in (("top", None), ("bottom", "top")):
        codes = data.open(f"npz:{out / 'codes.npz'}#{level}", "test", maps=maps)
        shares = torch.bincount(codes.batch(range(len(codes))).flatten().long(), minlength=codes.levels).double()
        entropy = torch.special.entr(shares / shares.sum()).sum()
        evaluated = evaluation.evaluate(pixelsnail.load(out / level), codes)
        found |= {
            f"{level}_perplexity": entropy.exp().item(),
            f"{level}_nats": evaluated.nats,
            f"{level}_nats_standard_error": evaluated.standard_error,
            f"{level}_bits_per_dim": evaluated.bits_per_dim,
            f"{level}_histogram_bits_per_dim": entropy.item() / math.log(2),
        }
    return found


def speed(out: Path, count: int) -> dict[str, float]:
    """Processor seconds a sample of both levels, by the walk and by a forward pass for every code: the same codes."""
    seconds, drawn = {}, {}
    for engine in ("eager", "naive"):
        start = time.process_time()
        drawn[engine] = sample(out, count, engine)
        seconds[f"{engine}_processor_seconds_a_sample"] = (time.process_time() - start) / count
    if not all(torch.equal(a, b) for a, b in zip(drawn["eager"], drawn["naive"], strict=True)):
        print("In float32 the engines differ after a near tie.")
    return seconds


def sample(out: Path, count: int, engine: str = "auto") -> tuple[Tensor, Tensor]:
    """Top codes, and bottom codes given them."""
    top = pixelsnail.load(out / "top").sample(count, engine=engine)
    return top, pixelsnail.load(out / "bottom").sample(count, context=top, engine=engine)


def draw(model: TwoLevels, out: Path, count: int) -> None:
    """samples.png: top -> bottom -> image."""
    pictures.write_png(pictures.grid(model.images(*sample(out, count)), 256), out / "samples.png")


def complete(model: TwoLevels, images: data.Images, out: Path, count: int, draws: int) -> None:
    """completions.png: the upper half of both levels' codes is known, the rest is drawn, top codes first.

    In each level the known codes come before the unknown ones in raster order: the draws are exact for the top codes
    given the known top ones, and for the bottom codes given all top ones and the known bottom ones. The known bottom
    codes do not inform the top ones, which come first.
    """
    x = images.batch(range(count))
    top, bottom = (codes[:, None].repeat_interleave(draws, 0) for codes in encode(model, images.subset(range(count))))
    upper = [data.mask("top", *codes.shape[2:]) for codes in (top, bottom)]
    top = pixelsnail.load(out / "top").complete(top, upper[0])
    bottom = pixelsnail.load(out / "bottom").complete(bottom, upper[1], context=top)
    completed = model.images(top, bottom).view(count, draws, *x.shape[1:])
    known = data.mask("top", *x.shape[2:])
    pictures.write_png(pictures.completions(x, known, completed, 256), out / "completions.png")


def reconstruct(model: TwoLevels, images: data.Images, out: Path, count: int) -> None:
    """reconstructions.png: images, and what their codes keep of them, side by side."""
    part = images.subset(range(count))
    top, bottom = encode(model, part)
    again = model.images(top[:, None], bottom[:, None])
    pairs = torch.stack([part.batch(range(count)), again], dim=1).flatten(0, 1)
    pictures.write_png(pictures.grid(pairs, 256, columns=8), out / "reconstructions.png")


if __name__ == "__main__":
    main()
