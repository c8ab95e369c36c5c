"""The blockwise attention is the attention of its definition, forwards and backwards."""

import pytest
import torch
import torch.nn.functional as F

from pixelsnail.nn import causal
from pixelsnail.nn.causal import CHUNK, attend_strictly
from tolerance import assert_close


def by_definition(q, k, v):
    """Query t sees entries 1 ... t; query 0 gets zero."""
    scores = (q @ k.transpose(-1, -2)) * k.shape[-1] ** -0.5
    seen = torch.ones(q.shape[-2], q.shape[-2]).tril().bool()
    seen[1:, 0] = False
    out = scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v
    return torch.cat([torch.zeros_like(out[..., :1, :]), out[..., 1:, :]], dim=-2)


def inputs(batch, heads, length, dtype=torch.float64, width=1.0):
    q, k, v = (torch.randn(batch, heads, length, size, dtype=dtype) for size in (4, 4, 6))
    return tuple(h.requires_grad_() for h in (width * q, k, v))


@pytest.mark.parametrize(
    ("batch", "heads", "length"), [(1, 1, 1), (1, 1, 2), (2, 3, 7), (17, 1, 2 * CHUNK + 5), (1, 2, CHUNK + 1)]
)
def test_values_and_gradients_agree_with_the_definition(batch, heads, length):
    given = inputs(batch, heads, length)
    ours, expected = attend_strictly(*given), by_definition(*given)
    assert_close(ours, expected, torch.float64)
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, given, grad), torch.autograd.grad(expected, given, grad), strict=True
    ):
        assert_close(one, other, torch.float64)


def test_sequences_that_fill_several_blocks_agree_too(monkeypatch):
    monkeypatch.setattr(causal, "BLOCK", 1)
    test_values_and_gradients_agree_with_the_definition(3, 1, CHUNK + 9)


def test_scores_of_any_size_are_finite():
    given = inputs(2, 1, CHUNK + 9, torch.float32, width=1000.0)
    ours, expected = attend_strictly(*given), by_definition(*given)
    assert_close(ours, expected, atol=1e-3, rtol=1e-3)  # scores of 1e6, of which float32 keeps a tenth
    assert all(h.isfinite().all() for h in torch.autograd.grad(ours.sum(), given))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("batch", "length"), [(0, 4), (3, 1), (3, 3), (4, 300)])
@pytest.mark.parametrize("channels_first", [False, True])
def test_half_precision_differs_by_its_rounding_only(dtype, batch, length, channels_first):
    def laid_out(h):  # as the channels of an image are, whose features another layer computed
        return h.transpose(2, 3).contiguous().transpose(2, 3) if channels_first else h

    given = inputs(batch, 1, length, torch.float32)
    half = tuple(laid_out(h.detach().to(dtype)).requires_grad_() for h in given)
    exact = tuple(h.detach().double().requires_grad_() for h in half)
    ours, expected = attend_strictly(*half), by_definition(*exact)
    with torch.no_grad():
        assert attend_strictly(*half).equal(ours)
    grad = torch.randn_like(expected)
    gradients = torch.autograd.grad(ours, half, grad.to(dtype)), torch.autograd.grad(expected, exact, grad)
    for one, other in [(ours, expected), *zip(*gradients, strict=True)]:
        assert (one - other).norm() <= 0.02 * other.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_operator_keeps_torchs_rules_for_operators(dtype):
    q, k, v = (torch.randn(2, 130, size, dtype=dtype, requires_grad=True) for size in (4, 4, 6))
    torch.library.opcheck(torch.ops.pixelsnail.attend_strictly, (q, k, v))


def test_it_agrees_with_the_fused_kernel():
    q, k, v = (torch.randn(2, 2, 151, 8) for _ in range(3))
    fused = F.scaled_dot_product_attention(*(h[:, :, 1:] for h in (q, k, v)), is_causal=True)
    assert_close(attend_strictly(q, k, v)[:, :, 1:], fused)
