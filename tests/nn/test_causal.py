"""The chunked attention is the attention of its definition, forwards and backwards."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from pixelsnail.nn.causal import CHUNK, GROUP, attend_causally


def by_definition(q, k, v):
    scores = (q @ k.transpose(-1, -2)) * k.shape[-1] ** -0.5
    later = torch.ones(q.shape[-2], q.shape[-2]).triu(1).bool()
    return scores.masked_fill(later, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize(
    ("batch", "heads", "length"), [(1, 1, 1), (2, 3, 7), (GROUP + 1, 1, 2 * CHUNK + 5), (1, 2, CHUNK)]
)
def test_values_and_gradients_agree_with_the_definition(batch, heads, length):
    q, k, v = (torch.randn(batch, heads, length, size, dtype=torch.float64, requires_grad=True) for size in (4, 4, 6))
    ours, expected = attend_causally(q, k, v), by_definition(q, k, v)
    assert_close(ours, expected)
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, (q, k, v), grad), torch.autograd.grad(expected, (q, k, v), grad), strict=True
    ):
        assert_close(one, other)


def test_the_operator_keeps_torchs_rules_for_operators():
    q, k, v = (torch.randn(2, 130, size, requires_grad=True) for size in (4, 4, 6))
    torch.library.opcheck(torch.ops.pixelsnail.attend_causally, (q, k, v))


def test_it_agrees_with_the_fused_kernel():
    q, k, v = (torch.randn(2, 2, 150, 8) for _ in range(3))
    assert_close(
        attend_causally(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True), atol=1e-5, rtol=1e-5
    )
