"""The benchmarks, one after another, on a machine that does nothing else: `make bench`.

    python -m benchmarks [--only NAME ...] [--json FILE]

Each is a process of its own; one that fails is told and the others go on. With --json what they find goes into one
file, name -> object, written after each of them; those that the file already has are not measured again.
"""

import argparse
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import describe

BASELINES = ("PixelCNN", "GatedPixelCNN", "ImageGPT", "PixelRNN")
BENCHMARKS = {
    "training": "",
    "training PixelSNAILOriginal": "--model PixelSNAILOriginal --batch 8 --repetitions 2",
    "training PixelCNNpp": "--model PixelCNNpp --batch 8 --repetitions 2",
    "training sizes": "--sizes 14 28 56 64 112 --repetitions 2",
    "training depths": "--blocks 2 4 8 --repetitions 2",
    "cifar10": "",
    "sampling": "",
    "sampling windows": "--windows 28 42 56 84",
    "sampling PixelSNAILOriginal": "--model PixelSNAILOriginal --batches 1 16 --repetitions 1 --eager",
    "sampling PixelCNNpp": "--model PixelCNNpp --batches 1 16 --repetitions 1 --eager",
    **{
        f"{what} {name}": f"--model {name} {arguments}"
        for name in BASELINES
        for what, arguments in (("training", "--repetitions 2"), ("sampling", "--batches 1 16 64 --eager"))
    },
    "codes": "",
    "codes bottom": "--bottom",
    "codes speed": "--speed --channels 64",
    "overheads": "",
    "anomaly": "",
    "codec": "mnist --binarize dynamic --limit 128",
    "codec_portability": "--images 8 --digits 1",
}
"""Module and what is measured -> its arguments."""


def run(name: str) -> bool:
    """Whether a benchmark went through; prints its command, its table and its seconds."""
    words = [f"benchmarks.{name.split()[0]}", *BENCHMARKS[name].split()]
    print(f"\n$ python -m {' '.join(words)}", flush=True)
    start = time.perf_counter()
    status = subprocess.run([sys.executable, "-m", *words], check=False).returncode
    print(f"({time.perf_counter() - start:.0f} s)" if status == 0 else f"(failed, status {status})", flush=True)
    return status == 0


def keep(name: str, file: Path) -> bool:
    """Whether a benchmark went through; writes what it found into the file, beside what is there."""
    command = [sys.executable, "-m", f"benchmarks.{name.split()[0]}", *BENCHMARKS[name].split(), "--json"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        found = {**kept(file), name: json.loads(done.stdout)}
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {'done' if done.returncode == 0 else f'failed, status {done.returncode}'}", flush=True)
    return done.returncode == 0


def kept(file: Path) -> dict[str, object]:
    """What the file has."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write one JSON object, name -> what it found")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=list(BENCHMARKS), default=list(BENCHMARKS),
        help=f"default: all of {', '.join(BENCHMARKS)}",
    )  # fmt: skip
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{datetime.date.today()}; " + "; ".join(f"{name} {value}" for name, value in describe().items()), flush=True)
    if options.json is None:
        failed = [name for name in options.only if not run(name)]
    else:
        failed = [name for name in options.only if name not in kept(options.json) and not keep(name, options.json)]
    print(f"\n{len(options.only)} benchmarks, {(time.perf_counter() - start) / 60:.0f} minutes", flush=True)
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
