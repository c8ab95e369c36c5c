"""Causal self-attention over all earlier positions, without a matrix of positions by positions."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.causal import attend_masked, attend_plainly, attend_strictly
from pixelsnail.nn.derivatives import differentiable
from pixelsnail.nn.layout import channels_first, channels_last
from pixelsnail.nn.segment import Segment


class CausalAttention(nn.Module):
    """Attention of every pixel to itself and all earlier ones, for features that do not hold their own pixel.

    With heads, head g owns the g-th share of the channels of queries, keys and values.
    """

    first = 0
    """The first position that has a key and value."""

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, K, H, W), (B, K, H, W), (B, V, H, W), or a segment of each -> (B, V, H, W), or that segment."""
        batch, _, rows, columns = queries.shape
        if segment is None:
            out = self._merge(self._whole(*(self._split(_flat(h)) for h in (queries, keys, values))))
        else:
            out = self._segment(queries, keys, values, segment)
        return channels_first(out.view(batch, rows, columns, values.shape[1]))

    def _whole(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, heads, n, D) each -> (B, heads, n, D)."""
        fused, plain = partial(F.scaled_dot_product_attention, is_causal=True), partial(attend_plainly, first=0)
        return differentiable(fused, plain, q, k, v)

    def _segment(self, queries: Tensor, keys: Tensor, values: Tensor, segment: Segment) -> Tensor:
        """A segment's queries against all entries up to its end: (B, n, V)."""
        visible = segment.visible(queries.dtype, self.first)  # (B, n, E)
        end = visible.shape[-1]
        if self.first:  # who sees nothing gets zero
            values = values * segment.later(values.dtype, self.first)
        k, v = segment.store(self, "keys", keys)[:, :end], segment.store(self, "values", values)[:, :end]
        if self.heads == 1:
            scores = torch.baddbmm(visible, _flat(queries), k.transpose(1, 2), alpha=k.shape[-1] ** -0.5)
            return torch.bmm(scores.softmax(dim=-1), v)
        q, k, v = (self._split(h) for h in (_flat(queries), k, v))
        scores = (q @ k.transpose(-2, -1)) * k.shape[-1] ** -0.5 + visible[:, None]
        return self._merge(scores.softmax(dim=-1) @ v)

    def _split(self, h: Tensor) -> Tensor:
        """(B, n, heads * D) -> (B, heads, n, D)."""
        return h.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _merge(self, h: Tensor) -> Tensor:
        """(B, heads, n, D) -> (B, n, heads * D)."""
        return h.transpose(1, 2).flatten(2)


class StrictAttention(CausalAttention):
    """Attention of every pixel to all earlier ones, its keys and values computed from delayed features (`Delay`).

    Position t then holds the key and value of pixel t - 1, so that attending to positions 1 ... t is attending to
    pixels 0 ... t - 1. Position 0 holds nothing, and pixel 0, which sees nothing, gets zero.
    """

    first = 1

    def _whole(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend_strictly(q, k, v)


class PooledStrictAttention(nn.Module):
    """Attention to squares of `factor` x `factor` pixels, whose keys and values are the maxima of their pixels'.

    A pixel sees the squares that end before it in raster order. Where it sees none it gets zero. As in
    `StrictAttention`, keys and values are computed from delayed features: position t holds those of pixel t - 1.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, K, H, W), (B, K, H, W), (B, V, H, W), or a segment of each -> (B, V, H, W), or that segment."""
        batch, _, rows, columns = queries.shape
        if segment is None:
            pixels = rows * columns
            squares = self.squares(rows, columns, queries.device)
            t = torch.arange(pixels, device=queries.device)[None]
            k, v = (F.pad(_flat(h), (0, 0, 0, 1)) for h in (keys, values))
        else:
            cache, t = segment.cache, segment.positions
            squares = cache.once((self, "squares"), lambda: self.squares(cache.height, cache.width, queries.device))
            k, v = segment.store(self, "keys", keys), segment.store(self, "values", values)
        k, v = (h[:, squares + 1].amax(2) for h in (k, v))  # (B, squares, .)
        seen = squares[:, -1] < t[..., None]
        # An entry of zeros before the others, for the pixels that see no square.
        seen = F.pad(seen, (1, 0), value=False) | F.pad(~seen.any(-1, keepdim=True), (0, len(squares)), value=False)
        k, v = (F.pad(h, (0, 0, 1, 0)) for h in (k, v))
        q, k, v = (h[:, None] for h in (_flat(queries), k, v))
        seen = seen[:, None]
        fused, plain = partial(F.scaled_dot_product_attention, attn_mask=seen), partial(attend_masked, seen=seen)
        out = differentiable(fused, plain, q, k, v)
        return channels_first(out.view(batch, rows, columns, values.shape[1]))

    def squares(self, height: int, width: int, device: torch.device) -> Tensor:
        """The raster positions of every square's pixels, in order: (squares, factor ** 2)."""
        f = self.factor
        t = torch.arange(height * width, device=device).view(height // f, f, width // f, f)
        return t.transpose(1, 2).reshape(-1, f * f)


def _flat(h: Tensor) -> Tensor:
    """(B, C, k, w) -> (B, k * w, C), in raster order."""
    return channels_last(h).flatten(1, 2)
