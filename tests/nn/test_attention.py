"""Attention to a pixel's own place and all earlier ones is that of its definition, whole and by segments."""

import pytest
import torch

from pixelsnail.nn import Cache, CausalAttention
from tolerance import assert_close

HEIGHT, WIDTH = 3, 4


def by_definition(heads, queries, keys, values):
    """Head g attends with the g-th share of the channels: softmax over u <= t of q_t . k_u / sqrt(K / heads)."""
    parts = zip(*(h.flatten(2).transpose(1, 2).chunk(heads, dim=2) for h in (queries, keys, values)), strict=True)
    later = torch.ones(HEIGHT * WIDTH, HEIGHT * WIDTH).triu(1).bool()
    out = []
    for q, k, v in parts:
        scores = (q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).masked_fill(later, float("-inf"))
        out.append(scores.softmax(-1) @ v)
    return torch.cat(out, dim=2).transpose(1, 2).unflatten(2, (HEIGHT, WIDTH))


@pytest.mark.parametrize("heads", [1, 2])
def test_causal_attention_is_that_of_its_definition(heads):
    layer = CausalAttention(heads)
    inputs = [torch.randn(2, channels, HEIGHT, WIDTH, dtype=torch.float64) for channels in (4, 4, 6)]
    expected = by_definition(heads, *inputs)
    assert_close(layer(*inputs), expected, torch.float64)
    cache = Cache.empty(2, (1, HEIGHT, WIDTH), torch.device("cpu"))
    while cache.least < cache.pixels:
        segment = cache.segment(min(5, cache.pixels - cache.least))
        places = segment.positions[0]
        part = layer(*(h.flatten(2)[:, :, None, places] for h in inputs), segment)
        assert_close(part, expected.flatten(2)[:, :, None, places], torch.float64)
        cache.commit(segment, segment.levels)
