"""A cache goes on with any of its images, and a segment computes each thing once."""

import pytest
import torch
from torch import nn

from pixelsnail.nn import Cache


def filled(batch=4):
    """A cache whose every tensor tells its image."""
    labels = torch.arange(batch) * 10
    cache = Cache.empty(batch, (1, 2, 3), torch.device("cpu"), {"labels": labels})
    layer = nn.Identity()
    segment = cache.segment(3)
    features = torch.arange(batch).view(-1, 1, 1, 1).expand(-1, 2, 1, 3).float()
    segment.store(layer, "features", features)
    cache.commit(segment, features[:, :1].long(), torch.arange(batch) % 3 + 1)
    return cache, layer, labels


@pytest.mark.parametrize(
    "index", [[0, 1, 2, 3], [3], [2, 0], [0, 3, 2], [1, 1, 1, 1], [3, 2, 1, 0], [0, 0, 1, 2, 3, 3]]
)
def test_everything_of_an_image_goes_with_it(index):
    cache, layer, labels = filled()
    position, index = cache.position.clone(), torch.tensor(index)
    cache.take(index)
    assert torch.equal(cache.images, index)
    assert torch.equal(cache.given["labels"], index * 10)
    assert torch.equal(cache.position, position[index])
    assert (cache.least, cache.most) == (int(cache.position.min()), int(cache.position.max()))
    assert torch.equal(cache.buffers[layer, "features"][:, 0, 0].long(), index)
    assert torch.equal(cache.canvas[:, 0, 0, 0], index)
    assert cache.batch == len(cache.canvas) == len(index)
    assert torch.equal(labels, torch.arange(4) * 10)  # the caller's own tensor stays as it is


def test_a_segment_of_some_images_reads_and_writes_theirs_alone():
    cache, layer, _ = filled()
    some = torch.tensor([3, 1])
    segment = cache.segment(2, some)
    assert segment.positions.tolist() == [[1, 2], [2, 3]]
    segment.store(layer, "features", torch.full((2, 2, 1, 2), 7.0))
    changed = (cache.buffers[layer, "features"] == 7).all(-1)
    assert changed.nonzero().tolist() == [[1, 2], [1, 3], [3, 1], [3, 2]]
    segment.put(torch.full((2, 1, 1, 2), 9))
    assert (cache.canvas.flatten(1) == 9).nonzero().tolist() == [[1, 2], [1, 3], [3, 1], [3, 2]]


def test_what_a_segment_was_asked_it_computes_once_and_another_segment_anew():
    cache, _, _ = filled()
    segment = cache.segment(2)
    assert segment.places() is segment.places()
    assert segment.visible(torch.float32, 1) is segment.visible(torch.float32, 1)
    assert segment.visible(torch.float64, 1).dtype == torch.float64
    cache.commit(segment, segment.levels, torch.ones(4, dtype=torch.long))
    assert not torch.equal(cache.segment(2).places(), segment.places())
