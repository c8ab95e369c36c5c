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


def test_a_prior_s_memory_grows_with_positions_and_not_with_their_square():
    """Case C07: of what a training step keeps for gradients, beside weights, nothing is positions by positions."""
    kept = {}
    for size in (8, 16, 32):
        model = pixelsnail.PixelSNAILPrior(
            (1, size, size), 8, channels=16, kernel=3, blocks=1, residuals=1, residual_channels=8, heads=2
        )
        sizes: dict[int, int] = {}

        def see(tensor, sizes=sizes):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
            nats = model.pixel_nats(random_levels(8, (1, 1, size, size))).sum()
        nats.backward()
        weights = sum(parameter.numel() * 4 for parameter in model.parameters())
        kept[size] = sum(sizes.values()) - weights
        assert max(sizes.values()) < 4 * 8 * (16 + 2) * size**2 + weights
    assert kept[32] / kept[16] < 6
    assert kept[16] / kept[8] < 6


@torch.no_grad()
def test_a_top_of_16_x_16_conditions_a_bottom_of_32_x_32():
    """Cases C08 and C26: sizes are the data's, and the map is used."""
    widths = {"channels": 16, "blocks": 1, "residuals": 1, "residual_channels": 8, "map_features": 8}
    for size in ((16, 16), (14, 10), (1, 1)):
        height, width = size
        bottom = pixelsnail.PixelSNAILPrior((1, 2 * height, 2 * width), 20, attention=False, map_levels=20, **widths)
        top = random_levels(20, (2, 1, *size))
        x = bottom.sample(2, context=top, temperature=2.0).long()
        assert x.shape == (2, 1, 2 * height, 2 * width)
        assert bottom.log_prob(x, top).isfinite().all()
        assert not torch.equal(bottom.log_prob(x, top), bottom.log_prob(x, (top + 1) % 20))
