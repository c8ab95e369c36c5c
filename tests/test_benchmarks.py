"""The benchmarks run, on tiny work: their figures are never tested."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "words",
    [
        ("sampling", "--shape", "1", "3", "4", "--levels", "3", "--batches", "1", "--repetitions", "1", "--eager"),
        pytest.param(("training", "--batch", "1", "--repetitions", "1"), marks=pytest.mark.slow),
        pytest.param(("training", "--sizes", "2", "3", "--blocks", "1", "--repetitions", "1"), marks=pytest.mark.slow),
        ("training", "--losses", "2"),
        ("codes", "--sizes", "4", "--levels", "8", "--channels", "16", "--bottom"),
        ("codes", "--speed", "--sizes", "4", "--levels", "8", "--channels", "16", "--batches", "2"),
        pytest.param(
            ("overheads", "--only", "evaluate", "train", "--repetitions", "1", "--images", "2", "--steps", "3"),
            marks=pytest.mark.slow,
        ),
        pytest.param(("anomaly", "--steps", "1", "--images", "20", "--pixel-rate", "0.2"), marks=pytest.mark.slow),
        pytest.param(
            ("overheads", "--only", "import", "memory", "--repetitions", "1", "--draws", "2", "4", "--draw-batch", "2"),
            marks=pytest.mark.slow,
        ),
        pytest.param(("overheads", "--only", "pages", "--repetitions", "1", "--steps", "1"), marks=pytest.mark.slow),
        ("codec", "mnist", "--binarize", "dynamic", "--limit", "2", "--numerics", "portable"),
        pytest.param(("codec_portability", "--images", "4", "--digits", "0"), marks=pytest.mark.slow),
    ],
    ids=[
        "sampling",
        "training",
        "growth",
        "losses",
        "codes",
        "codes speed",
        "overheads",
        "anomaly",
        "memory",
        "pages",
        "codec",
        "portability",
    ],
)
def test_a_benchmark_prints_its_table_or_json(words):
    command = [sys.executable, "-m", f"benchmarks.{words[0]}", *words[1:], "--json"]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    found = json.loads(output)
    assert found["rows"]
    assert found["machine"]["torch"]
    if words[0] == "sampling":
        assert found["same_as_naive"] is True
    if words[0] == "overheads":
        assert [row["same"] for row in found["rows"]] == [True] * len(found["rows"])


@pytest.mark.slow
def test_damage_is_restored_and_told(tmp_path):
    command = [sys.executable, "-m", "benchmarks.restoration", "--out", str(tmp_path / "r.png"), "--json"]
    command += ["--particles", "2", "--normal", "99"]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    noisy, _, line = json.loads(output)["rows"]
    assert noisy["nats_restored"] < noisy["nats_damaged"]
    assert line["p_value"] <= 0.05
    assert (tmp_path / "r.png").is_file()


@pytest.mark.slow
def test_completions_are_drawn_and_told(tmp_path):
    command = [sys.executable, "-m", "benchmarks.completions", "--out", str(tmp_path), "--masks", "top", "hole"]
    command += ["--particles", "2", "--json"]
    output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    rows = json.loads(output)["rows"]
    assert [row["mask"] for row in rows] == ["top"] * 3 + ["hole"] * 3
    assert all(1 <= row["effective"] <= 2.000001 for row in rows)
    assert {path.name for path in tmp_path.iterdir()} == {"completion-top.png", "completion-hole.png"}


TINY = {"codes": "--sizes 4 --levels 8 --channels 16", "codes bottom": "--no-such-option"}


@pytest.fixture
def all_of_them(monkeypatch):
    """`python -m benchmarks`, as a module, where it is run."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.__main__")


def test_one_that_fails_is_told_and_the_others_go_on(all_of_them, monkeypatch, capfd):
    monkeypatch.setattr(all_of_them, "BENCHMARKS", dict(reversed(TINY.items())))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--only", *reversed(TINY)])
    with pytest.raises(SystemExit, match=r"^Failed: codes bottom\.$"):
        all_of_them.main()
    shown = capfd.readouterr().out
    assert "$ python -m benchmarks.codes --no-such-option\n(failed, status 2)" in shown
    assert "$ python -m benchmarks.codes --sizes 4 --levels 8 --channels 16\n" in shown.partition("(failed")[2]


@pytest.mark.slow
def test_what_was_found_is_kept_at_once_and_not_measured_again(all_of_them, monkeypatch, tmp_path):
    file = tmp_path / "found.json"
    monkeypatch.setattr(all_of_them, "BENCHMARKS", TINY)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json", str(file), "--only", *TINY])
    with pytest.raises(SystemExit):
        all_of_them.main()
    kept = json.loads(file.read_text())
    assert list(kept) == ["codes"]
    assert kept["codes"]["rows"]
    kept["codes"] = {"rows": []}
    file.write_text(json.dumps(kept))
    with pytest.raises(SystemExit):
        all_of_them.main()
    assert json.loads(file.read_text()) == kept
