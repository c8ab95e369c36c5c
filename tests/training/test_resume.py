"""A training that was killed, interrupted or extended gives the same bits as one that was not."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from pixelsnail.models import MODELS, PixelSNAIL
from pixelsnail.training import Event, train
from pixelsnail.training.batches import Batches

ORIGINAL = {
    "name": "PixelSNAILOriginal", "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "head": "Bernoulli",
}  # fmt: skip
"""Normalises weights, which fresh trainings initialise by data, and drops out."""
TIMES = ("seconds", "spent", "images_per_second", "time_elapsed")
KILLED = """
import os, signal, sys, torch, yaml
from pixelsnail.training import train
torch.set_num_threads(1)
def kill(event):
    if (event.phase, event.step) == ("train", 37):
        os.kill(os.getpid(), signal.SIGKILL)
train(yaml.safe_load(sys.argv[1]), out=sys.argv[2], progress=kill)
"""


class Killed(BaseException):
    """As sudden as SIGKILL: nothing of training runs after it."""


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Everything in a checkpoint by its path, all but times."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else None
    if items is None:
        return {name: value}
    return {k: v for key, item in items if key not in TIMES for k, v in leaves(item, f"{name}.{key}").items()}


def same(one: Any, two: Any) -> bool:
    return torch.equal(one, two) if isinstance(one, Tensor) else one == two


def assert_same(run: Path, other: Path) -> None:
    """Checkpoints with all their state, both models and the metrics are equal, bit for bit."""
    for name in ("last.ckpt", "best.ckpt"):
        one, two = (leaves(torch.load(r / "checkpoints" / name, weights_only=True)) for r in (run, other))
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert same(value, two[key]), f"{name}: {key} is {two[key]} instead of {value}"
    for name in ("model", "model-last"):
        one, two = ((r / name / "model.safetensors").read_bytes() for r in (run, other))
        assert one == two
    assert table(run) == table(other)
    assert {path.name for path in (run / "samples").iterdir()} == {path.name for path in (other / "samples").iterdir()}


def table(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def stop_at(*places: tuple[str, int], how: type[BaseException] | None = None):
    """A progress that kills or interrupts training once, at the first event of a phase and step."""

    def progress(event: Event) -> None:
        if (event.phase, event.step) in places:
            if how is not None:
                raise how
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def test_killed_at_step_37_and_resumed_is_60_steps_in_one_go(tiny, tmp_path):
    recipe = tiny(**{"trainer.max_steps": 60, "run.samples": 15})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(recipe, out=whole)
    ended = subprocess.run([sys.executable, "-c", KILLED, yaml.safe_dump(recipe), str(killed)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert torch.load(killed / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 35
    assert table(killed)[-1]["step"] == "36"  # logged after the checkpoint, and to be logged once
    earlier = {path: path.stat().st_mtime_ns for path in (killed / "samples").iterdir()}
    train(recipe, out=killed, resume=True)
    assert_same(whole, killed)
    steps = [row["step"] for row in table(killed) if row["split"] == "train"]
    assert steps == [str(step) for step in range(2, 61, 2)]
    assert earlier == {path: path.stat().st_mtime_ns for path in earlier}


def test_the_law_can_fail(tiny, tmp_path, monkeypatch):
    train(tiny(), out=tmp_path / "whole")
    monkeypatch.setattr(Batches, "load_state_dict", lambda self, state: None)
    with pytest.raises(Killed):
        train(tiny(), out=tmp_path / "killed", progress=stop_at(("train", 7), how=Killed))
    train(tiny(), out=tmp_path / "killed", resume=True)
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer.max_steps": 19},
        {"trainer": {"max_epochs": 3, "accelerator": "cpu"}, "optimizer.schedule": "cosine"},
        {"trainer.max_steps": 13, "run.validate": 3, "run.samples": 2, "optimizer.name": "adamw"},
        {"trainer.max_steps": 10, "trainer.accumulate_grad_batches": 3, "optimizer.clip": 1.0},
        {"trainer.max_steps": 10, "trainer.limit_train_batches": 3},
        {"trainer.max_steps": 10, "optimizer.eps_inside": True, "optimizer.eps": 1e-6, "model": ORIGINAL},
        {"trainer.max_steps": 10, "optimizer.name": "muon", "optimizer.schedule": "cosine"},
        {"trainer.max_steps": 10, "run.checkpoint_activations": True, "model": ORIGINAL},
    ],
    ids=["steps", "epochs", "often", "accumulating", "limited", "eps inside", "muon", "computing again"],
)
@pytest.mark.parametrize("stride", [1, 3])
def test_killed_again_and_again_at_any_step(tiny, tmp_path, changes, stride):
    recipe = tiny(**{"run.checkpoint": 1, **changes})
    train(recipe, out=tmp_path / "whole")
    run, kills = tmp_path / "killed", 0
    while True:
        checkpoint = run / "checkpoints/last.ckpt"
        done = torch.load(checkpoint, weights_only=True)["global_step"] if checkpoint.is_file() else 0
        places = [("train", done + 1 + stride)]
        try:
            train(recipe, out=run, resume=done > 0, progress=stop_at(*places, how=Killed))
            break
        except Killed:
            kills += 1
    assert kills >= 3
    assert_same(tmp_path / "whole", run)


@pytest.mark.parametrize(
    "place",
    [("train", 3), ("train", 8), ("validate", 8), ("sample", 8), ("train", 12), ("validate", 12), ("sample", 12)],
)
def test_interrupted_anywhere_and_resumed(tiny, tmp_path, place):
    recipe = tiny(**{"run.samples": 4})
    train(recipe, out=tmp_path / "whole")
    run = tmp_path / "run"
    notes: list[str] = []
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(recipe, out=run, progress=stop_at(place), note=notes.append)
    assert notes[-1:] == ["Finishing this step and saving it; Ctrl-C again stops at once, without saving."]
    assert str(stopped.value) == (
        f"Stopped after step {place[1]}; the checkpoint of step {place[1]} is kept in {run}, and resume=True goes on."
    )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    train(recipe, out=run, resume=True)
    assert_same(tmp_path / "whole", run)


@pytest.mark.parametrize(("step", "kept"), [(3, "nothing was saved"), (7, "the checkpoint of step 5 is kept in ")])
def test_a_second_interrupt_does_not_wait(tiny, tmp_path, step, kept):
    def twice(event: Event) -> None:
        if event.step == step:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=f"Stopped after step {step}; {kept}"):
        train(tiny(), out=tmp_path / "run", progress=twice)


def test_killed_in_a_validation_that_was_owed(tiny, tmp_path):
    recipe = tiny()
    train(recipe, out=tmp_path / "whole")
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=run, progress=stop_at(("validate", 8)))
    with pytest.raises(Killed):
        train(recipe, out=run, resume=True, progress=stop_at(("train", 9), how=Killed))
    train(recipe, out=run, resume=True)
    assert_same(tmp_path / "whole", run)


@pytest.mark.parametrize("first", [5, 8, 11])
def test_a_finished_training_can_be_extended(tiny, tmp_path, first):
    recipe = tiny(**{"run.validate": 4, "run.log": 1, "run.samples": 1})
    train(recipe, out=tmp_path / "whole")
    run = tmp_path / "run"
    train(recipe, out=run, **{"trainer.max_steps": first})
    train(recipe, out=run, resume=True)
    whole, extended = (torch.load(r / "checkpoints/last.ckpt", weights_only=True) for r in (tmp_path / "whole", run))
    for part in ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers"):
        one, two = leaves(whole[part]), leaves(extended[part])
        assert one.keys() == two.keys()
        assert all(same(one[key], two[key]) for key in one)


def test_resuming_a_finished_training_changes_nothing(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run)
    shutil.copytree(run, tmp_path / "copy")
    train(tiny(), out=run, resume=True)
    assert_same(tmp_path / "copy", run)


def test_dropout_resumes_too(tiny, tmp_path, monkeypatch):
    class Dropping(PixelSNAIL):
        """Has noise of its own in training."""

        def pixel_nats(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            nats = super().pixel_nats(x, context)
            return nats * torch.rand_like(nats) if self.training else nats

    monkeypatch.setitem(MODELS.own, "Dropping", Dropping)
    recipe = tiny(**{"model.name": "Dropping"})
    train(recipe, out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(recipe, out=tmp_path / "run", progress=stop_at(("train", 7), how=Killed))
    torch.manual_seed(99)
    train(recipe, out=tmp_path / "run", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model.channels": 6}, "model.channels is 6, but {run} was trained with 4; "),
        ({"data.batch": 4}, "data.batch is 4, but {run} was trained with 8; "),
        ({"data.binarize": "threshold"}, "data.binarize is 'threshold', but {run} was trained with 'dynamic'; "),
        ({"optimizer.clip": 0.1}, "optimizer.clip is 0.1, but {run} was trained with None; "),
        ({"seed": 1}, "seed is 1, but {run} was trained with 0; "),
    ],
)
def test_a_changed_recipe_does_not_resume(tiny, tmp_path, changes, sentence):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 1})
    with pytest.raises(ValueError) as error:
        train(tiny(), out=run, resume=True, **changes)
    assert str(error.value).startswith(sentence.format(run=run))


def test_a_run_resumes_by_its_own_recipe(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 3})
    train(run / "recipe.yaml", out=run, resume=True, **{"trainer.max_steps": 4})
    assert yaml.safe_load((run / "recipe.yaml").read_text())["trainer"]["max_steps"] == 4


def test_a_run_older_than_a_field_resumes_with_its_default(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 3})
    tree = yaml.safe_load((run / "recipe.yaml").read_text())
    del tree["optimizer"]["eps_inside"], tree["run"]["initialize"], tree["model"]["blocks"]
    (run / "recipe.yaml").write_text(yaml.safe_dump(tree))
    younger = {"model.blocks": 8}  # the constructor's default
    with pytest.raises(ValueError, match=r"model\.blocks is 1, but .* was trained with 8; "):
        train(tiny(), out=run, resume=True)
    with pytest.raises(ValueError, match=r"optimizer\.eps_inside is True, but .* was trained with False; "):
        train(tiny(**younger), out=run, resume=True, **{"optimizer.eps_inside": True})
    tree["model"]["blocks"] = 1
    (run / "recipe.yaml").write_text(yaml.safe_dump(tree))
    train(tiny(), out=run, resume=True)
    assert table(run)[-1]["step"] == "12"


def test_an_end_that_is_behind_is_said(tiny, tmp_path):
    epochs = {"accelerator": "cpu", "max_epochs": 3}
    train(tiny(trainer=epochs), out=tmp_path / "run")
    train(tiny(trainer=epochs), out=tmp_path / "run", resume=True, **{"trainer.max_steps": 3})  # nothing left to do
    with pytest.raises(ValueError, match="Lightning refuses this training: You restored a checkpoint with"):
        train(tiny(trainer=epochs), out=tmp_path / "run", resume=True, **{"trainer.max_epochs": 1})


def test_there_must_be_something_to_resume(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"last.ckpt is missing: there is nothing to resume"):
        train(tiny(), out=tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("keep", [0, 100, 4000])
def test_a_damaged_checkpoint_is_one_sentence(tiny, tmp_path, keep):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 1})
    last = run / "checkpoints/last.ckpt"
    damaged = last.read_bytes()[:keep]
    last.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged") as error:
        train(tiny(), out=run, resume=True)
    assert "\n" not in str(error.value)
    assert last.read_bytes() == damaged


def test_a_checkpoint_runs_no_code(tiny, tmp_path):
    run = tmp_path / "run"
    train(tiny(), out=run, **{"trainer.max_steps": 1})
    torch.save({"state_dict": {}, "evil": Evil()}, run / "checkpoints/last.ckpt")
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged"):
        train(tiny(), out=run, resume=True)
    assert not Evil.ran


class Evil:
    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Evil, "ran", True))
