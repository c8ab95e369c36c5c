import copy

import numpy as np
import pytest
import torch
from torch import nn

from pixelsnail.training.adam import AdamInsideRoot
from tolerance import assert_close

SHAPES = [(3, 2, 2, 2), (5,), ()]


def parameters(dtype=torch.float64):
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]


def take_steps(optimizer, weights, steps, scale=1.0, seed=1):
    """Steps whose gradients are random, of quite different sizes."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for weight in weights:
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight.grad = (scale * noise**3).to(weight.dtype)
        optimizer.step()


def test_a_step_is_the_formula_with_epsilon_inside_the_root():
    b1, b2, eps, decay = 0.95, 0.9995, 1e-2, 0.9
    weights = parameters()
    expected = [weight.detach().numpy().copy() for weight in weights]
    optimizer = AdamInsideRoot(weights, lr=0.1, betas=(b1, b2), eps=eps)
    v, w = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for t in range(1, 8):
        lr = 0.1 * decay**t
        optimizer.param_groups[0]["lr"] = lr
        take_steps(optimizer, weights, 1, seed=t)
        for i, weight in enumerate(weights):
            g = weight.grad.numpy()
            v[i] = b1 * v[i] + (1 - b1) * g
            w[i] = b2 * w[i] + (1 - b2) * g**2
            expected[i] = expected[i] - lr * (v[i] / (1 - b1**t)) / np.sqrt(w[i] / (1 - b2**t) + eps)
            np.testing.assert_allclose(weight.detach().numpy(), expected[i], rtol=1e-12)


def test_without_epsilon_it_is_torchs_adam():
    ours, theirs = parameters(), parameters()
    take_steps(AdamInsideRoot(ours, lr=0.1, betas=(0.9, 0.99), eps=0.0), ours, 5)
    take_steps(torch.optim.Adam(theirs, lr=0.1, betas=(0.9, 0.99), eps=0.0), theirs, 5)
    assert_close(ours, theirs, torch.float64)


@pytest.mark.parametrize("scale", [0.125, 100.0])
def test_a_scaled_loss_takes_the_same_steps_with_epsilon_scaled_by_the_square(scale):
    whole, scaled = parameters(), parameters()
    take_steps(AdamInsideRoot(whole, lr=0.1, betas=(0.9, 0.99), eps=1e-2), whole, 5)
    take_steps(AdamInsideRoot(scaled, lr=0.1, betas=(0.9, 0.99), eps=1e-2 * scale**2), scaled, 5, scale)
    assert_close(whole, scaled, torch.float64)


def test_a_restored_state_goes_on_bit_for_bit():
    whole = parameters(torch.float32)
    first = AdamInsideRoot(whole, lr=0.1, betas=(0.9, 0.99), eps=1e-6)
    take_steps(first, whole, 3)
    weights = [nn.Parameter(weight.detach().clone()) for weight in whole]
    second = AdamInsideRoot(weights, lr=0.5, betas=(0.5, 0.5), eps=1.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    take_steps(first, whole, 3, seed=2)
    take_steps(second, weights, 3, seed=2)
    for one, two in zip(whole, weights, strict=True):
        assert torch.equal(one, two)


def test_a_weight_without_gradient_stays():
    weights = parameters()
    optimizer = AdamInsideRoot(weights, lr=0.1, betas=(0.9, 0.99), eps=1e-6)
    before = [weight.detach().clone() for weight in weights]
    weights[0].grad = torch.ones_like(weights[0])
    assert optimizer.step(lambda: 3.5) == 3.5
    assert [torch.equal(one, two) for one, two in zip(before, weights, strict=True)] == [False, True, True]
