"""Causal self-attention over all earlier positions, without a matrix of positions by positions."""

import torch
from torch import Tensor, nn

from pixelsnail.nn.cache import Cache
from pixelsnail.nn.causal import attend_strictly
from pixelsnail.nn.layout import channels_first, channels_last


class StrictAttention(nn.Module):
    """Attention of every pixel to all earlier ones, its keys and values computed from delayed features (`Delay`).

    Position t then holds the key and value of pixel t - 1, so that attending to positions 1 ... t is attending to
    pixels 0 ... t - 1. Position 0 holds nothing, and pixel 0, which sees nothing, gets zero.
    With heads, head g owns the g-th share of the channels of queries, keys and values.
    """

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, cache: Cache | None = None) -> Tensor:
        """(B, K, H, W), (B, K, H, W), (B, V, H, W), or a segment of each -> (B, V, H, W), or that segment."""
        batch, _, rows, columns = queries.shape
        if cache is None:
            out = self._merge(attend_strictly(*(self._split(_flat(h)) for h in (queries, keys, values))))
        else:
            out = self._segment(queries, keys, values, cache)
        return channels_first(out.view(batch, rows, columns, values.shape[1]))

    def _segment(self, queries: Tensor, keys: Tensor, values: Tensor, cache: Cache) -> Tensor:
        """A segment's queries against all entries up to its end: (B, n, V)."""
        visible = cache.visible(queries.shape[-1], queries)  # (B, n, E)
        end = visible.shape[-1]
        k = cache.store(self, "keys", keys)[:, :end]
        v = cache.store(self, "values", values * cache.later(queries.shape[-1], values))  # pixel 0 sees zero
        if self.heads == 1:
            scores = torch.baddbmm(visible, _flat(queries), k.transpose(1, 2), alpha=k.shape[-1] ** -0.5)
            return torch.bmm(scores.softmax(dim=-1), v[:, :end])
        q, k, v = self._split(_flat(queries)), self._split(k), self._split(v[:, :end])
        scores = (q @ k.transpose(-2, -1)) * k.shape[-1] ** -0.5 + visible[:, None]
        return self._merge(scores.softmax(dim=-1) @ v)

    def _split(self, h: Tensor) -> Tensor:
        """(B, n, heads * D) -> (B, heads, n, D)."""
        return h.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _merge(self, h: Tensor) -> Tensor:
        """(B, heads, n, D) -> (B, n, heads * D)."""
        return h.transpose(1, 2).flatten(2)


def _flat(h: Tensor) -> Tensor:
    """(B, C, k, w) -> (B, k * w, C), in raster order."""
    return channels_last(h).flatten(1, 2)
