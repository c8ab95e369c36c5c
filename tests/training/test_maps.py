"""A map beside every image, from the data to the weights: trained on, judged by, kept and drawn with."""

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail import data, evaluation
from pixelsnail.training import open_as_trained, trained_on
from tolerance import assert_close

RECIPE = {
    "model": {"name": "PixelSNAIL", "channels": 8, "blocks": 1, "residuals": 1, "map_features": 8, "map_residuals": 0},
    "optimizer": {"lr": 2e-2},
    "run": {"validate": 30, "samples": 30},
    "trainer": {"max_steps": 30, "accelerator": "cpu"},
}


@pytest.fixture
def codes(tmp_path):
    """A top level of 2 x 2 codes, 0 ... 3, and a bottom one of 4 x 4 that says the same, with a little noise."""
    random = np.random.default_rng(0)
    top = random.integers(0, 4, (120, 2, 2))
    bottom = top.repeat(2, 1).repeat(2, 2)
    bottom = np.where(random.random(bottom.shape) < 0.05, random.integers(0, 4, bottom.shape), bottom)
    np.savez(tmp_path / "codes.npz", top=top, bottom=bottom, labels=np.arange(120) % 3, levels=4)
    return tmp_path / "codes.npz"


def test_a_model_of_one_level_given_another_is_trained_judged_and_drawn_from(codes, tmp_path):
    said: list[str] = []
    source = {"source": f"npz:{codes}#bottom", "maps": "top", "batch": 16}
    model = pixelsnail.train({**RECIPE, "data": source}, out=tmp_path / "run", note=said.append)
    assert (model.condition.levels, model.condition.ratio, model.condition.channels) == (4, 2, 1)
    assert any("with a map each, 2 x 2, 4 levels" in sentence for sentence in said)
    images = open_as_trained(trained_on(tmp_path / "run"), model)
    assert images.split == "test"
    x, maps = images.batch(range(len(images))), images.maps.batch(range(len(images)))
    right, wrong = -model.log_prob(x, maps), -model.log_prob(x, (maps + 1) % 4)
    assert (right < wrong).all()
    assert right.mean() < 16 * np.log(4) / 2
    found = evaluation.evaluate(model, images, batch=4)
    assert_close(found.per_image, right)
    assert_close(evaluation.score(model, images, batch=5).nats, right)
    assert_close(evaluation.evaluate(model, images, context=(maps + 1) % 4).per_image, wrong)
    drawn = model.sample(len(maps), context=maps)
    above = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (drawn == above).float().mean() > 0.5
    assert (tmp_path / "run/samples/step_000030.png").is_file()
    about = pixelsnail.checkpoints.about(tmp_path / "run")
    assert about["maps"] == "top"
    assert trained_on(tmp_path / "run").maps == "top"


def test_a_grid_that_training_keeps_shows_the_maps_of_validation_images(codes, tmp_path):
    from pixelsnail import pictures

    source = {"source": f"npz:{codes}#bottom", "maps": "top"}
    model = pixelsnail.train({**RECIPE, "data": source}, out=tmp_path / "run", **{"trainer.max_steps": 2})
    validation = data.open(f"npz:{codes}#bottom", "validation", maps="top")
    context = validation.maps.batch([i % len(validation) for i in range(16)])
    expected = pictures.grid(model.sample(16, seed=0, context=context), 4)
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(tmp_path / "run/samples/step_000002.png")), np.asarray(expected))


def test_labels_and_maps_condition_together(codes, tmp_path):
    source = {"source": f"npz:{codes}#bottom", "maps": "top", "batch": 16}
    more = {"model.classes": 3, "model.label_dropout": 0.2, "trainer.max_steps": 4, "run.samples": 0}
    model = pixelsnail.train({**RECIPE, "data": source}, out=tmp_path / "run", **more)
    images = data.open(source["source"], "test", maps="top")
    context = {"labels": images.labels, "map": images.maps.batch(range(len(images)))}
    assert_close(evaluation.score(model, images).nats, -model.log_prob(images.batch(range(len(images))), context))
    assert model.sample(2, context={name: part[:2] for name, part in context.items()}, guidance=1.0).shape == (
        2,
        1,
        4,
        4,
    )
    whole = pixelsnail.train({**RECIPE, "data": source}, out=tmp_path / "a", **more, **{"run.checkpoint": 2})
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole.parameters(), strict=True))


def test_dropped_labels_are_the_same_after_going_on(codes, tmp_path):
    source = {"source": f"npz:{codes}#bottom", "batch": 16}
    model = {"name": "PixelSNAIL", "channels": 4, "blocks": 1, "residuals": 1, "classes": 3, "label_dropout": 0.5}
    recipe = {**RECIPE, "model": model, "data": source, "run": {"samples": 0, "validate": 0}}
    pixelsnail.train(recipe, out=tmp_path / "whole", **{"trainer.max_steps": 7})
    pixelsnail.train(recipe, out=tmp_path / "parts", **{"trainer.max_steps": 3})
    pixelsnail.train(recipe, out=tmp_path / "parts", resume=True, **{"trainer.max_steps": 7})
    whole, parts = (pixelsnail.load(tmp_path / name, weights="last") for name in ("whole", "parts"))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))


def test_what_cannot_be_conditioned_so_is_refused_before_the_first_step(codes, tmp_path):
    source = f"npz:{codes}#bottom"
    for overrides, words in (
        ({"model.name": "PixelRNN"}, "data.maps is 'top', but PixelRNN takes no map; leave it out, or take PixelSNAIL"),
        ({"model.map_levels": 3}, r"holds code 3, but this model is conditioned on codes 0 \.\.\. 2"),
        ({"model.map_ratio": 4}, r"this model is conditioned on \(1, 1, 1\)"),
        ({"data.maps": "middle"}, "expected an array middle"),
        ({"data.maps": None, "model.map_levels": 4}, "has no maps beside its images"),
    ):
        model = {"name": "PixelRNN"} if "model.name" in overrides else RECIPE["model"]
        with pytest.raises(ValueError, match=words):
            pixelsnail.train(
                {**RECIPE, "model": model, "data": {"source": source, "maps": "top"}}, out=tmp_path / "run", **overrides
            )
        assert not (tmp_path / "run").exists()


def test_another_source_does_not_take_the_recipe_s_maps(codes):
    from pixelsnail.training import read

    said: list[str] = []
    recipe = {**RECIPE, "data": {"source": f"npz:{codes}#bottom", "maps": "top"}}
    assert read(recipe, {"data": "mnist-mini"}, said.append).data.maps is None
    assert "The recipe's data.maps top is for npz:" in said[0]
    assert read(recipe, {"data": "mnist-mini", "data.maps": "npz:a.npz"}).data.maps == "npz:a.npz"
