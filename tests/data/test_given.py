"""Arrays, tensors and data sets in memory; and images made such as a model takes."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from pixelsnail import data

LEVELS = np.random.default_rng(0).integers(0, 17, (6, 4, 5))
LEVELS[0, 0, 0] = 16


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
def test_the_dtype_of_an_array_changes_nothing(dtype):
    """W6 of the newcomers: uint8 and int64 of the same 17 values were of 256 and of 17 levels."""
    images = data.from_arrays(LEVELS.astype(dtype), np.arange(6))
    assert (images.levels, images.shape, images.classes) == (17, (1, 4, 5), 6)
    assert np.array_equal(images.batch(range(6)).numpy()[:, 0], LEVELS)
    assert images.batch([0]).dtype == torch.uint8
    assert "17 levels (the largest plus one)" in str(images.read)


@pytest.mark.parametrize("make", [torch.tensor, lambda x: torch.tensor(x).to(torch.bfloat16), lambda x: x.tolist()])
def test_tensors_and_lists_are_arrays(make):
    images = data.from_arrays(make(LEVELS))
    assert np.array_equal(images.batch(range(6)).numpy()[:, 0], LEVELS)


def test_levels_and_axes_can_be_said():
    assert data.from_arrays(LEVELS, levels=np.int64(32)).levels == 32
    with pytest.raises(ValueError, match="arrays holds level 16, but levels is 16"):
        data.from_arrays(LEVELS, levels=16)
    small = np.zeros((6, 3, 2, 2), int)
    with pytest.raises(ValueError, match=r"codes has shape \(6, 3, 2, 2\), which is .*; say which"):
        data.from_arrays(small, name="codes")
    assert data.from_arrays(small, axes="NCHW").shape == (3, 2, 2)


def test_a_part_of_training_has_its_split_and_seed():
    grey = np.full((20, 4, 4), 128, np.uint8)
    train = [data.from_arrays(grey, split="train", binarize="dynamic", seed=s).batch(range(20)) for s in (0, 1)]
    judged = [data.from_arrays(grey, binarize="dynamic", seed=s).batch(range(20)) for s in (0, 1)]
    assert not torch.equal(*train)
    assert torch.equal(*judged)


class Items(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def test_data_sets_of_torch_give_levels_and_labels():
    pairs = data.from_arrays(TensorDataset(torch.tensor(LEVELS), torch.arange(6)))
    assert pairs.labels.tolist() == list(range(6))
    assert np.array_equal(pairs.batch(range(6)).numpy()[:, 0], LEVELS)
    alone = data.from_arrays(Items([torch.tensor(image)[None] for image in LEVELS]))
    assert (alone.labels, alone.shape) == (None, (1, 4, 5))
    pictures = data.from_arrays(
        Items([(Image.new("RGB", (5, 4), (255, 0, 0)), "red"), (Image.new("RGB", (5, 4)), "black")])
    )
    assert (pictures.shape, pictures.class_names) == ((3, 4, 5), ("black", "red"))


@pytest.mark.parametrize(
    ("items", "error", "says"),
    [
        (Items([]), ValueError, "arrays is empty"),
        (Items([np.zeros((2, 2)), np.zeros((3, 2))]), ValueError, r"Image 1 of arrays has shape \(3, 2\), but image 0"),
        (Items([torch.rand(1, 4, 4)]), ValueError, "arrays holds float32 from .*by 255 x, rounded"),
        (iter([1]), TypeError, "expected an array, a tensor, Images or a data set"),
        (7, TypeError, "arrays is int; expected an array"),
    ],
)
def test_what_cannot_be_images_is_told(items, error, says):
    with pytest.raises(error, match=says):
        data.from_arrays(items)


# As a model takes them


def test_grey_and_colour_become_each_other_by_one_rule(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (4, 5), dtype=np.uint8)
    colour = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "equal.png")
    Image.fromarray(colour).save(tmp_path / "colour.png")
    (tmp_path / "folder").mkdir()
    Image.fromarray(colour).save(tmp_path / "folder" / "colour.png")
    np.savez(tmp_path / "x.npz", x=colour[None], levels=256)
    expected = np.asarray(Image.fromarray(colour).convert("L"))
    for images in (
        data.from_files([tmp_path / "colour.png"], like=((1, 4, 5), 256)),
        data.open(f"folder:{tmp_path / 'folder'}", "all").as_like((1, 4, 5), 256),
        data.open(f"npz:{tmp_path / 'x.npz'}", "all", axes="NHWC").as_like((1, 4, 5), 256),
        data.from_arrays(colour[None], levels=256, axes="NHWC").as_like((1, 4, 5), 256),
    ):
        assert images.shape == (1, 4, 5)
        assert np.array_equal(images.batch([0])[0, 0].numpy(), expected)
        assert "colour made grey (ITU-R 601-2)" in images.read.as_dict()["notes"]
    equal = data.from_files([tmp_path / "equal.png"], like=((1, 4, 5), 256))
    assert np.array_equal(equal.batch([0])[0, 0].numpy(), grey)
    back = equal.as_like((3, 4, 5), 256)
    assert np.array_equal(back.batch([0])[0].numpy(), np.stack([grey] * 3))
    assert "grey repeated as red, green and blue" in str(back.read)


def test_images_become_bits_for_a_model_of_bits():
    grey = data.from_arrays(np.arange(256, dtype=np.uint8).reshape(1, 16, 16))
    bits = grey.as_like((1, 16, 16), 2)
    assert (bits.levels, bits.binarize) == (2, "threshold")
    assert bits.batch([0]).sum() == 128
    assert "256 levels (as of 8 bits) -> 2 (threshold)" in str(bits.read)
    assert grey.as_like((1, 16, 16), 2, binarize="dynamic").binarize == "dynamic"
    assert bits.as_like((1, 16, 16), 2).binarize == "threshold"
    with pytest.raises(ValueError, match=r"are binarised .*but this model has 256 levels"):
        bits.as_like((1, 16, 16), 256)


def test_levels_that_a_model_does_not_have_are_refused_when_there_are_any():
    images = data.from_arrays(np.array([[[0, 1], [1, 0]]]), levels=256)
    assert images.as_like((1, 2, 2), 17).batch([0]).flatten().tolist() == [0, 1, 1, 0]
    images = data.from_arrays(np.array([[[0, 30], [1, 0]]]), levels=256)
    with pytest.raises(
        ValueError, match=r"Image 0 of arrays holds level 30, but this model has L = 17; expected 0 \.\.\. 16"
    ):
        images.as_like((1, 2, 2), 17)


def test_few_levels_for_a_model_of_many_are_said():
    images = data.from_arrays(LEVELS % 2)
    assert "256 levels (as the model has); no labels; no level above 1" in str(images.as_like((1, 4, 5), 256).read)
    codes = data.from_arrays(LEVELS, levels=17).as_like((1, 4, 5), 32)
    assert (codes.levels, codes.read.notes) == (32, ())


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ValueError, match="The images of arrays have 5 channels, but the model takes 3"):
        data.from_arrays(np.zeros((2, 5, 9, 9), int)).as_like((3, 9, 9), 256)


def test_height_and_width_stay():
    assert data.from_arrays(np.zeros((2, 9, 9), int)).as_like((1, 28, 28), 2).shape == (1, 9, 9)


# What was read


def test_one_line_and_a_dictionary_say_what_was_read(tmp_path):
    for i, name in enumerate(("cat/0", "dog/1", "dog/2")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (5, 4), i * 90).save(tmp_path / f"{name}.png")
    (tmp_path / "cat" / "notes.txt").touch()
    images = data.open(f"folder:{tmp_path}", "all", binarize="threshold")
    assert str(images.read) == (
        f"folder:{tmp_path}, all: 3 images; grey, 4 x 5; 256 levels -> 2 (threshold); 2 classes (cat, dog); "
        "left out 1 file (cat/notes.txt)"
    )
    assert images.read.as_dict() == {
        "source": f"folder:{tmp_path}",
        "split": "all",
        "images": 3,
        "whole": 3,
        "shape": [1, 4, 5],
        "levels": 2,
        "grey_levels": 256,
        "levels_from": "",
        "binarize": "threshold",
        "classes": 2,
        "class_names": ["cat", "dog"],
        "unlabelled": "",
        "division": "",
        "left_out": ["cat/notes.txt"],
        "notes": [],
        "maps": "",
    }


def test_the_line_names_no_more_than_five_classes_and_counts_the_images_of_a_part():
    names = np.array([f"class {i}" for i in range(7)])
    images = data.from_arrays(np.zeros((7, 4, 4), int), names)
    assert "7 classes (class 0, class 1, class 2, class 3, class 4, ...)" in str(images.read)
    assert str(images.head(2).read).startswith("arrays, all: 2 of 7 images; grey, 4 x 4; 2 levels (none is above 1)")
