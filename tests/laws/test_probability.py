"""Probabilities sum to one, draws follow them, and a likelihood depends on its image alone."""

import math

import pytest
import torch

from pixelsnail.models.condition import of_images
from tiny import context_of, every_image, every_model, fit, random_levels, same_context
from tolerance import assert_close, close_to

TINY_SHAPES = [((1, 2, 3), 2), ((1, 2, 2), 3), ((2, 1, 2), 3), ((3, 1, 2), 2)]


def enumerable(build, shape, levels):
    """The shape that fits the model, where all images of it can be listed."""
    fitting = fit(build, shape)
    if levels ** math.prod(fitting) > 2**16:
        pytest.skip(f"{levels} ** {math.prod(fitting)} images")
    return fitting


@every_model
@pytest.mark.parametrize(("shape", "levels"), TINY_SHAPES)
@torch.no_grad()
def test_probabilities_of_all_images_sum_to_one(build, shape, levels):
    shape = enumerable(build, shape, levels)
    model, x = build(shape, levels), every_image(levels, shape)
    contexts = 1 if context_of(model, 1) is None or len(x) > 2**12 else 3
    for number in range(contexts):
        nats = model.log_prob(x, same_context(model, len(x), number))
        assert nats.logsumexp(0).item() == close_to(0)


@every_model
@pytest.mark.parametrize(("shape", "levels"), TINY_SHAPES)
@torch.no_grad()
def test_draws_follow_log_prob(build, shape, levels):
    """Chi-square of 8,000 draws against the probabilities of all images, rare ones pooled, likest to likest."""
    shape = enumerable(build, shape, levels)
    model, draws = build(shape, levels), 8_000
    x = every_image(levels, shape)
    expected = draws * model.log_prob(x, same_context(model, len(x), 1)).exp()
    digits = model.sample(draws, seed=3, batch=4_000, context=same_context(model, draws, 1)).long().flatten(1)
    place = levels ** torch.arange(digits.shape[1] - 1, -1, -1)
    observed = torch.bincount((digits * place).sum(1), minlength=len(expected)).double()
    rising = expected.argsort()
    pools = (expected[rising].cumsum(0) / 25).long()
    expected, observed = (h.new_zeros(1000).index_add(0, pools, h[rising]) for h in (expected, observed))
    kept = expected >= 5
    chi_square = ((observed - expected)[kept] ** 2 / expected[kept]).sum().item()
    freedom = int(kept.sum()) - 1
    assert freedom > 3
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)  # four standard deviations


@every_model
@torch.no_grad()
def test_nats_do_not_depend_on_the_batch(build):
    shape = fit(build, (1, 6, 5))
    model = build(shape, 3)
    x = random_levels(3, (10, *shape))
    context = context_of(model, 10)
    whole = model.log_prob(x, context)
    assert whole.dtype == torch.float64
    for batch in (1, 4):
        parts = [slice(first, first + batch) for first in range(0, len(x), batch)]
        nats = [model.log_prob(x[part], of_images(context, part)) for part in parts]
        assert_close(torch.cat(nats), whole)


@every_model
@torch.no_grad()
def test_scoring_does_not_depend_on_the_mode_and_leaves_it(build):
    shape = fit(build, (1, 6, 5))
    model = build(shape, 2)
    x = random_levels(2, (3, *shape))
    context = context_of(model, 3)
    expected = model.log_prob(x, context)
    # A layer that draws random numbers in training mode, as dropout does.
    first = next(layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d))
    first.register_forward_hook(lambda layer, _, out: torch.dropout(out, 0.5, layer.training))
    model.train()
    list(model.children())[-1].eval()
    modes = [module.training for module in model.modules()]
    assert torch.equal(model.log_prob(x, context), expected)
    model.sample(3, context=context)
    model.bits_per_dim(x, context)
    assert [module.training for module in model.modules()] == modes


@every_model
@torch.no_grad()
def test_bits_per_dim_is_nats_by_its_definition(build):
    shape = fit(build, (2, 3, 4))
    model = build(shape, 3)
    x = random_levels(3, (3, *shape))
    context = context_of(model, 3)
    nats = model.log_prob(x, context)
    assert_close(model.bits_per_dim(x, context), -nats / (math.prod(shape) * math.log(2)))
    assert_close(model.distribution(x, context).log_prob(x.permute(0, 2, 3, 1)).double().sum((1, 2)), nats)
