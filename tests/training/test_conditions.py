"""Class labels from the data to the weights: trained on, judged by, kept and drawn with."""

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail import data, evaluation
from pixelsnail.errors import UserError
from tolerance import assert_close

RECIPE = {
    "model": {"name": "PixelSNAIL", "channels": 8, "blocks": 1, "residuals": 1, "classes": 3},
    "optimizer": {"lr": 1e-2},
    "run": {"validate": 30, "samples": 0},
    "trainer": {"max_steps": 60},
}


@pytest.fixture
def source(tmp_path):
    """Three classes of images: all 0, all 1, and stripes, with a little noise."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 3
    x = np.stack([np.zeros((6, 6)), np.ones((6, 6)), np.indices((6, 6))[0] % 2])[labels].astype(np.uint8)
    x ^= (generator.random(x.shape) < 0.03).astype(np.uint8)
    parts = {"train": slice(0, 90), "validation": slice(90, 105), "test": slice(105, 120)}
    arrays = {name: x[part] for name, part in parts.items()}
    np.savez(tmp_path / "x.npz", **arrays, **{f"{name}_labels": labels[part] for name, part in parts.items()})
    return f"npz:{tmp_path / 'x.npz'}"


def train(source, out, **overrides):
    return pixelsnail.train({**RECIPE, "data": {"source": source, "batch": 16}}, out=out, **overrides)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's compiler, about itself
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_class_conditional_model_is_trained_judged_and_drawn_from(source, tmp_path, compiled):
    model = train(source, tmp_path / "run", **{"run.compile": compiled})
    images = data.open(source, "test")
    x, labels = images.batch(range(15)), images.labels
    right = -model.log_prob(x, labels)
    wrong = -model.log_prob(x, (labels + 1) % 3)
    assert (right < wrong).all()
    found = evaluation.evaluate(model, images, batch=4)
    assert_close(found.per_image, right)
    assert_close(evaluation.score(model, images, batch=4).nats, right)
    assert_close(evaluation.score(model, x, context=labels).nats, right)
    assert_close(evaluation.evaluate(model, images, context=(labels + 1) % 3).per_image, wrong)
    drawn = model.sample(30, context=torch.arange(30) % 3).double().mean((1, 2, 3))
    assert drawn[0::3].mean() < 0.2
    assert drawn[1::3].mean() > 0.8


def test_training_goes_on_with_the_same_labels(source, tmp_path):
    whole = train(source, tmp_path / "whole")
    train(source, tmp_path / "parts", **{"trainer.max_steps": 25})
    parts = train(source, tmp_path / "parts", resume=True, **{"trainer.max_steps": 60})
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)


def test_images_without_the_labels_that_a_model_wants_are_refused_before_the_first_step(source, tmp_path):
    for classes, words in ((2, "label 2.*set classes to 3"), (3, "has no labels")):
        path = tmp_path / f"{classes}.npz"
        kept = {name: array for name, array in np.load(source[4:]).items() if classes == 2 or "labels" not in name}
        np.savez(path, **kept)
        with pytest.raises(UserError, match=words):
            train(f"npz:{path}", tmp_path / "run", **{"model.classes": classes})
        assert not (tmp_path / "run").exists()


def test_evaluation_without_labels_is_refused(source, tmp_path):
    model = pixelsnail.PixelSNAIL((1, 6, 6), 2, channels=4, blocks=1, classes=3)
    x = data.open(source, "test").batch(range(4))
    bare = data.from_arrays(x)
    for judge in (evaluation.evaluate, evaluation.score):
        with pytest.raises(ValueError, match="has no labels"):
            judge(model, bare)
        with pytest.raises(ValueError, match=r"context has shape \(3,\)"):
            judge(model, bare, context=torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="context is missing"):
        evaluation.score(model, x)
    with pytest.raises(ValueError, match="unconditional"):
        evaluation.score(pixelsnail.PixelSNAIL((1, 6, 6), 2, channels=4, blocks=1), x, context=torch.zeros(4).long())


def test_what_was_trained_is_kept_when_drawing_fails(source, tmp_path, monkeypatch):
    from pixelsnail import pictures

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures, "write_png", fails)
    with pytest.raises(OSError, match="step 20"):
        train(source, tmp_path / "run", **{"run.samples": 20})
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] == 20
    assert pixelsnail.load(tmp_path / "run", weights="last").levels == 2


@pytest.mark.slow
def test_the_right_digit_s_likelihood_beats_wrong_ones_after_a_short_training(tmp_path):
    recipe = {
        "model": {"name": "PixelSNAIL", "channels": 12, "blocks": 1, "residuals": 2, "stem": 7, "classes": 10},
        "data": {"source": "mnist-mini", "binarize": "threshold", "batch": 16},
        "optimizer": {"name": "muon", "lr": 4e-3, "matrix_lr": 0.02, "schedule": "cosine"},
        "run": {"validate": 0, "samples": 0},
        "trainer": {"max_steps": 120, "accelerator": "cpu"},
    }
    model = pixelsnail.train(recipe, out=tmp_path / "run")
    images = data.open("mnist-mini", "test", binarize="threshold").head(60)
    found = pixelsnail.classify(model, images)
    right = found.nats.gather(1, images.labels[:, None])[:, 0]
    wrong = (found.nats.sum(1) - right) / 9
    assert (right < wrong).double().mean() > 0.7
    assert found.accuracy(images.labels)[0] > 0.15  # one in ten by chance
