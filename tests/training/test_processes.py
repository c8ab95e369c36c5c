"""Training in two processes is training in one: a padded sample would change the likelihood."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import pixelsnail
from tolerance import assert_close, close_to

pytestmark = pytest.mark.slow

VALIDATION = 101


def run(recipe: Path, out: Path, devices: int) -> None:
    """`pixelsnail train` in a process of its own, which starts the others."""
    command = [sys.executable, "-m", "pixelsnail", "train", str(recipe), "--out", str(out), "--quiet"]
    distributed = ["--trainer.devices", str(devices), "--trainer.strategy", "ddp"] if devices > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*command, *distributed], capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "model",
    [
        {"name": "PixelSNAIL", "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2},
        {"name": "PixelSNAILOriginal", "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "head": "Bernoulli",
         "dropout": 0.0},
        {"name": "GatedPixelCNN", "channels": 4, "layers": 1, "head_channels": 4},  # has weights without a gradient
    ],
    ids=lambda model: model["name"],
)  # fmt: skip
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_two_processes_train_and_judge_as_one(tmp_path, model, optimizer):
    random = np.random.default_rng(0)
    sizes = {"train": 61, "validation": VALIDATION}  # an odd last batch of 5 each epoch, and of 1 in validation
    arrays = {name: random.integers(0, 256, (count, 6, 5), dtype=np.uint8) for name, count in sizes.items()}
    np.savez(tmp_path / "x.npz", **arrays)
    tree: dict[str, Any] = {
        "model": model,
        "data": {"source": f"npz:{tmp_path / 'x.npz'}", "binarize": "dynamic", "batch": 8},
        # An eps of 1e-4: with 1e-8 Adam's first steps are the signs of gradients, rounding errors included.
        "optimizer": {"name": optimizer, "lr": 0.01, "eps": 1e-4, "ema": 0.9},
        "run": {"log": 4, "validate": 8, "samples": 0},
        "trainer": {"max_steps": 20, "accelerator": "cpu"},
    }
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tree), encoding="utf-8")
    one, two = tmp_path / "one", tmp_path / "two"
    run(recipe, one, 1)
    run(recipe, two, 2)

    whole, shared = (torch.load(out / "checkpoints/last.ckpt", weights_only=True) for out in (one, two))
    for weights in ("state_dict", "current_model_state"):
        assert whole[weights].keys() == shared[weights].keys()
        for name, tensor in whole[weights].items():
            assert_close(shared[weights][name], tensor)
    for first, second in zip(rows(one), rows(two), strict=True):
        assert [first[key] for key in ("step", "split", "lr")] == [second[key] for key in ("step", "split", "lr")]
        assert float(first["nats"]) == close_to(float(second["nats"]))

    # Each of the 101 images once: none padded, none dropped.
    images = pixelsnail.data.open(tree["data"]["source"], "validation", binarize="dynamic")
    x = images.batch(range(VALIDATION), 0)
    for out in (one, two):
        nats = [float(row["nats"]) for row in rows(out) if row["split"] == "validation"]
        assert nats[-1] == close_to(-pixelsnail.load(out, weights="last").log_prob(x).mean().item())
