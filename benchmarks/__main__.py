"""All benchmarks, one after another: `make bench`, or into one file: `python -m benchmarks --json FILE`."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

NAMES = ("training", "sampling", "overheads")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write one JSON object, name -> what it found")
    file = parser.parse_args().json
    found = {}
    for name in NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if file is None:
            subprocess.run(command, check=True)
            print()
        else:
            output = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
            found[name] = json.loads(output)
    if file is not None:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
