import json
import os
from pathlib import Path

import pytest
import torch
import yaml

import pixelsnail as package


def test_from_a_recipe_to_a_run(pixelsnail, recipe, tmp_path):
    out = tmp_path / "run"
    outcome = pixelsnail("train", recipe, "--out", out, "--model.channels", 5, "--optimizer.lr=1e-2", "--seed", 3)
    assert outcome.status == 0
    rows = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert rows["run"] == str(out)
    assert rows["validation"].split()[1] == "nats/image"
    assert f"Next: pixelsnail evaluate {out}\n" in outcome.err
    written = yaml.safe_load((out / "recipe.yaml").read_text())
    assert (written["model"]["channels"], written["optimizer"]["lr"], written["seed"]) == (5, 0.01, 3)
    assert pixelsnail("evaluate", out).status == 0

    outcome = pixelsnail("train", recipe, "--out", out)
    assert outcome.status == 1
    assert "holds a run already; continue it (--resume) or replace it (--overwrite)" in outcome.err

    # With the same fields, and the end further away.
    fields = ("--model.channels", 5, "--optimizer.lr=1e-2", "--seed", 3, "--trainer.max_steps", 4)
    assert pixelsnail("train", recipe, "--out", out, "--resume", *fields).status == 0
    assert json.loads(pixelsnail("info", out, "--weights", "last", "--json").out)["about"]["steps"] == 4
    outcome = pixelsnail("train", recipe, "--out", out, "--resume")
    assert outcome.status == 1
    assert "was trained with" in outcome.err


def test_data_batch_and_device_are_short_for_fields(pixelsnail, recipe, source, tmp_path):
    os.rename(source.removeprefix("npz:"), tmp_path / "moved.npz")
    line = ("train", recipe, "--out", tmp_path / "run", "--data", f"npz:{tmp_path}/moved.npz")
    assert pixelsnail(*line, "--batch", 4, "--device", "cpu", "--data.validation", 0).status == 0
    written = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert written["data"]["batch"] == 4
    assert written["trainer"]["accelerator"] == "cpu"


def test_another_runs_weights_are_the_first_ones(pixelsnail, recipe, run, tmp_path):
    line = ("train", recipe, "--out", tmp_path / "new", "--init", run, "--optimizer.lr", 0)
    assert pixelsnail(*line).status == 0
    before, after = package.load(run).state_dict(), package.load(tmp_path / "new").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_validation_images_the_latest_loss_is_told(pixelsnail, recipe, tmp_path):
    import numpy as np

    np.savez(tmp_path / "one.npz", train=np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8))
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "run", "--data", f"npz:{tmp_path}/one.npz")
    assert outcome.status == 0
    assert "nats/image, the latest loss" in outcome.out
    assert "has no validation images: best is last" in outcome.err


def test_a_loss_that_is_no_number_ends_training_in_one_line(pixelsnail, recipe, tmp_path):
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "run", "--optimizer.lr", "1e20")
    assert outcome.status == 1
    assert [line.startswith("pixelsnail: ") for line in outcome.err.splitlines()] == [False, False, True]
    assert "at step " in outcome.err or "after step " in outcome.err
    assert "Lower optimizer.lr" in outcome.err


WRONG = {
    "model: {name: PixelSNALE}": "There is no model 'PixelSNALE'; did you mean 'PixelSNAIL'?",
    "model: {name: PixelSNAIL, chanels: 4}": "did you mean 'model.channels'?",
    "modle: {name: PixelSNAIL}": "did you mean 'model'?",
    "model: !!python/object/apply:os.system ['touch executed']": "a recipe holds plain values only",
    "model: [": "is not valid YAML",
    "- 3": "is not a recipe",
    "model: {name: PixelSNAIL, channels: many}": "model.channels is 'many'; expected a whole number",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_recipe_is_one_line_and_status_1(pixelsnail, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text(text)
    outcome = pixelsnail("train", "wrong.yaml", "--out", "run", "--seed", 1)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert WRONG[text] in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_a_recipe_that_is_not_there_names_those_that_are(pixelsnail, tmp_path):
    outcome = pixelsnail("train", "mnsit", "--out", tmp_path / "run")
    assert outcome.status == 1
    recipes = Path(package.__file__).parent / "training/recipes"
    names = sorted(path.relative_to(recipes).with_suffix("").as_posix() for path in recipes.rglob("*.yaml"))
    assert {"ablation/interleaved", "demo", "mnist", "pixelcnn"} < set(names)
    packaged = ", ".join(names)
    assert f"There is no recipe mnsit; give a file, or one of {packaged}." in outcome.err
