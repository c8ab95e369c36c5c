"""A pixel's parameters depend on the pixels before it, on all of them, and on nothing else."""

import pytest
import torch

from tiny import MODELS, ONE_SIZE, SEES_ALL, context_of, every_model, fit, random_levels, same_context

SHAPE = (1, 5, 7)


def parameters_after_each_change(build, shape, levels):
    """For every t: the parameters of one image, and those with pixel t changed, in the same place of one batch."""
    shape = fit(build, shape)
    model = build(shape, levels).double()
    x = random_levels(levels, (1, *shape), seed=1)
    pixels = shape[1] * shape[2]
    changed = x.repeat(pixels, 1, 1, 1)
    for t in range(pixels):
        changed[t].view(shape[0], -1)[:, t] += 1
    with torch.inference_mode():
        context = same_context(model, pixels, 1)
        before = model(x.repeat(pixels, 1, 1, 1), context=context).flatten(2)
        return before, model(changed % levels, context=context).flatten(2)


@every_model
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (1, 3), (2, 3)])
def test_no_parameter_depends_on_its_own_pixel_or_a_later_one(build, channels, levels):
    before, after = parameters_after_each_change(build, (channels, 5, 7), levels)
    for t in range(before.shape[-1]):
        assert torch.equal(before[t, :, : t + 1], after[t, :, : t + 1]), f"pixel {t} is seen too early"


@pytest.mark.parametrize("name", sorted(SEES_ALL))
def test_every_later_pixel_depends_on_every_earlier_one(name):
    before, after = parameters_after_each_change(MODELS[name], SHAPE, 3)
    for t in range(before.shape[-1]):
        moved = (before[t] != after[t]).any(0)
        assert moved[t + 1 :].all(), f"pixel {t} is not seen by {(~moved[t + 1 :]).nonzero().flatten() + t + 1}"


@every_model
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (49, 49)])
def test_any_size_is_scored_and_its_gradient_is_finite(build, height, width):
    shape = fit(build, (1, height, width))
    model = build(shape if build in ONE_SIZE else fit(build, (1, 5, 7)), 2)
    x = random_levels(2, (2, *shape))
    nats = model.pixel_nats(x, context_of(model, 2, shape[1:])).sum()
    nats.backward()
    assert nats.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
