"""Plain causal attention of whole sequences, in memory that grows with their length and not with its square.

On a GPU this is `scaled_dot_product_attention`. On a CPU its fused kernel wants keys as wide as values, and those of
PixelSNAIL are 4 and 32 wide: padding them makes two of its products 8 times as large. There, queries are taken in
chunks instead, each against the keys up to its end: half of the square is never computed, and what is computed stays in
the processor's cache. The backward pass computes each chunk's probabilities again (as in Dao et al. 2022, arXiv
2205.14135), from

    P = softmax(Q K^T)    dV = P^T dO    dP = dO V^T    dS = P * (dP - rowsum(P * dP))    dQ = dS K    dK = dS^T Q
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 112
"""Queries in a chunk."""
GROUP = 16
"""Sequences worked on at a time: 16 chunks of scores are a few MB, which a processor's last cache holds."""


def attend_causally(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Query t attends to keys 0 ... t: (B, heads, n, K), (B, heads, n, K), (B, heads, n, V) -> (B, heads, n, V)."""
    scale = k.shape[-1] ** -0.5
    if q.device.type == "cpu":
        flat = (h.flatten(0, 1) for h in (q * scale, k, v))
        out: Tensor = _attend(*flat)
        return out.unflatten(0, q.shape[:2])
    # The fused kernels want one width: zeros change neither scores nor sums.
    width = max(k.shape[-1], v.shape[-1])
    wide_q, wide_k, wide_v = (F.pad(h, (0, width - h.shape[-1])) for h in (q, k, v))
    out = F.scaled_dot_product_attention(wide_q, wide_k, wide_v, is_causal=True, scale=scale)
    return out[..., : v.shape[-1]]


# An operator of its own, so that a compiler sees one node and not its loops.
@torch.library.custom_op("pixelsnail::attend_causally", mutates_args=())
def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    out = v.new_empty(v.shape)
    for group, start, end in _chunks(q):
        probabilities = _probabilities(q, k, group, start, end)
        out[group, start:end] = torch.bmm(probabilities, v[group, :end])
    return out


@torch.library.custom_op("pixelsnail::attend_causally_backward", mutates_args=())
def _attend_backward(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    wide = torch.promote_types(q.dtype, torch.float32)  # sums over chunks in float32 or wider
    grad_q, grad_k, grad_v = torch.empty_like(q), k.new_zeros(k.shape, dtype=wide), v.new_zeros(v.shape, dtype=wide)
    for group, start, end in _chunks(q):
        grad_out = grad[group, start:end]
        probabilities = _probabilities(q, k, group, start, end)
        grad_scores = torch._softmax_backward_data(
            torch.bmm(grad_out, v[group, :end].transpose(1, 2)), probabilities, -1, q.dtype
        )
        grad_q[group, start:end] = torch.bmm(grad_scores, k[group, :end])
        grad_k[group, :end] += torch.bmm(grad_scores.transpose(1, 2), q[group, start:end])
        grad_v[group, :end] += torch.bmm(probabilities.transpose(1, 2), grad_out)
    return grad_q, grad_k.to(k.dtype), grad_v.to(v.dtype)


def _chunks(q: Tensor) -> Iterator[tuple[slice, int, int]]:
    """(sequences, first query, query after the last) of every chunk of (N, n, K)."""
    count, length, _ = q.shape
    for first in range(0, count, GROUP):
        for start in range(0, length, CHUNK):
            yield slice(first, first + GROUP), start, min(start + CHUNK, length)


def _probabilities(q: Tensor, k: Tensor, group: slice, start: int, end: int) -> Tensor:
    """The attention of queries start ... end - 1 to keys 0 ... end - 1: (N, end - start, end)."""
    scores = torch.bmm(q[group, start:end], k[group, :end].transpose(1, 2))
    later = torch.ones(end - start, end - start, dtype=torch.bool, device=q.device).triu(1)
    scores[..., start:].masked_fill_(later, float("-inf"))
    return scores.softmax(dim=-1)


@_attend.register_fake
def _(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return v.new_empty(v.shape)


@_attend_backward.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(q), k.new_empty(k.shape), v.new_empty(v.shape)


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = ctx.saved_tensors
    gradients: tuple[Tensor, Tensor, Tensor] = _attend_backward(q, k, v, grad)
    return gradients


_attend.register_autograd(_backward, setup_context=_setup)
