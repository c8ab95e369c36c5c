"""Bits depend on (seed, epoch, image) alone."""

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.data import binarization


def mini(split: str = "train", **arguments) -> data.Images:
    return data.open("mnist-mini", split, **arguments)


def test_mnist_is_dynamic_and_other_sources_keep_their_levels_unless_told(mnist, tmp_path, save):
    save(tmp_path / "folder" / "train" / "0.png")
    assert data.open(f"mnist:{mnist}").binarize == mini().binarize == "dynamic"
    folder = data.open(f"folder:{tmp_path / 'folder'}")
    assert (folder.binarize, folder.levels) == ("none", 256)
    assert (mini().levels, mini(binarize="threshold").levels, mini(binarize="none").levels) == (2, 2, 256)


def test_bits_do_not_depend_on_the_batch_or_the_part():
    images = mini()
    whole = images.batch(range(40), epoch=3)
    assert whole.dtype == torch.uint8
    assert set(whole.unique().tolist()) == {0, 1}
    for i in (0, 17, 39):
        assert torch.equal(images.batch([i], epoch=3)[0], whole[i])
    assert torch.equal(images.batch(torch.arange(39, -1, -1), epoch=3).flip(0), whole)
    assert torch.equal(images.subset([5, 30]).batch([1], epoch=3)[0], whole[30])


@pytest.mark.parametrize("split", ["validation", "test"])
def test_bits_of_validation_and_test_images_do_not_depend_on_the_seed(split):
    first, other = mini(split, seed=0).batch(range(20)), mini(split, seed=1).batch(range(20))
    assert torch.equal(first, other)
    assert not torch.equal(first, mini(split).batch(range(20), epoch=1))


def test_held_out_images_are_validation_images(mnist):
    first, other = (data.open(f"mnist:{mnist}", "validation", validation=9, seed=seed) for seed in (0, 1))
    assert torch.equal(first.batch(range(9)), other.batch(range(9)))


def test_bits_of_training_images_change_with_seed_and_epoch():
    first = mini().batch(range(20))
    assert torch.equal(first, mini().batch(range(20), epoch=0))
    assert not torch.equal(first, mini(seed=1).batch(range(20)))
    assert not torch.equal(first, mini().batch(range(20), epoch=1))


def test_dynamic_bits_are_one_with_probability_level_over_255():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(4000, axis=0)
    share = binarization.dynamic(grey, np.arange(4000), seed=0, epoch=0).mean(axis=0).ravel()
    expected = np.arange(256) / 255
    assert share[0] == 0
    assert share[255] == 1
    deviations = (share - expected)[1:-1] / np.sqrt(expected * (1 - expected) / 4000)[1:-1]
    assert np.abs(deviations).max() < 4.5
    assert deviations.std() == pytest.approx(1, abs=0.15)


def test_draws_of_neighbours_in_every_sense_are_independent():
    """Of pixels, images, epochs and seeds."""
    grey = np.full((2000, 1, 1, 9), 128, dtype=np.uint8)
    bits = binarization.dynamic(grey, np.arange(2000), 0, 0)[:, 0, 0] - 0.5
    other_epoch = binarization.dynamic(grey, np.arange(2000), 0, 1)[:, 0, 0] - 0.5
    other_seed = binarization.dynamic(grey, np.arange(2000), 1, 0)[:, 0, 0] - 0.5
    pairs = [(bits[:, :-1], bits[:, 1:]), (bits[:-1], bits[1:]), (bits, other_epoch), (bits, other_seed)]
    for a, b in pairs:
        assert abs((a * b).mean() * 4) < 4.5 / np.sqrt(a.size)


def test_the_bits_of_an_image_are_these_for_ever():
    """A resumed run and a repeated evaluation see the same bits, with any numpy on any machine."""
    grey = np.full((1, 1, 4, 8), 128, dtype=np.uint8)
    assert np.packbits(binarization.dynamic(grey, np.array([3]), seed=1, epoch=2)).tobytes().hex() == "1991f45a"
    fixed = mini("test").batch([0]).numpy()
    assert np.packbits(fixed[0, 0, 7:11]).tobytes().hex() == "0003fc00007bc0000f1e0001e0e0"


def test_threshold_is_one_from_level_128_on():
    grey, bits = mini(binarize="none").batch(range(50)), mini(binarize="threshold").batch(range(50), epoch=5)
    assert torch.equal(bits, (grey >= 128).to(torch.uint8))
    assert binarization.threshold(np.array([127, 128], dtype=np.uint8)).tolist() == [0, 1]


@pytest.mark.parametrize("binarize", ["dynamic", "threshold"])
def test_only_grey_images_of_256_levels_are_binarised(tmp_path, save, binarize):
    np.savez(tmp_path / "codes.npz", train=np.arange(24).reshape(2, 3, 4))
    with pytest.raises(ValueError, match=f"binarize is '{binarize}', but npz:.* has 24 levels and 1 channels"):
        data.open(f"npz:{tmp_path / 'codes.npz'}", binarize=binarize)
    save(tmp_path / "colour" / "train" / "0.png", mode="RGB")
    with pytest.raises(ValueError, match="has 256 levels and 3 channels"):
        data.open(f"folder:{tmp_path / 'colour'}", binarize=binarize)


def test_a_negative_epoch_is_refused():
    with pytest.raises(ValueError, match="epoch is -1"):
        mini().batch([0], epoch=-1)
