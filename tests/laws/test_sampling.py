"""The same seed gives the same image, however it is drawn."""

import pytest
import torch

from pixelsnail.distributions import LogisticMixture
from pixelsnail.engine import Draw, Known, naive_walk, walk
from tiny import every_model, fit, random_levels
from tolerance import assert_close

SHAPES = [((1, 4, 5), 2), ((1, 3, 4), 7), ((2, 4, 3), 3)]


@every_model
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_every_walk_gives_the_naive_image(build, shape, levels):
    """In float64 always: for every segment, and again after the weights, the batch and the seed changed."""
    shape = fit(build, shape)
    model = build(shape, levels).double()
    for batch, seed in ((3, 0), (1, 5)):
        expected = naive_walk(model, Draw(seed), batch)
        for segment in (None, 1, 2, shape[2], 2 * shape[2], shape[1] * shape[2]):
            assert torch.equal(walk(model, Draw(seed), batch, segment=segment), expected), f"segment {segment}"
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(-0.7)


@every_model
def test_nothing_of_another_dtype_is_remembered(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3).double()
    expected = naive_walk(model, Draw(0), 2)
    walk(model.float(), Draw(0), 2)
    assert torch.equal(walk(model.double(), Draw(0), 2), naive_walk(model, Draw(0), 2))
    assert torch.equal(walk(build(shape, 3).double(), Draw(0), 2), expected)


@every_model
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_in_float32_images_differ_only_after_a_near_tie(build, shape, levels):
    model = build(fit(build, shape), levels)
    expected = naive_walk(model, Draw(1), 8)
    for segment in (1, 2, 2 * shape[2]):
        drawn = walk(model, Draw(1), 8, segment=segment)
        for image in range(8):
            differs = (drawn[image] != expected[image]).any(0).flatten().nonzero()
            if len(differs):
                assert margin(model, expected[image : image + 1], image, int(differs[0])) < 1e-4


@torch.no_grad()
def margin(model, x, image, t):
    """How far pixel t's decision is from another one: moving every parameter by this may change it."""
    decisions = Draw(1, first=image).start(model.head, 1, tuple(x.shape[1:]), x.device)
    parameters = model.double()(x).flatten(2)[:, :, None, t : t + 1]
    model.float()
    levels = decisions.decide(torch.tensor([0]), torch.tensor([[t]]), model.head.distribution(parameters))
    for size in (1e-6, 1e-5, 1e-4):
        for _ in range(20):
            moved = parameters + size * torch.randn_like(parameters).sign()
            if not torch.equal(
                decisions.decide(torch.tensor([0]), torch.tensor([[t]]), model.head.distribution(moved)), levels
            ):
                return size
    return 1.0


@every_model
def test_image_i_depends_on_seed_and_i_alone(build):
    model = build(fit(build, (1, 4, 5)), 3).double()
    ten = model.sample(10, seed=4)
    assert torch.equal(model.sample(7, seed=4, batch=3), ten[:7])
    assert torch.equal(model.sample(10, seed=4, batch=1), ten)
    assert torch.equal(model.sample(2, seed=4, engine="naive"), ten[:2])
    assert not torch.equal(model.sample(10, seed=5), ten)
    assert len({tuple(image.flatten().tolist()) for image in ten}) > 5


@every_model
@pytest.mark.parametrize("mask", ["top", "left", "scattered", "all", "none", "each its own", "each channel its own"])
def test_completing_keeps_what_is_known(build, mask):
    shape, levels = fit(build, (2, 4, 5)), 3
    size = height, width = shape[1:]
    model = build(shape, levels).double()
    x = random_levels(levels, (3, *shape))
    generator = torch.Generator().manual_seed(0)
    known = {
        "top": torch.arange(height)[:, None].expand(size) < 2,
        "left": torch.arange(width).expand(size) < 3,
        "scattered": torch.rand(size, generator=generator) < 0.5,
        "all": torch.ones(size, dtype=torch.bool),
        "none": torch.zeros(size, dtype=torch.bool),
        "each its own": torch.rand(3, 1, *size, generator=generator) < 0.5,
        "each channel its own": torch.rand(3, *shape, generator=generator) < 0.5,
    }[mask]
    completed = model.complete(x, known, seed=2)
    kept = known.expand(3, *shape)
    assert torch.equal(completed[kept].long(), x[kept])
    assert torch.equal(model.complete(x, known, seed=2, engine="naive"), completed)
    assert torch.equal(model.complete(x, known, seed=2, batch=2), completed)
    source = Known(x, known.expand(3, -1, *size) if known.dim() == 4 else known.expand(3, 1, *size), Draw(2))
    assert torch.equal(walk(model, source, 3, segment=1), completed.long())
    if mask == "none":
        assert torch.equal(completed, model.sample(3, seed=2))


@every_model
def test_levels_under_the_mask_are_ignored_whatever_they_are(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 2)
    x = random_levels(2, (2, *shape))
    known = torch.arange(shape[1])[:, None].expand(shape[1:]) < 2
    rubbish = torch.where(known, x, torch.full_like(x, -77))
    assert torch.equal(model.complete(rubbish, known), model.complete(x, known))


@every_model
def test_at_a_low_temperature_what_is_drawn_is_certain(build):
    model = build(fit(build, (1, 3, 4)), 5).double()
    x = model.sample(1, temperature=1e-6).long()
    probabilities = model.distribution(x, temperature=1e-6).table(0).gather(-1, x.permute(0, 2, 3, 1))
    assert_close(probabilities, torch.ones_like(probabilities), torch.float64)
    if not isinstance(model.head, LogisticMixture):  # whose likeliest component need not hold the likeliest level
        assert torch.equal(model.distribution(x).table(0).argmax(-1), x[:, 0])
