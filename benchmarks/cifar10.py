"""The training step of `recipes/cifar10.yaml`, as `pixelsnail train` runs it: one process, two, and with recomputation.

    python -m benchmarks.cifar10 [--data SOURCE] [--steps 2] [--channels 256] [--json]

Without --data the images are synthetic, random levels of 32 x 32 x 3: times and memory do not depend on them, nats do.
Both processes share the machine's processor, each with half of its threads and half of the batch. Memory is the peak of
what is resident, of the largest process, the first step's allocations included; images/s are those of the last step.
"""

import argparse
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe
from benchmarks.training import peak_resident_megabytes

WAYS: dict[str, dict[str, Any]] = {
    "one process": {"trainer.devices": 1},
    "two processes": {"trainer.devices": 2, "trainer.strategy": "ddp"},
    "one process, activations recomputed": {"trainer.devices": 1, "run.checkpoint_activations": True},
}


def synthetic(folder: Path) -> str:
    """A source of 64 images of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    np.savez(folder / "synthetic.npz", train=noise)
    return f"npz:{folder / 'synthetic.npz'}"


def work(out: str, data: str, steps: int, channels: int, way: str) -> None:
    """Trains in this process, and the others that Lightning starts with the same command; each says its peak."""
    import pixelsnail

    threads = max(1, (os.cpu_count() or 1) // WAYS[way]["trainer.devices"])
    torch.set_num_threads(threads)
    with contextlib.redirect_stdout(sys.stderr):
        pixelsnail.train(
            "cifar10", out=out, data=data,
            **{"trainer.max_steps": steps, "trainer.max_epochs": -1, "trainer.accelerator": "cpu", "run.log": 1},
            **{"run.samples": 0, "run.validate": 0, "model.channels": channels, **WAYS[way]},
        )  # fmt: skip
    with Path(out, f"peak-{os.environ.get('LOCAL_RANK', '0')}").open("w") as file:
        file.write(str(peak_resident_megabytes()))


def measure(way: str, data: str, steps: int, channels: int, folder: Path) -> dict[str, Any]:
    """Seconds a step, images/s and memory of one way of training."""
    out = folder / way.replace(" ", "-")
    command = [sys.executable, "-m", "benchmarks.cifar10", "--work", way, "--out", str(out), "--data", data]
    subprocess.run(
        [*command, "--steps", str(steps), "--channels", str(channels)], check=True, stdout=subprocess.DEVNULL
    )
    with (out / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    last = float(rows[-1]["images_per_second"])
    peaks = [float(path.read_text()) for path in out.glob("peak-*")]
    return {
        "way": way,
        "images_per_second": last,
        "seconds_a_step": 8 / last,
        "peak_memory_megabytes": max(peaks),
        "processes": len(peaks),
        "nats_first_step": float(rows[0]["nats"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a source of CIFAR-10, such as hf:uoft-cs/cifar10 (default: synthetic images)")
    parser.add_argument("--steps", type=int, default=2, help="steps of each training (default 2)")
    parser.add_argument("--channels", type=int, default=256, help="width of the model (default: the published 256)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--work", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.out, options.data, options.steps, options.channels, options.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or synthetic(Path(folder))
        rows = [measure(way, data, options.steps, options.channels, Path(folder)) for way in WAYS]
    images = options.data or "SYNTHETIC images, random levels"
    if options.json:
        print(json.dumps({"machine": describe(), "images": images, "channels": options.channels, "rows": rows}))
        return
    print(f"Training step of recipes/cifar10.yaml, batch 8, {options.channels} channels; data: {images}")
    print("; ".join(f"{name} {value}" for name, value in describe().items()))
    print(f"{'':>36} {'images/s':>9} {'s a step':>9} {'memory MB':>10} {'first nats':>11}")
    for row in rows:
        print(
            f"{row['way']:>36} {row['images_per_second']:>9.2f} {row['seconds_a_step']:>9.2f} "
            f"{row['peak_memory_megabytes']:>10.0f} {row['nats_first_step']:>11.1f}"
        )


if __name__ == "__main__":
    main()
