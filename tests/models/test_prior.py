"""The prior over codes: likelihoods of large codebooks without all logits at once."""

import pytest
import torch

from pixelsnail.models import prior as module
from tiny import context_of, prior, prior_of_both, prior_top, random_levels
from tolerance import assert_close


@pytest.mark.parametrize("build", [prior_top, prior_of_both])
@pytest.mark.parametrize("at_once", [1, 50, 80])
def test_logits_in_parts_give_the_same_likelihoods_and_gradients(build, at_once, monkeypatch):
    model, x = build((1, 5, 4), 3).double(), random_levels(3, (3, 1, 5, 4))
    context, rows = context_of(model, 3), []
    whole = model.pixel_nats(x, context)
    expected = torch.autograd.grad(whole.sum(), list(model.parameters()), allow_unused=True)
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    model.out.register_forward_hook(lambda _, __, logits: rows.append(logits.shape[2]))
    parts = model.pixel_nats(x, context)
    assert_close(parts, whole)
    assert sum(rows) == 5
    assert max(rows) == max(1, at_once // 36)  # 3 images, 3 levels, 4 columns
    found = torch.autograd.grad(parts.sum(), list(model.parameters()), allow_unused=True)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, rtol=1e-9, atol=1e-12)
    assert_close(model.log_prob(x, context), -whole.sum((1, 2)))


def test_a_missing_map_is_refused_before_parts_are_scored(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 1)
    model = prior((1, 4, 4), 3, map_levels=4)
    with pytest.raises(ValueError, match="context is missing"):
        model.pixel_nats(random_levels(3, (1, 1, 4, 4)))
