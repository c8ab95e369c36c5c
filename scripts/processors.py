"""Runs tests as other processors would: with fewer instructions and with more threads.

    python scripts/processors.py [--threads 1,2] [pytest's arguments; by default the quick tests]

No test's verdict may depend on the processor. torch and oneDNN each choose kernels by the instructions they find, and
can be told to find fewer. A row for each combination, then the tests that failed; what this processor lacks is skipped.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

LEVELS = {"default": "SSE41", "avx2": "AVX2", "avx512": "AVX512_CORE"}
"""Instruction sets, from the fewest on: torch's names (ATEN_CPU_CAPABILITY) and oneDNN's (ONEDNN_MAX_CPU_ISA)."""
ROW = "{:8} {:12} {:>7} {:>7} {:>7} {:>7} {:>7}"


def available() -> list[str]:
    """The levels that this processor has: torch takes the highest one up to that which it is told."""
    code = "import torch; print(torch.backends.cpu.get_cpu_capability().lower())"
    found = []
    for level in LEVELS:
        command, environment = [sys.executable, "-c", code], {**os.environ, "ATEN_CPU_CAPABILITY": level}
        if subprocess.check_output(command, env=environment, text=True).strip() == level:
            found.append(level)
    return found


def run(torch_level: str, onednn_level: str, threads: int, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Passed, failed, skipped and seconds, as text, and the names of the tests that failed."""
    environment = os.environ | {
        "ATEN_CPU_CAPABILITY": torch_level,
        "ONEDNN_MAX_CPU_ISA": onednn_level,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # where other work runs too, threads that spin while they wait take its time
    }
    with tempfile.TemporaryDirectory() as folder:
        report, start = Path(folder) / "report.xml", time.monotonic()
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
        output = subprocess.run(command, env=environment, capture_output=True, text=True)
        seconds = time.monotonic() - start
        if not report.is_file():
            sys.exit(f"pytest could not start:\n{output.stdout}{output.stderr}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = [len(cases) - len(failed) - skipped, len(failed), skipped, round(seconds)]
    return list(map(str, counts)), [f"{case.get('classname')}::{case.get('name')}" for case in failed]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2", help="numbers of threads (default: 1,2)")
    options, arguments = parser.parse_known_args()
    levels = available()
    for level in (level for level in LEVELS if level not in levels):
        print(f"Skipped: this processor, or this build of torch, lacks {level} ({LEVELS[level]}).")
    print(ROW.format("torch", "oneDNN", "threads", "passed", "failed", "skipped", "seconds"), flush=True)
    wrong: list[str] = []
    for ours, theirs, threads in itertools.product(levels, levels, map(int, options.threads.split(","))):
        counts, failed = run(ours, LEVELS[theirs], threads, arguments or ["-m", "not slow"])
        print(ROW.format(ours, LEVELS[theirs], threads, *counts), flush=True)
        wrong += [f"{ours}, {LEVELS[theirs]}, {threads}: {name}" for name in failed]
    print(*wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
