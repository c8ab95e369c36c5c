"""The same work by this version of the package and by another, in turns: what a change costs or gains.

    git worktree add ../before COMMIT && python -m benchmarks.against ../before/src [--run RUN] [--compiled]

Each version runs in a process of its own and uses the public interface alone: drawing 1, 16 and 64 digits, with another
seed in every turn, a training step of 16 digits of the published model (float32), and the import. Times are taken in
turns, and a ratio is this version's time over the other's in the same turn. Peak memory is that of the whole process.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, spread

WORKER = """
import json, resource, sys, time
import torch
import pixelsnail
model = pixelsnail.load(sys.argv[1])
fresh = pixelsnail.PixelSNAIL()
x = torch.zeros(16, 1, 28, 28, dtype=torch.uint8)
def draw(count, engine, seed):
    return model.sample(count, batch=count, engine=engine, seed=seed)
def step():
    fresh.zero_grad(set_to_none=True)
    fresh.pixel_nats(x).sum((1, 2)).mean().backward()
for line in sys.stdin:
    name, *arguments = json.loads(line)
    start = time.perf_counter()
    levels = draw(*arguments) if name == "draw" else step()
    seconds = time.perf_counter() - start
    total = 0 if levels is None else int(levels.long().sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"seconds": seconds, "total": total, "megabytes": peak}), flush=True)
"""


class Version:
    """A process that works with the package in one source folder."""

    def __init__(self, source: Path, run: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(source)}
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, run],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def work(self, *order: Any) -> dict[str, float]:
        """What one piece of work took and gave."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def importing(self) -> dict[str, float]:
        """Seconds of processor time of `import pixelsnail` and one of its names, in a fresh process."""
        code = (
            "import time; t = time.process_time(); import pixelsnail; pixelsnail.load; print(time.process_time() - t)"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=self.environment)
        return {"seconds": float(told.stdout), "total": 0}


def measure(versions: dict[str, Version], orders: dict[str, tuple[Any, ...]], repetitions: int) -> list[dict[str, Any]]:
    """For each order its seconds by version, in turns, and their ratio. Stops where the results differ."""
    rows = []
    for name, order in orders.items():
        times: dict[str, list[float]] = {version: [] for version in versions}
        peaks = {}
        for turn in range(repetitions + 1):
            seed = [turn] if order[:1] == ("draw",) else []
            found = {v: w.work(*order, *seed) if order else w.importing() for v, w in versions.items()}
            if turn == 0 and len({answer["total"] for answer in found.values()}) > 1:
                print(f"{name}: the two versions draw other images for a seed", file=sys.stderr)
            for version, answer in found.items():
                if turn:  # the first is to warm up
                    times[version].append(answer["seconds"])
                peaks[version] = answer.get("megabytes", 0.0)
        ratios = [a / b for a, b in zip(times["this"], times["other"], strict=True)]
        rows.append(
            {"work": name, "seconds": {v: spread(t) for v, t in times.items()}, "ratio": spread(ratios), "peak": peaks}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the source folder of the other version")
    parser.add_argument("--run", default="mnist", help="what to draw from, the same weights for both (default: mnist)")
    parser.add_argument("--repetitions", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--compiled", action="store_true", help="compiled programs too; each version makes its own")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()
    sources = {"this": Path(__file__).parents[1] / "src", "other": options.other.resolve()}
    versions = {name: Version(source, options.run) for name, source in sources.items()}
    engines = ("eager", "compiled") if options.compiled else ("eager",)
    orders: dict[str, tuple[Any, ...]] = {
        f"draw {count}, {engine}": ("draw", count, engine) for engine in engines for count in (1, 16, 64)
    }
    rows = measure(versions, orders | {"training step": ("step",), "import": ()}, options.repetitions)
    facts = {"machine": describe(), "rows": rows}
    if options.json:
        print(json.dumps(facts))
        return
    print("; ".join(f"{name} {value}" for name, value in facts["machine"].items()))
    print(f"{'work':>18} {'this s':>8} {'other s':>8} {'ratio':>18} {'peak MB: this, other':>22}")
    for row in rows:
        this, other = (row["seconds"][version]["median"] for version in ("this", "other"))
        ratio = "{median:.2f} ({least:.2f}-{most:.2f})".format(**row["ratio"])
        peaks = ", ".join(f"{row['peak'][version]:.0f}" for version in ("this", "other"))
        print(f"{row['work']:>18} {this:>8.3f} {other:>8.3f} {ratio:>18} {peaks:>22}")


if __name__ == "__main__":
    main()
