import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pixelsnail as package

GOLDEN = Path(__file__).parents[1] / "golden"
FILE = GOLDEN / "pg_trainer_state_3.ckpt"
PROJECT = ("--project", "pytorch-generative")


def test_from_a_file_to_images_in_two_commands(pixelsnail, tmp_path):
    outcome = pixelsnail("import", FILE, *PROJECT, "--out", tmp_path / "theirs")
    assert outcome.status == 0
    assert "115,089" in outcome.out
    assert f"Next: pixelsnail sample {tmp_path}/theirs --count 64 --out samples.png" in outcome.err
    line = ("sample", tmp_path / "theirs", "--count", 2, "--size", "3x3", "--out", tmp_path / "x.npz")
    assert pixelsnail(*line).status == 0


def test_an_imported_model_has_the_nats_of_its_project(pixelsnail, tmp_path):
    pixelsnail("import", FILE, *PROJECT, "--out", tmp_path / "theirs", "--config", "n_channels=32")
    with np.load(GOLDEN / "pg_trainer_state_3_evaluation.npz") as theirs:
        x, nats = torch.from_numpy(theirs["x"][:8]), theirs["nats"][:8]
    with torch.inference_mode():
        assert -package.load(tmp_path / "theirs").log_prob(x).numpy() == pytest.approx(nats, abs=1e-3)


def test_info_tells_what_the_file_told(pixelsnail, tmp_path):
    pixelsnail("import", FILE, *PROJECT, "--out", tmp_path / "theirs")
    about = json.loads(pixelsnail("info", tmp_path / "theirs", "--json").out)["about"]
    assert (about["steps"], about["imported_from"], about["file"]) == (564, "pytorch-generative", FILE.name)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no checkpoint"])
def test_a_damaged_file_is_refused_and_nothing_is_made(pixelsnail, tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    outcome = pixelsnail("import", tmp_path / "x.ckpt", *PROJECT, "--out", tmp_path / "theirs")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "cannot be read as a checkpoint" in outcome.err
    assert not (tmp_path / "theirs").exists()


def test_a_checkpoint_of_another_model_is_refused(pixelsnail, tmp_path):
    torch.save({"model": {"_input.weight": torch.zeros(4, 1, 3, 3)}}, tmp_path / "x.ckpt")
    outcome = pixelsnail("import", tmp_path / "x.ckpt", *PROJECT, "--out", tmp_path / "theirs")
    assert outcome.status == 1
    assert not (tmp_path / "theirs").exists()


def test_a_run_is_replaced_whole_and_only_when_asked(pixelsnail, tmp_path, run):
    (run / "metrics.csv").write_text("of the earlier run")
    outcome = pixelsnail("import", FILE, *PROJECT, "--out", run)
    assert outcome.status == 1
    assert "holds a run already; replace it with --overwrite" in outcome.err
    assert pixelsnail("import", tmp_path / "missing", *PROJECT, "--out", run, "--overwrite").status == 1
    assert (run / "metrics.csv").exists()
    assert pixelsnail("import", FILE, *PROJECT, "--out", run, "--overwrite").status == 0
    assert [path.name for path in run.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_never_replaced(pixelsnail, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    outcome = pixelsnail("import", FILE, *PROJECT, "--out", tmp_path / "mine", "--overwrite")
    assert outcome.status == 1
    assert "holds files that are not a run's (letter.txt" in outcome.err
