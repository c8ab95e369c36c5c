"""Images in memory and models that are there, in place of what a recipe names."""

import csv
import shutil

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from torch.utils.data import Subset, TensorDataset

import pixelsnail
from pixelsnail import data
from pixelsnail.cli import main
from pixelsnail.models import PixelSNAIL, PixelSNAILOriginal
from pixelsnail.nn import CausalConv, PixelConv, Pointwise, UnitScale, elu
from pixelsnail.training import open_as_trained, train, trained_on
from tolerance import assert_close

LEVELS = np.random.default_rng(0).integers(0, 17, (40, 6, 5)).astype(np.uint8)
LEVELS[0, 0, 0] = 16
LABELS = np.arange(40) % 3
SMALL = {"channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2}
SHORT = {"trainer.max_steps": 4, "trainer.accelerator": "cpu", "data.batch": 8, "run.samples": 0, "run.log": 1}


def small(levels: int = 17, **more: int) -> PixelSNAIL:
    torch.manual_seed(3)
    return PixelSNAIL((1, 6, 5), levels, **SMALL, **more)


def recipe_of(run):
    return yaml.safe_load((run / "recipe.yaml").read_text())


FORMS = {
    "array": lambda: LEVELS,
    "channels last": lambda: LEVELS[..., None],
    "floats": lambda: LEVELS.astype(np.float64),
    "tensor": lambda: torch.tensor(LEVELS)[:, None],
    "data set": lambda: TensorDataset(torch.tensor(LEVELS)),
    "images": lambda: data.from_arrays(LEVELS),
    "part": lambda: Subset(data.from_arrays(np.concatenate([LEVELS, LEVELS])), range(40)),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_form_images_have_in_memory_training_is_that_of_the_file(form, tmp_path):
    np.savez(tmp_path / "x.npz", train=LEVELS)
    fields = {"model": {"name": "PixelSNAIL", **SMALL}, **SHORT}
    of_file = train(fields, data=f"npz:{tmp_path / 'x.npz'}", out=tmp_path / "file")
    of_memory = train(fields, data=FORMS[form](), out=tmp_path / "memory")
    for one, two in zip(of_file.parameters(), of_memory.parameters(), strict=True):
        assert torch.equal(one, two)


def test_data_in_memory_wins_over_the_recipes_source_and_its_binarisation(tmp_path):
    notes: list[str] = []
    model = train("demo", data=LEVELS, out=tmp_path / "run", note=notes.append, **SHORT, model=SMALL)
    assert (model.shape, model.levels) == ((1, 6, 5), 17)
    assert any("data.binarize dynamic is for mnist-mini; memory is taken as it is" in note for note in notes)
    assert any("There are no validation images" in note for note in notes)
    section = recipe_of(tmp_path / "run")["data"]
    assert section["source"].startswith("memory:")
    assert section["binarize"] == "none"


def test_a_run_on_images_in_memory_says_that_they_cannot_be_opened_again(tmp_path, capsys):
    run = tmp_path / "run"
    model = train(small(), data=LEVELS, out=run, **SHORT)
    assert not trained_on(run).can_open
    with pytest.raises(ValueError, match="was trained on images in memory, which cannot be opened again; say which"):
        open_as_trained(trained_on(run), model)
    assert main(["evaluate", str(run)]) == 2
    said = capsys.readouterr().err
    assert f"pixelsnail: {run} was trained on images in memory, which cannot be opened again; say which images" in said
    np.savez(tmp_path / "x.npz", x=LEVELS)
    assert main(["evaluate", str(run), "--data", f"npz:{tmp_path / 'x.npz'}"]) == 0
    assert main(["train", str(run / "recipe.yaml"), "--out", str(run), "--resume"]) == 1
    assert "cannot be opened again; resume from Python" in capsys.readouterr().err


def test_validation_images_are_given_or_held_out(tmp_path):
    for name, more in {"given": {"validation": LEVELS[:7] // 2}, "held": {"data.validation": 7}}.items():
        train(small(), data=LEVELS, out=tmp_path / name, **more, **SHORT)
        with (tmp_path / name / "metrics.csv").open(encoding="utf-8") as file:
            assert {row["split"] for row in csv.DictReader(file)} == {"train", "validation"}
    with pytest.raises(ValueError, match=r"data.validation is 7 beside validation images"):
        train(small(), data=LEVELS, validation=LEVELS, out=tmp_path / "both", **{"data.validation": 7}, **SHORT)
    with pytest.raises(ValueError, match="validation is for images in memory"):
        train("demo", validation=LEVELS, out=tmp_path / "both")
    with pytest.raises(ValueError, match=r"data.validation is 40, but there are 40 images"):
        train(small(), data=LEVELS, out=tmp_path / "both", **{"data.validation": 40}, **SHORT)


@pytest.mark.parametrize("held", [0, 7])
def test_resuming_takes_the_same_images_and_no_others(held, tmp_path):
    fields = {**SHORT, "data.validation": held}
    whole = train(small(), data=LEVELS, out=tmp_path / "whole", **fields)
    run = tmp_path / "run"
    train(small(), data=LEVELS, out=run, **{**fields, "trainer.max_steps": 2})
    with pytest.raises(ValueError, match=r"These images \(memory:.*\) are not those that .* was trained on"):
        train(small(), data=LEVELS[::-1], out=run, resume=True, **fields)
    shutil.copytree(run, tmp_path / "copy")
    resumed = train(small(), data=torch.tensor(LEVELS), out=run, resume=True, **fields)
    by_recipe = train(
        tmp_path / "copy/recipe.yaml", data=LEVELS, out=tmp_path / "copy", resume=True, **{"trainer.max_steps": 4}
    )
    for one, *others in zip(whole.parameters(), resumed.parameters(), by_recipe.parameters(), strict=True):
        assert all(torch.equal(one, other) for other in others)


def test_fingerprints_tell_images_labels_and_order_apart():
    prints = [
        data.from_arrays(x, labels).fingerprint()
        for x, labels in [
            (LEVELS, None), (LEVELS, LABELS), (LEVELS, LABELS[::-1]), (LEVELS[::-1], None), (LEVELS[:39], None),
        ]
    ]  # fmt: skip
    assert len(set(prints)) == 5
    assert data.from_arrays(LEVELS.astype(np.int64)).fingerprint() == prints[0]


def test_a_fingerprint_of_more_than_memory_looks_at_a_part(monkeypatch):
    images = data.from_arrays(LEVELS)
    whole = images.fingerprint()
    monkeypatch.setattr("pixelsnail.data.images.MEMORY", 0)
    monkeypatch.setattr("pixelsnail.data.images.SEEN", 3)
    assert images.fingerprint() == images.fingerprint() != whole


def test_labels_reach_a_conditional_model(tmp_path):
    model = small(classes=3)
    train(model, data=(LEVELS, LABELS), out=tmp_path / "run", **SHORT)
    with pytest.raises(ValueError, match="has no labels"):
        train(small(classes=3), data=LEVELS, out=tmp_path / "other", **SHORT)
    found = pixelsnail.evaluate(model, (LEVELS, LABELS))
    wrong = pixelsnail.evaluate(model, (LEVELS, (LABELS + 1) % 3))
    assert not torch.equal(found.draws, wrong.draws)


class Own(pixelsnail.Model):
    """A model of a user's own, which no table of models has."""

    def __init__(self, shape=(1, 6, 5), levels=17, channels=4, head=None):
        super().__init__(shape, levels, head)
        self.stem = PixelConv(UnitScale(levels), CausalConv.masked(shape[0], channels, 3, centre=False))
        self.out = Pointwise(channels, self.head.size)

    def forward(self, x, segment=None, context=None):
        return self.out(elu(self.stem(x, segment)))


def test_a_model_of_ones_own_is_trained_kept_and_resumed(tmp_path):
    torch.manual_seed(0)
    first = [one.clone() for one in Own().parameters()]

    def start():
        model = Own()
        with torch.no_grad():
            for one, value in zip(model.parameters(), first, strict=True):
                one.copy_(value)
        return model

    whole = train(start(), data=LEVELS, out=tmp_path / "whole", **SHORT)
    assert type(whole) is Own
    train(start(), data=LEVELS, out=tmp_path / "run", **{**SHORT, "trainer.max_steps": 2})
    resumed = train(Own(), data=LEVELS, out=tmp_path / "run", resume=True, **SHORT)
    for before, one, two in zip(first, whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)
        assert not torch.equal(one, before)
    assert pixelsnail.checkpoints.about(tmp_path / "run")["steps"] == 4


def test_a_model_that_is_given_is_trained_with_the_weights_it_has_and_returned(tmp_path):
    model = small()
    before = [one.clone() for one in model.parameters()]
    still = train(model, data=LEVELS, out=tmp_path / "still", **SHORT, **{"optimizer.lr": 0.0})
    assert still is model
    assert not model.training
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))
    train(model, data=LEVELS, out=tmp_path / "run", **SHORT, **{"run.checkpoint_activations": True})
    assert any(not torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))
    assert not any("forward" in vars(block) for block in model.blocks)
    loaded = pixelsnail.load(tmp_path / "run")
    assert all(torch.equal(one, two) for one, two in zip(loaded.parameters(), model.parameters(), strict=True))


def test_weight_normalised_layers_are_initialised_by_data_where_that_is_asked_for(tmp_path):
    def gains(**more):
        torch.manual_seed(0)
        model = PixelSNAILOriginal((1, 6, 5), 17, channels=4, blocks=1, residuals=1, key=2, head="Categorical")
        train(model, data=LEVELS, out=tmp_path / "run", overwrite=True, **SHORT, **{"optimizer.lr": 0.0}, **more)
        return torch.cat(
            [one.gain.flatten() for one in model.modules() if isinstance(getattr(one, "gain", None), nn.Parameter)]
        )

    assert gains().unique().numel() == 1
    assert gains(**{"run.initialize": 16}).unique().numel() > 1


def test_a_model_takes_the_place_of_a_recipes_own(tmp_path):
    notes: list[str] = []
    train("demo", model=small(256), data=LEVELS * 15, out=tmp_path / "run", note=notes.append, **SHORT)
    recipe = recipe_of(tmp_path / "run")
    assert recipe["model"]["channels"] == 4
    assert recipe["optimizer"]["name"] == "muon"
    with pytest.raises(ValueError, match=r"model.channels cannot be set, since the model is given"):
        train("demo", model=small(), data=LEVELS, out=tmp_path / "other", **SHORT, **{"model.channels": 8})
    with pytest.raises(
        ValueError, match=r"The shape of the model is \(1, 6, 5\), but the images of .* are \(1, 5, 5\)"
    ):
        train(small(), data=LEVELS[:, :5], out=tmp_path / "other", **SHORT)
    with pytest.raises(ValueError, match="The levels of the model is 16, but the images of the images given have 17"):
        train(small(16), data=LEVELS, out=tmp_path / "other", **SHORT)
    with pytest.raises(ValueError, match="a model and nothing to train it on"):
        train(small(), out=tmp_path / "other", **SHORT)
    with pytest.raises(TypeError, match=r"The model is a Linear; expected a pixelsnail\.Model or a recipe"):
        train(nn.Linear(1, 1), data=LEVELS, out=tmp_path / "other", **SHORT)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("form", FORMS)
def test_whatever_form_images_have_they_are_judged_alike(form):
    model = small()
    found = pixelsnail.evaluate(model, FORMS[form]())
    nats = -model.log_prob(torch.tensor(LEVELS)[:, None])
    assert_close(found.draws[0].float(), nats.float())
    assert_close(pixelsnail.evaluation.score(model, FORMS[form]()).nats.float(), nats.float())
    with pytest.raises(ValueError, match="holds level 16, but"):
        pixelsnail.evaluate(small(16), LEVELS)


def test_colour_in_the_models_own_axes_needs_no_axes():
    """(N, 3, 4, 4) alone is three channels or four of 3 x 4."""
    model = PixelSNAIL((3, 2, 3), 5, **SMALL)
    x = np.random.default_rng(0).integers(0, 5, (4, 3, 2, 3))
    assert_close(pixelsnail.evaluate(model, x).draws[0].float(), -model.log_prob(torch.tensor(x)).float())
