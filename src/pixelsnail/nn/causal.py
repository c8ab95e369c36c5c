"""Causal attention of whole sequences, in memory that grows with their length and not with its square.

On a GPU this is `scaled_dot_product_attention`. On a CPU its fused kernel wants keys as wide as values, and those of
PixelSNAIL are 4 and 32 wide: padding them makes two of its products 8 times as large. Forwards and in half precision it
is faster all the same; else scores are computed here, in blocks that stay in the processor's cache, half of the square
never, and again in the backward pass (as in Dao et al. 2022, arXiv 2205.14135). With scores in units of ln 2, since 2^x
is the cheapest exponential, it is

    S = Q K^T    L = log2(rowsum(2^S))    P = 2^(S - L)    O = P V
    dV = P^T dO    dS = P * (dO V^T - D) ln 2    D = rowsum(dO * O)    dQ = dS K    dK = dS^T Q

Forwards a block is some queries and all their keys; backwards it is some keys and all their queries, so that the wide
dK and dV are complete at once. There L and D are columns of the products: S - L = [Q, -L] [K, 1]^T.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelsnail.nn.derivatives import again, differentiable, exporting, gradient, is_plain, transformed

CHUNK = 112
"""Queries, or keys, in a block."""
BLOCK = 16 * CHUNK * 784
"""Scores in a block of several sequences: a few MB, which a processor's last cache holds."""


