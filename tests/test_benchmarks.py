"""The benchmarks run, on tiny work: their figures are never tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "words",
    [
        ("sampling", "--shape", "1", "3", "4", "--levels", "3", "--batches", "1", "2", "--repetitions", "1"),
        ("training", "--batch", "1", "--repetitions", "1"),
    ],
    ids=["sampling", "training"],
)
def test_a_benchmark_prints_its_table_or_json(words):
    command = [sys.executable, "-m", f"benchmarks.{words[0]}", *words[1:], "--json"]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    found = json.loads(output)
    assert found["rows"]
    assert found["machine"]["torch"]
    assert found.get("same_as_naive", True)
