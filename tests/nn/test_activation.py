"""Activations are what their formulas say, gradients included."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from pixelsnail.nn import elu, gate


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_elu_and_its_gradient_are_torchs_own(dtype):
    h = torch.linspace(-30, 30, 4001, dtype=dtype).requires_grad_()
    (ours,) = torch.autograd.grad(elu(h).sum(), h)
    (theirs,) = torch.autograd.grad(F.elu(h).sum(), h)
    assert torch.equal(elu(h), F.elu(h))
    assert_close(ours, theirs, atol=4e-3 if dtype == torch.bfloat16 else 1e-7, rtol=0)


def test_elu_has_the_gradient_of_its_formula():
    h = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(elu, h)


def test_the_second_half_opens_the_first():
    h = torch.tensor([3.0, -2.0, 100.0, -100.0]).view(1, 4, 1, 1)
    assert_close(gate(h).flatten(), torch.tensor([3.0, 0.0]))
