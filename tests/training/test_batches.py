import itertools

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.models import Labels
from pixelsnail.training.batches import Batches, share


@pytest.fixture
def images(tmp_path):
    """Image i holds level i everywhere."""
    np.savez(tmp_path / "x.npz", train=np.arange(50, dtype=np.uint8)[:, None, None].repeat(2, 1))
    return data.open(f"npz:{tmp_path / 'x.npz'}", "train")


def drawn(batches: Batches) -> list[list[int]]:
    return [x[:, 0, 0, 0].tolist() for x, _ in batches]


def test_an_epoch_is_a_permutation_that_depends_on_seed_and_epoch_alone(images):
    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1):
            batches = Batches(images, 8, seed)
            torch.manual_seed(epoch)
            batches.set_epoch(epoch)
            parts = drawn(batches)
            assert [len(part) for part in parts] == [8] * 6 + [2]
            assert len(batches) == 7
            orders[seed, epoch] = tuple(itertools.chain(*parts))
            assert sorted(orders[seed, epoch]) == list(range(50))
    assert len(set(orders.values())) == 4
    again = Batches(images, 5, seed=0)
    again.set_epoch(1)
    assert tuple(itertools.chain(*drawn(again))) == orders[0, 1]


@pytest.mark.parametrize("taken", range(8))
def test_a_restored_position_goes_on_with_the_next_batch(images, taken):
    batches = Batches(images, 8, seed=0)
    batches.set_epoch(3)
    iterator = iter(batches)
    first = [next(iterator)[0][:, 0, 0, 0].tolist() for _ in range(min(taken, 7))]
    restored = Batches(images, 8, seed=0)
    iter(restored)  # Lightning makes an iterator that it may not use
    restored.load_state_dict(batches.state_dict())
    iter(restored)
    restored.set_epoch(3)
    whole = Batches(images, 8, seed=0)
    whole.set_epoch(3)
    assert first + drawn(restored) == drawn(whole)


def test_every_image_comes_with_its_label_where_the_model_wants_it():
    images = data.from_arrays(torch.arange(9, dtype=torch.uint8).view(9, 1, 1, 1), labels=torch.arange(9) % 4)
    assert [context for _, context in Batches(images, 4, 0)] == [None] * 3
    for x, context in Batches(images, 4, 0, condition=Labels(4)):
        assert torch.equal(context, x[:, 0, 0, 0].long() % 4)


def test_processes_share_every_batch(images):
    whole = Batches(images, 8, seed=0)
    parts = [Batches(images, 8, 0, rank, world_size=3) for rank in range(3)]
    assert [len(part) for part in parts] == [6, 6, 6]  # the last batch of 2 images does not give each process one
    for together, *shares in zip(drawn(whole), *map(drawn, parts), strict=False):
        assert sorted(together) == sorted(itertools.chain(*shares))


@pytest.mark.parametrize(("count", "world_size"), [(101, 2), (5, 8), (16, 4), (1, 1)])
def test_evaluation_neither_pads_nor_drops(count, world_size):
    indices = [i for rank in range(world_size) for part in share(count, rank, world_size, 7) for i in part.tolist()]
    assert sorted(indices) == list(range(count))


def test_too_few_images_for_the_processes_is_said(images):
    with pytest.raises(ValueError, match="There are 2 training images; expected at least 3"):
        Batches(images.head(2), 8, 0, rank=0, world_size=3)
