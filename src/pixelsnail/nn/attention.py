"""Causal self-attention over all earlier positions, without a matrix of positions by positions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.cache import Cache
from pixelsnail.nn.causal import attend_causally
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
            # Without the first query and the first entry this is plain causal attention, which has a fused kernel.
            q, k, v = (self._split(_flat(h)[:, 1:]) for h in (queries, keys, values))
            out = self._merge(attend_causally(q, k, v))
            out = F.pad(out, (0, 0, 1, 0))
        else:
            past_keys, past_values = cache.past(self, "keys", keys), cache.past(self, "values", values)
            out = self._segment(_flat(queries), past_keys, past_values)
        return channels_first(out.view(batch, rows, columns, values.shape[1]))

    def _segment(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries (B, n, K) of the last n of the positions of keys (B, end, K) and values (B, end, V) -> (B, n, V)."""
        count, end = queries.shape[1], keys.shape[1]
        if end == 1:  # pixel 0 alone
            return values.new_zeros(values.shape)
        if count == self.heads == 1:  # a single pixel sees all there is
            scores = torch.bmm(queries * keys.shape[-1] ** -0.5, keys[:, 1:].transpose(1, 2))
            return torch.bmm(scores.softmax(dim=-1), values[:, 1:])
        q, k, v = self._split(queries), self._split(keys[:, 1:]), self._split(values[:, 1:])
        scores = (q @ k.transpose(-2, -1)) * k.shape[-1] ** -0.5  # (B, heads, n, end - 1)
        if count > 1:
            # SDPA's is_causal is aligned to the top left, which is wrong for a segment: the mask follows the position.
            position = torch.arange(end - count, end, device=q.device)[:, None]
            entry = torch.arange(1, end, device=q.device)
            scores = scores.masked_fill(entry > position, float("-inf"))
        out = scores.softmax(dim=-1) @ v
        if count == end:
            out = torch.where(position > 0, out, 0.0)
        return self._merge(out)

    def _split(self, h: Tensor) -> Tensor:
        """(B, n, heads * D) -> (B, heads, n, D)."""
        return h.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _merge(self, h: Tensor) -> Tensor:
        """(B, heads, n, D) -> (B, n, heads * D)."""
        return h.transpose(1, 2).flatten(2)


def _flat(h: Tensor) -> Tensor:
    """(B, C, k, w) -> (B, k * w, C), in raster order."""
    return channels_last(h).flatten(1, 2)
