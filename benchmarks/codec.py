"""What files of images take: a model's own, and those of other lossless coders; every file is decoded and compared.

    python -m benchmarks.codec [RUN] [--data SOURCE] [--split test] [--binarize none|threshold|dynamic] [--limit N]

Other coders are given each image as a file of its own, and all images tiled in one large file; the smaller counts for
them where figures are compared. PNG and WebP are Pillow's, and TIFF with CCITT group 4, which codes bits alone; JPEG XL
needs pillow-jxl-plugin. Seconds are those of the processor, of all threads, an image.
"""

import argparse
import io
import json
import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

import pixelsnail
from benchmarks.machine import describe
from pixelsnail import codec, data

CODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("png", {"optimize": True, "compress_level": 9}),
    "WebP, lossless": ("webp", {"lossless": True, "quality": 100, "method": 6, "exact": True}),
    "JPEG XL, lossless": ("jxl", {"lossless": True, "effort": 9}),
    "TIFF, CCITT group 4": ("tiff", {"compression": "group4"}),
}
Work = Callable[[], Any]


def coders(levels: int) -> list[str]:
    """Those that are installed and code images of so many levels."""
    there = {"jxl": find_spec("pillow_jxl") is not None, "tiff": levels == 2}
    return [name for name, (kind, _) in CODERS.items() if there.get(kind, True)]


def encoded(image: Image.Image, coder: str) -> bytes:
    kind, options = CODERS[coder]
    if kind == "jxl":
        import pillow_jxl  # noqa: F401  registers itself

        image = image.convert("L") if image.mode == "1" else image
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(file: bytes, mode: str) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert(mode))


def picture(levels: np.ndarray, count: int) -> Image.Image:
    """Levels (H, W, C) of `count` levels as an image: bits for 2."""
    plane = levels[..., 0] if levels.shape[2] == 1 else levels
    return Image.fromarray(plane * 255).convert("1") if count == 2 else Image.fromarray(plane)


def tiled(levels: np.ndarray) -> np.ndarray:
    """All images (N, H, W, C) side by side in one, in order, as nearly square as whole rows allow."""
    n, h, w, c = levels.shape
    rows = max(rows for rows in range(1, math.isqrt(n) + 1) if n % rows == 0)
    columns = n // rows
    return levels.reshape(rows, columns, h, w, c).swapaxes(1, 2).reshape(rows * h, columns * w, c)


def timed(work: Work) -> tuple[Any, float]:
    """What work gives, and the processor's seconds."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def other(levels: np.ndarray, count: int, coder: str) -> dict[str, Any]:
    """The bytes of images (N, H, W, C) as files of their own, and as one."""
    pictures = [picture(image, count) for image in levels]
    files, encoding = timed(lambda: [encoded(image, coder) for image in pictures])
    mode = pictures[0].mode
    again, decoding = timed(lambda: [decoded(file, mode) for file in files])
    if not all(np.array_equal(a, np.asarray(b)) for a, b in zip(again, pictures, strict=True)):
        raise ValueError(f"{coder} did not give an image back.")
    whole = picture(tiled(levels), count)
    one = encoded(whole, coder)
    if not np.array_equal(decoded(one, mode), np.asarray(whole)):
        raise ValueError(f"{coder} did not give the tiled images back.")
    return {
        "coder": coder,
        "bytes": sum(map(len, files)),
        "bytes_in_one_file": len(one),
        "seconds_to_encode": encoding / len(levels),
        "seconds_to_decode": decoding / len(levels),
    }


def ours(model: Any, x: Any, context: Any, numerics: str, batch: int, decode: int) -> dict[str, Any]:
    """The bytes of one file of all images; `decode` of them are decoded from a file of their own, and compared."""
    file, encoding = timed(lambda: pixelsnail.compress(model, x, context, numerics, batch=batch))
    contents = codec.read(file)
    few = x[:decode]
    short = file if decode >= len(x) else pixelsnail.compress(model, few, context, numerics, batch=batch)
    again, decoding = timed(lambda: pixelsnail.decompress(model, short, batch=batch))
    if not bool((again == few).all()):
        raise ValueError("The codec did not give the images back.")
    return {
        "coder": f"pixelsnail, {numerics}",
        "bytes_in_one_file": len(file),
        "seconds_to_encode": encoding / len(x),
        "seconds_to_decode": decoding / len(few),
        "decoded": len(few),
        "listed": sum(map(len, contents.listed)),
        "stored": len(contents.stored),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rows."""
    model = pixelsnail.load(options.run) if options.run else None
    images = data.open(options.data, options.split, binarize=options.binarize).head(options.limit)
    x = images.batch(range(len(images)))
    rows = [other(x.permute(0, 2, 3, 1).numpy(), images.levels, name) for name in coders(images.levels)]
    found = {"data": options.data, "split": options.split, "binarize": options.binarize, "images": len(x)}
    if model is not None:
        context = model.condition.of(images, range(len(images)))
        found["ideal_bits_per_dim"] = codec.information(model, x, context) / x.numel()
        decode = min(options.decode or len(x), len(x))
        rows += [ours(model, x, context, numerics, options.batch, decode) for numerics in options.numerics]
    for row in rows:
        for name in ("bytes", "bytes_in_one_file"):
            if name in row:
                row[name.replace("bytes", "bits_per_dim")] = 8 * row[name] / x.numel()
    return {**found, "run": options.run, "machine": describe(), "rows": rows}


def show(found: dict[str, Any]) -> None:
    print(f"{found['images']:,} images of {found['data']}, {found['split']}, binarize {found['binarize']}")
    if "ideal_bits_per_dim" in found:
        print(f"-log2 p(x) of {found['run']}: {found['ideal_bits_per_dim']:.4f} bits/dim")
    print("\n| coder | bits/dim, a file each | in one file | bytes of one file | s to encode | to decode |")
    print("|---|---|---|---|---|---|")
    for row in found["rows"]:
        each = f"{row['bits_per_dim']:.4f}" if "bits_per_dim" in row else ""
        print(
            f"| {row['coder']} | {each} | {row['bits_per_dim_in_one_file']:.4f} | {row['bytes_in_one_file']:,} "
            f"| {row['seconds_to_encode']:.2g} | {row['seconds_to_decode']:.2g} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="a run, or mnist (default: the other coders alone)")
    parser.add_argument("--data", default="mnist-mini", help="the images (default: mnist-mini)")
    parser.add_argument("--split", default="test", help="train, validation, test or all (default: test)")
    parser.add_argument("--binarize", default="none", help="none, threshold or dynamic (default: none)")
    parser.add_argument("--limit", type=int, default=10**9, help="only the first images (default: all)")
    parser.add_argument("--numerics", nargs="+", default=["portable", "fast"], choices=codec.NUMERICS)
    parser.add_argument("--batch", type=int, default=64, help="streams that are coded at a time (default: 64)")
    parser.add_argument("--decode", type=int, help="images that are decoded, of a file of their own (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    found = measure(options := parser.parse_args())
    if options.json:
        print(json.dumps(found))
    else:
        show(found)


if __name__ == "__main__":
    main()
