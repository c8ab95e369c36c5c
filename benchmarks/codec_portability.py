"""Files of portable numerics, made as each of several processors would and decoded as each other would.

    python -m benchmarks.codec_portability [--images 64] [--digits 2] [--threads 1,2] [--json]

torch, oneDNN and MKL each choose kernels by the instructions they find, and can be told to find fewer. In a process for
every combination of these, with each number of threads, tiny models (with random weights) and the packaged one of
digits encode images with batches of 64 and of 1, and decode every file that any other combination made. Then the
float64 probabilities of all are compared: of whole images, of one image at a time, and of segments of 5 and 28 pixels.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pixelsnail
from benchmarks.machine import describe
from pixelsnail import codec, data
from pixelsnail.codec import grid, numerics

LEVELS = {"default": "SSE41", "avx2": "AVX2", "avx512": "AVX512_CORE"}
"""Instruction sets, from the fewest on: torch's names (ATEN_CPU_CAPABILITY) and oneDNN's (ONEDNN_MAX_CPU_ISA)."""
MKL = {"default": "SSE4_2", "avx2": "AVX2", "avx512": "AVX512"}
"""MKL's names of torch's levels (MKL_ENABLE_INSTRUCTIONS)."""
SMALL = {
    "bits": lambda: pixelsnail.PixelSNAIL((1, 8, 8), 2, channels=8, blocks=2, residuals=1, key=2, value=4),
    "grey": lambda: pixelsnail.GatedPixelCNN((1, 6, 6), 256, channels=8, layers=2, head_channels=8),
    "colour": lambda: pixelsnail.PixelSNAILOriginal(
        (3, 4, 4), 256, channels=8, blocks=1, residuals=1, mixtures=3, key=4
    ),
    "codes": lambda: pixelsnail.ImageGPT((1, 5, 5), 512, channels=8, blocks=1, heads=2),
}


def models(images: int, digits: int) -> dict[str, tuple[Any, Tensor]]:
    """Each model with its images: half drawn by it, half noise; the packaged one with real digits."""
    random = np.random.default_rng(0)  # torch's normal numbers depend on the instructions too
    found: dict[str, tuple[Any, Tensor]] = {}
    for name, build in SMALL.items():
        model = build().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.from_numpy(0.4 * random.standard_normal(parameter.shape)))
        x = torch.from_numpy(random.integers(0, model.levels, (images, *model.shape)))
        x[::2] //= 2  # darker ones
        found[name] = model, x
    if digits:
        real = data.open("mnist-mini", "test", binarize="dynamic").batch(range(digits))
        found["digits"] = pixelsnail.load("mnist"), real.long()
    return found


def probabilities(model: Any, x: Tensor) -> list[np.ndarray]:
    """Of every level of images x, in the order of symbols, in float64: of all at once, one by one, and by segments."""
    wide = numerics.in_floats(model, torch.float64)

    def whole(part: Tensor) -> np.ndarray:
        levels = part.permute(0, 2, 3, 1)
        with torch.inference_mode():
            distribution = model.head.distribution(wide(part))
            tables = [distribution.table(c, levels[..., :c] if c else None) for c in range(x.shape[1])]
            return torch.stack(tables, -2).flatten(0, 3).numpy()

    return [
        whole(x),
        np.concatenate([whole(image[None]) for image in x]),
        *(by_segments(wide, x, n) for n in (1, 5, 28)),
    ]


@torch.inference_mode()
def by_segments(model: Any, x: Tensor, length: int) -> np.ndarray:
    cache, found = model.start(len(x), size=x.shape[2:]), []
    model = numerics.Engine(model, numerics.Plan(engine="eager"), x.shape[2:]).model  # as a walk prepares it
    while cache.least < cache.pixels:
        segment = cache.segment(min(length, cache.longest, cache.pixels - cache.least))
        right = x.flatten(2).gather(2, segment.positions[:, None].expand(-1, x.shape[1], -1))[:, :, None]
        segment.put(right)
        levels = right.permute(0, 2, 3, 1)
        distribution = model.head.distribution(model(right, segment))
        tables = [distribution.table(c, levels[..., :c] if c else None) for c in range(x.shape[1])]
        found.append(torch.stack(tables, -2)[:, 0])  # (B, n, C, L)
        cache.commit(segment, right)
    return torch.cat(found, 1).flatten(0, 2).numpy()


def work(options: argparse.Namespace) -> None:
    """One process: makes its files and probabilities, or decodes all that there are."""
    folder, few = options.folder, 4
    for threads in map(int, options.threads.split(",")):
        torch.set_num_threads(threads)
        name = f"{options.name}+{threads}"
        for kind, (model, x) in models(options.images, options.digits).items():
            if options.step == "encode":
                for batch, part in ((64, x), (1, x[:few])):
                    (folder / f"{kind}-{batch}-{name}.psn").write_bytes(pixelsnail.compress(model, part, batch=batch))
                np.savez(folder / f"{kind}-{name}.npz", *probabilities(model, x[:few]))
                continue
            files = {f.read_bytes(): f for f in sorted(folder.glob(f"{kind}-*.psn"))}
            for data_of, file in files.items():
                part = x if f"{kind}-64-" in file.name else x[:few]
                for batch in (64, 1) if len(part) == few else (64,):
                    if not torch.equal(pixelsnail.decompress(model, data_of, batch=batch).long(), part):
                        sys.exit(f"{file.name} gives other images under {name}")


def available() -> list[str]:
    """The levels that this processor has: torch takes the highest one up to that which it is told."""
    code = "import torch; print(torch.backends.cpu.get_cpu_capability().lower())"
    found = []
    for level in LEVELS:
        command, environment = [sys.executable, "-c", code], {**os.environ, "ATEN_CPU_CAPABILITY": level}
        if subprocess.check_output(command, env=environment, text=True).strip() == level:
            found.append(level)
    return found


def process(step: str, folder: str, ours: str, theirs: str, options: argparse.Namespace) -> None:
    environment = os.environ | {
        "ATEN_CPU_CAPABILITY": ours,
        "ONEDNN_MAX_CPU_ISA": LEVELS[theirs],
        "MKL_ENABLE_INSTRUCTIONS": MKL[ours],
        "OMP_NUM_THREADS": str(max(map(int, options.threads.split(",")))),
        "OMP_WAIT_POLICY": "PASSIVE",  # where other work runs too, threads that spin while they wait take its time
    }
    command = [sys.executable, "-m", "benchmarks.codec_portability", "--step", step, "--folder", folder]
    command += ["--name", f"{ours}+{theirs}", "--threads", options.threads]
    sizes = ["--images", str(options.images), "--digits", str(options.digits)]
    subprocess.run([*command, *sizes], env=environment, check=True)


def compare(folder: Path, kind: str, names: list[str], model: Any) -> dict[str, Any]:
    """The largest difference of two float64 probabilities, and of two cumulative ones at a level; what was listed."""
    tables = [array for name in names for array in np.load(folder / f"{kind}-{name}.npz").values()]
    edges = [np.cumsum(table, 1)[:, :-1] for table in tables]
    files = [folder / f"{kind}-64-{name}.psn" for name in names]
    contents = [codec.read(file.read_bytes()) for file in files]
    symbols = sum(contents[0].symbols(i) for i in range(contents[0].count))
    return {
        "model": kind,
        "images": contents[0].count,
        "symbols": symbols,
        "different_files": len({file.read_bytes() for file in files}),
        "largest_difference": max(float(np.ptp(np.stack(same), 0).max()) for same in (tables, edges)),
        "least_bound": numerics.LEAST_ERROR,
        "grid": 2.0 ** -grid.bits(model.levels),
        "listed_share": sum(sum(map(len, one.listed)) for one in contents) / (len(contents) * symbols),
        "stored": len(contents[0].stored),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64, help="of each tiny model (default: 64)")
    parser.add_argument("--digits", type=int, default=2, help="real digits of the packaged model (default: 2)")
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default: 1,2)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--step", choices=["encode", "decode"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        work(options)
        return
    levels = available()
    kinds = list(itertools.product(levels, levels))
    names = [f"{ours}+{theirs}+{threads}" for ours, theirs in kinds for threads in options.threads.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        for step in ("encode", "decode"):
            for number, (ours, theirs) in enumerate(kinds):
                print(f"{step} {number + 1} of {len(kinds)}: {ours}, {theirs}", file=sys.stderr, flush=True)
                process(step, folder, ours, theirs, options)
        rows = [
            compare(Path(folder), kind, names, model)
            for kind, (model, _) in models(options.images, options.digits).items()
        ]
    found = {"combinations": names, "rows": rows, "machine": describe()}
    if options.json:
        print(json.dumps(found))
        return
    print(f"{len(names)} combinations: every file decoded under every other, to the same images.\n")
    print("| model | images | different files | largest difference of a probability | listed |\n|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['model']} | {row['images']:,} | {row['different_files']} | {row['largest_difference']:.1e} "
            f"| {row['listed_share']:.1e} |"
        )


if __name__ == "__main__":
    main()
