"""All benchmarks, one after another: `make bench`."""

import subprocess
import sys

if __name__ == "__main__":
    for name in ("training", "sampling"):
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
        print()
