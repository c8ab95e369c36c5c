"""The same seed gives the same image, however it is drawn."""

import pytest
import torch

from pixelsnail.engine import Draw, Known, Plan, steps
from tiny import context_of, every_model, fit, naive, random_levels, same_context, walked
from tolerance import assert_close

SHAPES = [((1, 4, 5), 2), ((1, 3, 4), 7), ((2, 4, 3), 3)]


@every_model
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_every_walk_gives_the_naive_image(build, shape, levels):
    """In float64 always: for every segment, and again after the weights, the batch and the seed changed."""
    shape = fit(build, shape)
    model = build(shape, levels).double()
    for batch, seed in ((3, 0), (1, 5)):
        expected = naive(model, Draw(seed), batch)
        for segment in (None, 1, 2, shape[2], 2 * shape[2], shape[1] * shape[2]):
            assert torch.equal(walked(model, Draw(seed), batch, segment=segment), expected), f"segment {segment}"
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(-0.7)


@every_model
def test_nothing_of_another_dtype_is_remembered(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3).double()
    expected = naive(model, Draw(0), 2)
    walked(model.float(), Draw(0), 2)
    assert torch.equal(walked(model.double(), Draw(0), 2), naive(model, Draw(0), 2))
    assert torch.equal(walked(build(shape, 3).double(), Draw(0), 2), expected)


@every_model
@pytest.mark.parametrize(("shape", "levels"), SHAPES)
def test_in_float32_images_differ_only_after_a_near_tie(build, shape, levels):
    model = build(fit(build, shape), levels)
    expected = naive(model, Draw(1), 8)
    for segment in (1, 2, 2 * shape[2]):
        drawn = walked(model, Draw(1), 8, segment=segment)
        for image in range(8):
            differs = (drawn[image] != expected[image]).any(0).flatten().nonzero()
            if len(differs):
                assert margin(model, expected[image : image + 1], image, int(differs[0])) < 1e-4


@torch.no_grad()
def margin(model, x, image, t):
    """How far pixel t's decision is from another one: moving every parameter by this may change it."""
    context = same_context(model, 1, image)
    cache = model.start(1, context=context)
    cache.position += t
    segment, decisions = cache.segment(1), Draw(1, first=image).start(model.head, cache)
    parameters = model.double()(x, context=context).flatten(2)[:, :, None, t : t + 1]
    model.float()

    def decided(parameters):
        return decisions.decide(segment, model.head.distribution(parameters), segment.levels)[0]

    levels = decided(parameters)
    for size in (1e-6, 1e-5, 1e-4):
        for _ in range(20):
            moved = parameters + size * torch.randn_like(parameters).sign()
            if not torch.equal(decided(moved), levels):
                return size
    return 1.0


@every_model
def test_image_i_depends_on_seed_and_i_alone(build):
    model = build(fit(build, (1, 4, 5)), 3).double()
    ten = model.sample(10, seed=4, context=context_of(model, 10))
    assert torch.equal(model.sample(7, seed=4, batch=3, context=context_of(model, 7)), ten[:7])
    assert torch.equal(model.sample(10, seed=4, batch=1, context=context_of(model, 10)), ten)
    assert torch.equal(model.sample(2, seed=4, engine="naive", context=context_of(model, 2)), ten[:2])
    assert not torch.equal(model.sample(10, seed=5, context=context_of(model, 10)), ten)
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
    context = context_of(model, 3)
    source = Known(x, known.expand(3, -1, *size) if known.dim() == 4 else known.expand(3, 1, *size), Draw(2))
    if mask in ("all", "none"):  # no completion, but a source
        expected = x if mask == "all" else model.sample(3, seed=2, context=context).long()
        assert torch.equal(walked(model, source, 3), expected)
        return
    completed = model.complete(x, known, seed=2, context=context)
    kept = known.expand(3, *shape)
    assert torch.equal(completed[kept].long(), x[kept])
    assert torch.equal(model.complete(x, known, seed=2, engine="naive", context=context), completed)
    assert torch.equal(model.complete(x, known, seed=2, batch=2, context=context), completed)
    assert torch.equal(walked(model, source, 3, segment=1), completed.long())


@every_model
def test_levels_under_the_mask_are_ignored_whatever_they_are(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 2)
    x = random_levels(2, (2, *shape))
    known = torch.arange(shape[1])[:, None].expand(shape[1:]) < 2
    rubbish = torch.where(known, x, torch.full_like(x, -77))
    context = context_of(model, 2)
    assert torch.equal(model.complete(rubbish, known, context=context), model.complete(x, known, context=context))


@every_model
@pytest.mark.parametrize("temperature", [0, 1e-300, 1e-38])
def test_without_temperature_every_pixel_takes_its_likeliest_level(build, temperature):
    model = build(fit(build, (2, 3, 4)), 5).double()
    context = context_of(model, 3)
    x = model.sample(3, temperature=temperature, context=context).long()
    assert torch.equal(model.sample(3, temperature=0, context=context, seed=1, engine="naive").long(), x)
    values = x.permute(0, 2, 3, 1)
    certain, plain = (model.distribution(x, context, t) for t in (temperature, 1.0))
    for channel in range(2):
        before = values[..., :channel] if channel else None
        assert torch.equal(plain.table(channel, before).argmax(-1), values[..., channel])
        found = certain.table(channel, before).gather(-1, values[..., channel, None])
        assert_close(found, torch.ones_like(found), torch.float64)
    assert_close(certain.log_prob(values), torch.zeros(values.shape[:3]).double(), torch.float64)
    assert (certain.log_prob((values + 1) % 5) < -1e6).all()


@every_model
def test_a_walk_can_be_seen_and_left_at_every_call(build):
    """After each call decided pixels are those of the finished images, more of them than before, and never fewer."""
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3).double()
    expected = walked(model, Draw(6), 4).flatten(2)
    before = torch.zeros(4, dtype=torch.long)
    cache = model.start(4, context=context_of(model, 4))
    calls = 0
    for calls, step in enumerate(steps(model, Draw(6), cache, Plan(segment=3)), 1):  # noqa: B007
        assert (step.decided >= before).all()
        assert (step.decided > before).any()
        before = step.decided
        decided = torch.arange(expected.shape[-1]) < step.decided[:, None]
        assert torch.equal(step.levels.flatten(2)[decided[:, None]], expected[decided[:, None]])
    assert (before == expected.shape[-1]).all()
    assert calls > 3


@every_model
def test_a_plan_changes_nothing_but_time(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3).double()
    expected = walked(model, Draw(6), 6)
    for leave in (0.0, 0.5, 1.0):  # finished images never leave, leave late, or leave at once
        for segment in (2, 5):
            cache = model.start(6, context=context_of(model, 6))
            *_, last = steps(model, Draw(6), cache, Plan(segment=segment, leave=leave))
            assert torch.equal(last.levels, expected)
