"""Bits per dimension of lossless image codecs, and of a model, on the same images.

    python scripts/codecs.py [RUN] [--data photos] [--split test] [--json]

A crop of 32 x 32 pixels is so small that a file's header weighs something, so three figures are given: every image as a
file of its own; the same without the bytes that the format takes for one black image of that size; and all
images tiled in one large file. Each file is decoded again and compared before it counts. A model has no header: its
figure is -log2 p(x) / (C H W). JPEG XL is included where the package pillow-jxl-plugin is installed.
"""

import argparse
import io
import json
import math
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

import pixelsnail
from pixelsnail import data, evaluation

CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("png", {"optimize": True, "compress_level": 9}),
    "WebP, lossless": ("webp", {"lossless": True, "quality": 100, "method": 6, "exact": True}),
    "JPEG XL, lossless": ("jxl", {"lossless": True, "effort": 9}),
}


def size(levels: np.ndarray, codec: str) -> int:
    """The bytes of a file of an image (H, W, C), which gives the image back. Raises ValueError where it does not."""
    kind, options = CODECS[codec]
    file = io.BytesIO()
    Image.fromarray(levels).save(file, kind, **options)
    if not np.array_equal(np.asarray(Image.open(io.BytesIO(file.getvalue()))), levels):
        raise ValueError(f"{codec} did not give an image back.")
    return len(file.getvalue())


def tiled(levels: np.ndarray) -> np.ndarray:
    """All images (N, H, W, C) side by side in one, in order, as nearly square as whole rows allow."""
    n, h, w, c = levels.shape
    rows = max(rows for rows in range(1, math.isqrt(n) + 1) if n % rows == 0)
    columns = n // rows
    return levels.reshape(rows, columns, h, w, c).swapaxes(1, 2).reshape(rows * h, columns * w, c)


def measure(levels: np.ndarray, codec: str) -> dict[str, Any]:
    """Bits per dimension of images (N, H, W, C)."""
    dims = levels[0].size
    files = np.array([size(image, codec) for image in levels])
    one = tiled(levels)
    return {
        "codec": codec,
        "bits_per_dim": 8 * files.mean() / dims,
        "without_header": 8 * (files - size(np.zeros_like(levels[0]), codec)).mean() / dims,
        "in_one_file": 8 * size(one, codec) / one.size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="a run, whose bits/dim are the last row")
    parser.add_argument("--data", default="photos", help="the images (default: photos)")
    parser.add_argument("--split", default="test", help="train, validation or test (default: test)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    images = data.open(options.data, options.split)
    levels = images.batch(np.arange(len(images)), 0).permute(0, 2, 3, 1).numpy()
    if find_spec("pillow_jxl"):
        import pillow_jxl  # noqa: F401  registers itself
    else:
        del CODECS["JPEG XL, lossless"]
    rows = [measure(levels, codec) for codec in CODECS]
    if options.run:
        found = evaluation.evaluate(pixelsnail.load(options.run), images)
        rows.append({"codec": f"model {options.run}", "bits_per_dim": found.bits_per_dim})
    if options.json:
        print(json.dumps({"data": options.data, "split": options.split, "images": len(images), "rows": rows}))
        return
    print(f"{len(images)} images of {options.data}, {options.split}\n")
    print("| codec | bits/dim, a file each | without a black image's bytes | all in one file |\n|---|---|---|---|")
    for row in rows:
        cells = [f"{row[key]:.3f}" if key in row else "" for key in ("bits_per_dim", "without_header", "in_one_file")]
        print(f"| {row['codec']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
