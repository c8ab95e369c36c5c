"""Data, files and models that cannot be used: exit status 1, one line, nothing half-written."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import evaluation
from pixelsnail.checkpoints import save
from pixelsnail.models import PixelSNAIL


def failed(outcome, *words):
    assert (outcome.status, outcome.out) == (1, "")
    *read, last = outcome.err.splitlines()
    assert last.startswith("pixelsnail: ")
    assert len(read) <= 1  # what was read, where that went well
    for word in words:
        assert word in outcome.err


# Data


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (np.full((3, 6, 5), 4, np.int64), "holds level 4, but this model has L = 2; expected 0 ... 1"),
        (np.full((3, 6, 5), -1, np.int64), "holds -1 at (0, 0, 0); expected levels of 0 or more"),
        (np.full((3, 6, 5), 0.5), "holds float64 from 0.5 to 0.5 with fractions; expected whole numbers"),
        (np.full((3, 2, 6, 5), 1, np.uint8), "2 channels"),
        (np.zeros((0, 6, 5), np.uint8), "has shape (0, 6, 5)"),
    ],
)
def test_levels_the_model_does_not_have(pixelsnail, run, tmp_path, test, words):
    np.savez(tmp_path / "x.npz", test=test)
    failed(pixelsnail("evaluate", run, "--data", f"npz:{tmp_path}/x.npz"), words)
    failed(pixelsnail("score", run, "--data", f"npz:{tmp_path}/x.npz", "--out", tmp_path / "s.csv"), words)
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_a_damaged_npz_file(pixelsnail, run, tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    failed(pixelsnail("evaluate", run, "--data", f"npz:{tmp_path}/x.npz"), "x.npz")


def test_mnist_files_that_are_missing_or_truncated(pixelsnail, run, tmp_path):
    failed(
        pixelsnail("evaluate", run, "--data", f"mnist:{tmp_path}/none"), "none does not exist", "t10k-images-idx3-ubyte"
    )
    (tmp_path / "empty").mkdir()
    failed(
        pixelsnail("train", "mnist", "--data", f"mnist:{tmp_path}/empty", "--out", tmp_path / "new"), "four idx files"
    )
    (tmp_path / "cut").mkdir()
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / "cut" / name).write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1]))
    failed(pixelsnail("evaluate", run, "--data", f"mnist:{tmp_path}/cut"), "header announces 2 x 2 x 2")
    assert not (tmp_path / "new").exists()


def test_sources_and_splits_that_are_not_there(pixelsnail, run, tmp_path):
    failed(pixelsnail("evaluate", run, "--data", "mnist-mni"), "Did you mean mnist-mini?")
    np.savez(tmp_path / "x.npz", train=np.zeros((3, 6, 5), np.uint8))
    failed(pixelsnail("evaluate", run, "--data", f"npz:{tmp_path}/x.npz"), "has no split 'test'; it has train")


def test_image_files_that_are_none(pixelsnail, run, files, tmp_path):
    (tmp_path / "text.png").write_text("text")
    line = ("score", run, "--out", tmp_path / "s.csv", "--images", *files)
    failed(pixelsnail(*line, tmp_path / "text.png"), "text.png cannot be read as an image")
    failed(pixelsnail(*line, tmp_path / "missing.png"), "There is no file")
    Image.new("L", (7, 7)).save(tmp_path / "large.png")
    failed(pixelsnail(*line, tmp_path / "large.png"), "large.png is 7 x 7, but", "expected images of one size")


# Models


def test_runs_that_are_none(pixelsnail, run, tmp_path):
    failed(pixelsnail("info", tmp_path / "none"), "There is no run")
    (tmp_path / "empty").mkdir()
    failed(pixelsnail("info", tmp_path / "empty"), "holds no model")
    (tmp_path / "x.ckpt").write_bytes(b"")
    failed(pixelsnail("info", tmp_path / "x.ckpt"), "pixelsnail import")


def test_weights_that_are_missing_damaged_or_of_another_model(pixelsnail, run, tmp_path):
    weights = run / "model" / "model.safetensors"
    save(PixelSNAIL((1, 6, 5), 2, channels=8, blocks=1, residuals=1, key=2, value=2), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", weights)
    failed(pixelsnail("info", run), "does not fit this PixelSNAIL", "Nothing was loaded")
    weights.write_bytes(weights.read_bytes()[:100])
    failed(pixelsnail("info", run), "damaged")
    weights.unlink()
    failed(pixelsnail("info", run), "model.safetensors is missing")
    config = run / "model" / "config.json"
    config.write_text(json.dumps({"model": "PixelSNALE"}))
    failed(pixelsnail("info", run), "did you mean 'PixelSNAIL'?")
    config.write_text("{")
    failed(pixelsnail("info", run), "is not valid JSON")


def test_weights_that_are_no_numbers(pixelsnail, run):
    broken = PixelSNAIL((1, 6, 5), 2, channels=4, blocks=1, residuals=1, key=2, value=2)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    save(broken, run / "model")
    failed(pixelsnail("evaluate", run), "The likelihood of image 0 is NaN")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(pixelsnail, run):
    failed(pixelsnail("evaluate", run, "--device", "cuda"), "no CUDA device", "--device cpu")


# Outputs


def test_places_where_nothing_can_be_written(pixelsnail, run, tmp_path):
    (tmp_path / "file").write_text("")
    failed(pixelsnail("sample", run, "--out", tmp_path / "file" / "x.png"), "file is a file; expected a folder")
    (tmp_path / "folder.png").mkdir()
    failed(pixelsnail("sample", run, "--out", tmp_path / "folder.png"), "folder.png is a folder")
    failed(pixelsnail("train", "demo", "--out", tmp_path / "file"), "file is a file; expected a folder")


def test_outputs_are_checked_before_the_model_is_read(pixelsnail, tmp_path):
    (tmp_path / "x.png").write_text("")
    failed(pixelsnail("sample", tmp_path / "none", "--out", tmp_path / "x.png"), "is there already")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: a disk that is full, as far as a program can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing(pixelsnail, run, recipe, tmp_path):
    out = tmp_path / "out"
    golden = Path(__file__).parents[1] / "golden" / "pg_trainer_state_3.ckpt"
    with largest_file(50):
        for name in ("x.png", "x.npz"):
            failed(pixelsnail("sample", run, "--count", 4, "--quiet", "--out", out / name), "Not enough disk space")
        failed(pixelsnail("score", run, "--quiet", "--out", out / "s.csv"), "Not enough disk space")
        failed(pixelsnail("complete", run, "--quiet", "--known", "top", "--out", out), "Not enough disk space")
        line = ("import", golden, "--project", "pytorch-generative", "--out", out / "run")
        failed(pixelsnail(*line), "Not enough disk space")
        failed(pixelsnail("train", recipe, "--quiet", "--out", tmp_path / "new"), "Not enough disk space")
    assert list(out.iterdir()) == []
    assert not (tmp_path / "new" / "model").exists()


# What nobody foresaw


def test_a_fault_of_ours_is_one_line_that_asks_to_report_it(pixelsnail, run, monkeypatch):
    def fault(*_: object, **__: object) -> int:
        return len(None)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "evaluate", fault)
    failed(pixelsnail("evaluate", run), "Unexpected TypeError", "please report it", "PIXELSNAIL_TRACEBACK=1")
    monkeypatch.setenv("PIXELSNAIL_TRACEBACK", "1")
    outcome = pixelsnail("evaluate", run)
    assert outcome.status == 1
    assert outcome.err.splitlines()[1].startswith("Traceback")  # after what was read
    assert outcome.err.splitlines()[-1].startswith("pixelsnail: Unexpected TypeError")


def test_a_missing_extra_is_named(pixelsnail, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    line = ("score", run, "--out", tmp_path / "s.csv", "--maps", tmp_path / "maps")
    failed(pixelsnail(*line), "pip install 'pixelsnail[plots]'")
    failed(pixelsnail("demo", "--out", tmp_path / "demo"), "pip install 'pixelsnail[plots]'")
    assert not (tmp_path / "s.csv").exists()


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m pixelsnail sample --help | head -1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("Example")
    assert found.stderr == ""


def test_the_exit_status_is_that_of_the_process():
    found = subprocess.run([sys.executable, "-m", "pixelsnail", "sample"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
