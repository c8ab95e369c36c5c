"""All benchmarks, one after another: `make bench`, or into one file: `python -m benchmarks --json FILE`."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

BASELINES = ("PixelCNN", "GatedPixelCNN", "ImageGPT", "PixelRNN")
BENCHMARKS = {
    "training": [],
    "training PixelSNAILOriginal": ["--model", "PixelSNAILOriginal", "--batch", "8", "--repetitions", "2"],
    "training PixelCNNpp": ["--model", "PixelCNNpp", "--batch", "8", "--repetitions", "2"],
    "training sizes": ["--sizes", "14", "28", "56", "64", "112", "--repetitions", "2"],
    "training depths": ["--blocks", "2", "4", "8", "--repetitions", "2"],
    "cifar10": [],
    "sampling": [],
    "sampling windows": ["--windows", "28", "42", "56", "84"],
    "sampling PixelSNAILOriginal": ["--model", "PixelSNAILOriginal", "--batches", "1", "16", "--eager"],
    "sampling PixelCNNpp": ["--model", "PixelCNNpp", "--batches", "1", "16", "--eager"],
    **{
        f"{what} {name}": ["--model", name, *arguments]
        for name in BASELINES
        for what, arguments in (
            ("training", ["--repetitions", "2"]),
            ("sampling", ["--batches", "1", "16", "64", "--eager"]),
        )
    },
    "codes": [],
    "codes bottom": ["--bottom"],
    "codes speed": ["--speed", "--channels", "64"],
    "overheads": [],
    "anomaly": [],
    "codec": ["mnist", "--binarize", "dynamic", "--limit", "128"],
    "codec_portability": [],
}
"""Module and what is measured -> its arguments."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write one JSON object, name -> what it found")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS), help="default: all")
    options = parser.parse_args()
    found = {}
    for name in options.only:
        command = [sys.executable, "-m", f"benchmarks.{name.split()[0]}", *BENCHMARKS[name]]
        if options.json is None:
            subprocess.run(command, check=True)
            print(flush=True)
        else:
            output = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
            found[name] = json.loads(output)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