def attend_strictly(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """(B, heads, n, K), the same, (B, heads, n, V) -> (B, heads, n, V).

    Query t attends to entries 1 ... t, and query 0 gets zero.
    """
    if q.device.type != "cpu" or exporting() or transformed():
        return differentiable(_attend_fused, attend_plainly, q, k, v)
    inputs = [h.flatten(0, 1) for h in (q * (k.shape[-1] ** -0.5 / math.log(2)), k, v)]
    out: Tensor = (_attend_here if is_plain(*inputs) else _attend)(*inputs)[0]
    return out.unflatten(0, q.shape[:2])


def attend_plainly(q: Tensor, k: Tensor, v: Tensor, first: int = 1) -> Tensor:
    """The same by its definition, or (`first` 0) that of queries which see entry 0 too: in memory that grows with n^2.

    It has all derivatives.
    """
    entry = torch.arange(q.shape[-2], device=q.device)
    seen = (entry <= entry[:, None]) & ((entry >= first) | (entry[:, None] < first))
    values = F.pad(v[..., first:, :], (0, 0, first, 0))  # who sees nothing sees an entry of zeros
    return attend_masked(q, k, values, seen)


def attend_masked(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """Attention where `seen` (..., n, E) is true, by its definition."""
    scores = (q @ k.transpose(-1, -2)) * k.shape[-1] ** -0.5
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ v


def _attend_fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same by torch's fused kernels, which are fast on a GPU."""
    wide_q, wide_k, wide_v = _of_one_width(q, k, v)
    out = F.scaled_dot_product_attention(wide_q, wide_k, wide_v, is_causal=True, scale=k.shape[-1] ** -0.5)
    return F.pad(out[..., : v.shape[-1]], (0, 0, 1, 0))


def _of_one_width(*sequences: Tensor) -> list[Tensor]:
    """What the fused kernels want of (..., n, D): zeros up to one width, which change neither scores nor sums.

    Without the first entry, so that plain causal attention is the strict one.
    """
    width = max(h.shape[-1] for h in sequences)
    return [F.pad(h[..., 1:, :], (0, width - h.shape[-1])) for h in sequences]


def _attend_here(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """O (N, n, V) and L (N, n) of (N, n, K), (N, n, K), (N, n, V), on a CPU."""
    half = q.dtype == k.dtype == v.dtype and q.dtype in (torch.bfloat16, torch.float16)
    if half and len(q) and q.shape[1] > 1:  # of nothing, the fused kernel divides by zero
        return _attend_in_half(q, k, v)
    return _attend_in_blocks(q, k, v)


def _attend_in_half(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The same by torch's fused kernel, which tells L too and keeps scores in float32.

    Of 8 sequences of 784, keys 16 and values 32 wide, it takes 0.66 times as long as blocks do in bfloat16, 0.38 times
    without a processor's instructions for that, and 1.1 times in float32; its backward pass takes 1.3 times as long.
    """
    one = [h[:, None].contiguous() for h in _of_one_width(q, k, v)]  # it reads other layouts wrongly
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    out, log_sums = kernel(*one, 0.0, True, scale=math.log(2))
    return F.pad(out[:, 0, :, : v.shape[-1]], (0, 0, 1, 0)), F.pad(log_sums[:, 0] / math.log(2), (1, 0))


def _attend_in_blocks(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The same in blocks."""
    out, log_sums = _allocate(q, k, v)
    out[:, 0], log_sums[:, 0] = 0, 0
    q, kt, v = q.to(log_sums.dtype), k.to(log_sums.dtype).transpose(1, 2).contiguous(), v.contiguous()
    later, buffer = _minus_infinity_where_later(q), q.new_empty(_block_size(q))
    for group, start, end in _blocks(q):
        s = _shaped(buffer, q[group, start:end], end - 1)
        torch.bmm(q[group, start:end], kt[group, :, 1:end], out=s)
        s[..., start - 1 :] += later[: end - start, : end - start]
        most = s.amax(dim=-1, keepdim=True)
        sums = s.sub_(most).exp2_().sum(dim=-1, keepdim=True)
        out[group, start:end] = torch.bmm(s.to(v.dtype), v[group, 1:end]) / sums
        log_sums[group, start:end] = (most + sums.log2()).squeeze(-1)
    return out, log_sums


# An operator of its own, so that a compiler sees one node and not its loops.
_attend = torch.library.custom_op("pixelsnail::attend_strictly", _attend_here, mutates_args=())


@torch.library.custom_op("pixelsnail::attend_strictly_backward", mutates_args=())
def _attend_backward(
    q: Tensor, k: Tensor, v: Tensor, out: Tensor, log_sums: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    wide = log_sums.dtype
    q_less, kt_one = _with_column(q.to(wide), -log_sums, k.to(wide))
    grad_less, vt_one = _with_column(grad, -(grad.to(wide) * out).sum(-1), v)
    # Four rows of a matrix are a faster product than four columns.
    qt, kt, grad = q.transpose(1, 2).contiguous(), k.transpose(1, 2).contiguous(), grad.contiguous()
    grad_qt, grad_kt, grad_v = torch.zeros_like(qt, dtype=wide), torch.zeros_like(kt), v.new_zeros(v.shape)
    later = _minus_infinity_where_later(q_less)
    exponents, products = q_less.new_empty(_block_size(q)), v.new_empty(_block_size(q))
    for group, start, end in _blocks(q):
        s, ds = (_shaped(buffer, q[group, start:], end - start) for buffer in (exponents, products))
        torch.bmm(q_less[group, start:], kt_one[group, :, start:end], out=s)
        s[:, : end - start] += later[: end - start, : end - start]
        p = s.exp2_().to(v.dtype)
        torch.bmm(grad_less[group, start:], vt_one[group, :, start:end], out=ds).mul_(p)
        grad_v[group, start:end] = torch.bmm(p.transpose(1, 2), grad[group, start:])
        grad_kt[group, :, start:end] = torch.bmm(qt[group, :, start:], ds)
        grad_qt[group, :, start:] += torch.bmm(kt[group, :, start:end], ds.transpose(1, 2))
    grad_q, grad_k = ((h.transpose(1, 2) * math.log(2)).to(q.dtype).contiguous() for h in (grad_qt, grad_kt))
    return grad_q, grad_k, grad_v


def _blocks(q: Tensor) -> Iterator[tuple[slice, int, int]]:
    """(sequences, first position, position after the last) of every block of positions 1 ... n - 1 of (N, n, K)."""
    count, length, _ = q.shape
    group = _group(length)
    for first in range(0, count, group):
        for start in range(1, length, CHUNK):
            yield slice(first, first + group), start, min(start + CHUNK, length)


def _group(length: int) -> int:
    """Sequences in a block."""
    return max(1, BLOCK // (CHUNK * length))


def _block_size(q: Tensor) -> int:
    """Scores in the largest block."""
    return min(len(q), _group(q.shape[1])) * min(CHUNK, q.shape[1]) * q.shape[1]


def _shaped(buffer: Tensor, q: Tensor, columns: int) -> Tensor:
    """The beginning of a buffer as scores (N, n, columns) of queries (N, n, K)."""
    rows = q.shape[:2].numel()
    return buffer[: rows * columns].view(*q.shape[:2], columns)


def _minus_infinity_where_later(q: Tensor) -> Tensor:
    """The term of the scores (CHUNK, CHUNK) by which no query (row) sees a key (column) behind it."""
    return q.new_full((CHUNK, CHUNK), -math.inf).triu(1)


def _with_column(h: Tensor, column: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """[h, column] (N, n, .) and [other, 1]^T (N, ., n), whose product is h other^T + column.

    In half precision the column is two: its rounded value, and what that leaves.
    """
    columns = [column.to(h.dtype)]
    if h.dtype != column.dtype:
        columns.append((column - columns[0]).to(h.dtype))
    ones = other.new_ones(len(other), len(columns), other.shape[1])
    return torch.cat([h, torch.stack(columns, dim=-1)], dim=-1), torch.cat([other.transpose(1, 2), ones], dim=1)


@_attend.register_fake
def _allocate(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return v.new_empty(v.shape), q.new_empty(q.shape[:2], dtype=torch.promote_types(q.dtype, torch.float32))


@_attend_backward.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, out: Tensor, log_sums: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, *output)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors  # once: checkpoints of activations give them out a single time
    if again():
        return gradient(_attend_in_base_2, saved[:3], grad)
    gradients: tuple[Tensor, Tensor, Tensor] = _attend_backward(*saved, grad)
    return gradients


def _attend_in_base_2(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The operator's O of its own inputs, plainly: its queries hold the scale, and 1 / ln 2."""
    return attend_plainly(q * (k.shape[-1] ** 0.5 * math.log(2)), k, v)


_attend.register_autograd(_backward, setup_context=_setup)
