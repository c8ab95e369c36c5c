"""What users of such software ran into, end to end."""

import numpy as np
import pytest
import torch
from PIL import Image

import pixelsnail
from pixelsnail import pictures
from tiny import context_of, every_model, fit, random_levels
from tolerance import assert_close


@every_model
@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1), (1, 9), (9, 1)])
def test_maps_of_any_size_train_a_step_are_scored_and_sampled(build, size):
    """Sizes that were baked into scripts."""
    shape = fit(build, (1, *size))
    model = build(shape, 5)
    x = random_levels(5, (2, *shape))
    context = context_of(model, 2, shape[1:])
    before = model.log_prob(x, context).mean()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)
    model.pixel_nats(x, context).sum((1, 2)).mean().backward()
    optimizer.step()
    assert model.log_prob(x, context).mean() > before
    assert model.sample(2, batch=2, context=context).shape == (2, *shape)


@pytest.mark.parametrize(
    ("model", "head", "steps"),
    [
        ({"name": "PixelSNAIL"}, "Categorical", 60),
        ({"name": "PixelSNAIL"}, "LogisticMixture", 60),
        ({"name": "PixelSNAILOriginal", "dropout": 0.0}, "LogisticMixture", 150),
    ],
)
def test_a_model_of_red_images_draws_red_images_and_writes_them_red(model, head, steps, tmp_path):
    """Three channels, their order, and a head that fits."""
    random = np.random.default_rng(0)
    red = random.integers(0, 12, (256, 8, 8, 3), dtype=np.uint8)
    red[..., 0] += 240
    np.savez(tmp_path / "red.npz", train=red)
    recipe = {
        "model": {**model, "channels": 16, "blocks": 1, "residuals": 1, "head": head},
        "data": {"source": f"npz:{tmp_path / 'red.npz'}", "batch": 32},
        "optimizer": {"lr": 2e-2, "schedule": "cosine"},
        "run": {"samples": 0},
        "trainer": {"max_steps": steps, "accelerator": "cpu"},
    }
    notes: list[str] = []
    model = pixelsnail.train(recipe, out=tmp_path / "run", note=notes.append)
    assert type(model.head).__name__ == head
    assert any("as independent" in note for note in notes) == (head == "Categorical")
    samples = model.sample(16)
    assert samples[:, 0].float().mean() > 200
    assert samples[:, 1:].float().mean() < 50
    pictures.write_png(pictures.grid(samples, 256, columns=4, scale=1), tmp_path / "red.png")
    picture = np.asarray(Image.open(tmp_path / "red.png").convert("RGB"))
    inside = picture[2:10, 2:10].reshape(-1, 3).mean(0)
    assert inside[0] > 200
    assert inside[1:].max() < 60


@torch.no_grad()
def test_a_codebook_of_512_has_exactly_512_outcomes_a_position():
    """No start token or padding takes part of the probability."""
    model = pixelsnail.PixelSNAIL((1, 4, 4), 512, channels=8, blocks=1, residuals=1).eval()
    x = random_levels(512, (2, 1, 4, 4))
    table = model.distribution(x).table(0)
    assert table.shape == (2, 4, 4, 512)
    assert_close(table.sum(-1), torch.ones(2, 4, 4))
    assert int(model.sample(4).max()) < 512
