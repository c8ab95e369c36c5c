"""How images are read is said in the recipe, kept in the run, and done again by whoever judges it."""

import json

import numpy as np
import pytest
from PIL import Image

from pixelsnail import data
from pixelsnail.cli import main
from pixelsnail.training import open_as_trained, read, train, trained_on

WIDTHS = {"channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2}
SHORT = ("--trainer.max_steps=2", "--trainer.accelerator=cpu", "--run.samples=0", "--model.channels=4")


@pytest.fixture
def deep(tmp_path):
    """A folder of grey images of 16 bits, which the lower 8 tell apart."""
    random = np.random.default_rng(0)
    for split, count in {"train": 6, "validation": 2, "test": 3}.items():
        (tmp_path / "deep" / split).mkdir(parents=True)
        for i in range(count):
            values = random.integers(256, 512, (5, 4)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "deep" / split / f"{i}.png")
    return f"folder:{tmp_path / 'deep'}"


def test_all_16_bits_are_trained_on_and_judged(deep, tmp_path, capsys):
    run = tmp_path / "run"
    line = ["train", "demo", "--out", str(run), "--data", deep, "--data.levels", "65536", *SHORT]
    assert main([*line, "--model.head", "LogisticMixture", "--model.blocks", "1"]) == 0
    assert "65,536 levels" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["levels"], found["split"]) == (65536, "test")
    assert main(["score", str(run), "--data", deep, "--split", "train", "--out", str(tmp_path / "a.csv")]) == 0
    assert "65,536 levels" in capsys.readouterr().err
    whole = data.open(deep, "test", levels=65536).batch(range(3))
    model = train(read(run / "recipe.yaml"), out=tmp_path / "other", **{"trainer.max_steps": 1})
    assert open_as_trained(trained_on(run), model).batch(range(3)).equal(whole)
    assert len(whole.unique()) > 2


def test_axes_are_kept_in_the_run(tmp_path, capsys):
    """(N, 3, 2, 2) is three channels or two."""
    x = np.random.default_rng(0).integers(0, 5, (30, 3, 2, 2))
    source, run = f"npy:{tmp_path / 'x.npy'}", tmp_path / "run"
    np.save(tmp_path / "x.npy", x)
    assert main(["train", "demo", "--out", str(run), "--data", source, *SHORT]) == 1
    assert "say which: axes NCHW or NHWC" in capsys.readouterr().err
    assert main(["train", "demo", "--out", str(run), "--data", source, "--data.axes", "NCHW", *SHORT]) == 0
    assert main(["evaluate", str(run)]) == 0
    np.save(tmp_path / "y.npy", x.transpose(0, 2, 3, 1))
    other = ["evaluate", str(run), "--data", f"npy:{tmp_path / 'y.npy'}"]
    assert main(other) == 1
    assert "say which" in capsys.readouterr().err
    assert main([*other, "--axes", "NHWC"]) == 0
    assert "RGB, 2 x 2" in capsys.readouterr().err


def test_what_a_recipe_says_of_its_source_is_not_said_of_another():
    notes: list[str] = []
    recipe = {"model": {"name": "PixelSNAIL"}, "data": {"source": "npz:a.npz", "levels": 17, "axes": "NHWC"}}
    assert read(recipe).data.levels == 17
    other = read(recipe, {"data.source": "npz:b.npz", "data.levels": 9}, notes.append).data
    assert (other.levels, other.axes) == (9, None)
    assert notes == ["The recipe's data.axes NHWC is for npz:a.npz; npz:b.npz is taken as it is unless you set it."]


@pytest.mark.parametrize("levels", [1, 0, "many"])
def test_a_number_of_levels_that_cannot_be(levels):
    with pytest.raises((ValueError, TypeError), match=r"data\.levels is .*; expected"):
        read({"model": {"name": "PixelSNAIL"}, "data": {"levels": levels}})
