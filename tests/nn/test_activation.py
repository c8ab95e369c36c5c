"""Activations are what their formulas say, gradients included."""

import pytest
import torch
import torch.nn.functional as F

from pixelsnail.nn import elu, gate, tanh_gate
from tolerance import assert_close


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_elu_and_its_gradient_are_torchs_own(dtype):
    h = torch.linspace(-30, 30, 4001, dtype=dtype).requires_grad_()
    (ours,) = torch.autograd.grad(elu(h).sum(), h)
    (theirs,) = torch.autograd.grad(F.elu(h).sum(), h)
    assert torch.equal(elu(h), F.elu(h))  # one program computes both
    assert_close(ours, theirs, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 5, 1, 9), (3, 64, 40, 40)])
def test_elu_of_images_is_torchs_own_but_for_rounding(dtype, shape):
    h = (5 * torch.randn(shape)).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    ours, theirs = elu(h), F.elu(h)
    assert_close(ours, theirs, dtype)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    grad = torch.randn_like(ours)
    (one,), (other,) = torch.autograd.grad(ours, h, grad), torch.autograd.grad(theirs, h, grad)
    assert_close(one, other, dtype)


def test_elu_has_the_gradient_of_its_formula():
    h = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(elu, h)


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (2, 6, 1, 9), (2, 128, 5, 4)])
def test_the_gate_and_its_gradient_are_those_of_the_formula(shape):
    h = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    value, opening = h.chunk(2, dim=1)
    grad = torch.randn_like(value)
    assert_close(gate(h), value * opening.sigmoid(), torch.float64)
    ours, theirs = (torch.autograd.grad(y, h, grad) for y in (gate(h), value * opening.sigmoid()))
    assert_close(ours, theirs, torch.float64)


def test_the_second_half_opens_the_first():
    h = torch.tensor([3.0, -2.0, 100.0, -100.0]).view(1, 4, 1, 1)
    assert_close(gate(h).flatten(), torch.tensor([3.0, 0.0]))
    assert_close(tanh_gate(h).flatten(), torch.tensor([3.0, 0.0]).tanh())
