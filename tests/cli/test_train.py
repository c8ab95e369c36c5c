import csv
import json
import math
import os
import re
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
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    assert f"Begins with the weights of {run}.\n" in outcome.err
    before, after = package.load(run).state_dict(), package.load(tmp_path / "new").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)

    outcome = pixelsnail(*line, "--overwrite", "--model.stem", 5)
    assert outcome.status == 0
    assert " weights are new, and what it computes is the same." in outcome.err


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


def test_the_start_says_what_was_read_and_how_large_the_model_is(pixelsnail, recipe, tmp_path):
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "run")
    assert "train: 61 images; grey, 6 x 5; 256 levels (as of 8 bits) -> 2 (dynamic); no labels" in outcome.err
    parameters = sum(weight.numel() for weight in package.load(tmp_path / "run").parameters())
    assert f"PixelSNAIL: {parameters:,} parameters." in outcome.err


def test_going_on_says_what_goes_on_otherwise_and_takes_another_learning_rate(pixelsnail, recipe, tmp_path):
    run = tmp_path / "run"
    recipe.write_text(recipe.read_text() + "optimizer: {schedule: cosine, lr: 0.01}\n")
    assert pixelsnail("train", recipe, "--out", run, "--trainer.max_steps", 4, "--run.log", 1).status == 0
    line = ("train", recipe, "--out", run, "--resume", "--trainer.max_steps", 8, "--run.log", 1, "--optimizer.lr", 0.5)
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    assert "trainer.max_steps is now 8, and was 4." in outcome.err
    assert "optimizer.lr is now 0.5, and was 0.01." in outcome.err
    assert "The schedule cosine goes by the new end from here" in outcome.err
    with (run / "metrics.csv").open() as table:
        rates = [float(row["lr"]) for row in csv.DictReader(table) if row["split"] == "train"]
    assert rates == pytest.approx(
        [0.01 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)]
        + [0.5 * (1 + math.cos(math.pi * t / 8)) / 2 for t in range(4, 8)]
    )


def test_an_error_of_the_library_names_options_at_the_command_line(pixelsnail, recipe, tmp_path):
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "run", "--resume")
    assert outcome.status == 1
    assert "there is nothing to resume; train without --resume." in outcome.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_training_on_a_gpu_that_is_not_there_is_said_in_our_words(pixelsnail, recipe, tmp_path):
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "run", "--device", "cuda")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "There is no CUDA device that PyTorch can use here; take --device cpu." in outcome.err


def test_without_a_terminal_a_line_says_now_and_then_how_far_it_is(pixelsnail, recipe, run, tmp_path, monkeypatch):
    monkeypatch.setattr("pixelsnail.bars.EVERY", 0)
    outcome = pixelsnail("train", recipe, "--out", tmp_path / "trained", "--trainer.max_steps", 7)
    assert re.search(r"^training: 7/7 steps  loss \d+\.\d\d nats", outcome.err, re.MULTILINE)
    assert re.search(r"^About [\d.e-]+ seconds a step, 0:00:\d\d for 7\.$", outcome.err, re.MULTILINE)
    outcome = pixelsnail("sample", run, "--count", 2, "--out", tmp_path / "x.npz")
    assert "drawing: 60 of 60 pixels" in outcome.err
    assert pixelsnail("sample", run, "--count", 2, "--quiet", "--out", tmp_path / "y.npz").err == ""
