import re
import runpy
import sys
import time
from pathlib import Path

import torch
import yaml

from pixelsnail.training import read

SCRIPT = Path(__file__).parents[2] / "scripts" / "timed.py"


def test_training_and_its_decay_end_with_the_time(tiny, tmp_path, monkeypatch, capsys):
    optimizer = {"name": "muon", "schedule": "trapezoid", "cooldown": 0.5}
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(yaml.safe_dump(tiny(optimizer=optimizer, run={"samples": 0, "validate": 0, "log": 1})))
    words = [str(recipe), "--minutes", "0.1", "--out", str(run), "--optimizer.lr", "0.02"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    start = time.monotonic()
    runpy.run_path(str(SCRIPT), run_name="__main__")
    seconds = time.monotonic() - start
    steps = int(re.search(r"([\d,]+) steps", capsys.readouterr().out)[1].replace(",", ""))
    state = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] == steps
    assert state["lr_schedulers"][0]["_last_lr"] == [0.0, 0.0]
    assert read(run / "recipe.yaml").optimizer.lr == 0.02
    assert seconds < 60  # of 6: other work may take the processor meanwhile


def test_recipes_of_digits_are_the_published_model_but_for_stem_keys_and_positions():
    assert read("mnist-long").model == {**read("mnist").model, "stem": 7, "key": 16}
    assert read("mnist-gpu").model == {**read("mnist").model, "stem": 7, "key": 16, "frequencies": 4}
    for name in ("mnist-fast", "mnist-gpu"):
        assert read(name).optimizer.cooldown < 1  # a share, which holds for any number of steps
