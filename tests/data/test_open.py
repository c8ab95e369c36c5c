"""A source is one string; what it gives is integers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from pixelsnail import data


@pytest.mark.parametrize(
    ("source", "near"),
    [("cifar", "cifar10:FOLDER"), ("mnist_mini", "mnist-mini"), ("nist", "mnist:FOLDER"), ("foldr:x", "folder:PATH")],
)
def test_an_unknown_source_is_told_all_forms_and_the_nearest(source, near):
    forms = "mnist-mini, mnist:FOLDER, folder:PATH, npz:PATH, npy:PATH, pt:PATH, cifar10:FOLDER"
    with pytest.raises(ValueError, match=f"no data source '{source}'; expected one of {forms}.*Did you mean {near}"):
        data.open(source)


def test_what_is_near_nothing_is_told_nothing():
    with pytest.raises(ValueError, match=r"hf:NAME, photos\.$"):
        data.open("qqqq")


def test_a_bare_file_of_arrays_is_told_how_to_name_it(tmp_path):
    with pytest.raises(ValueError, match=r"Did you mean npz:codes\.npz"):
        data.open("codes.npz")
    with pytest.raises(ValueError, match=r"Did you mean pt:codes\.pt"):
        data.open("codes.pt")


def test_a_bare_folder_is_told_how_to_name_it(tmp_path):
    with pytest.raises(ValueError, match=f"Did you mean folder:{tmp_path}"):
        data.open(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "form"), [("mnist", "mnist:FOLDER"), ("npz:", "npz:PATH"), ("mnist-mini:here", "mnist-mini")]
)
def test_a_source_without_its_place_is_told_its_form(source, form):
    with pytest.raises(ValueError, match=f"it is written {form}"):
        data.open(source)


def test_unknown_arguments_name_the_nearest_valid_one():
    with pytest.raises(ValueError, match=r"split is 'tset'.*Did you mean 'test'"):
        data.open("mnist-mini", "tset")
    with pytest.raises(ValueError, match=r"binarize is 'dynamc'.*Did you mean 'dynamic'"):
        data.open("mnist-mini", binarize="dynamc")
    with pytest.raises(ValueError, match="seed is -1"):
        data.open("mnist-mini", seed=-1)


def test_a_split_that_is_not_there_is_an_error_that_names_those_that_are(mnist):
    with pytest.raises(ValueError, match=r"no split 'validation'; it has train, test\. .*validation=5000"):
        data.open(f"mnist:{mnist}", "validation")


def test_validation_images_are_held_out_of_the_end_of_mnist(mnist):
    source = f"mnist:{mnist}"
    whole = data.open(source, binarize="none")
    train = data.open(source, binarize="none", validation=7)
    held = data.open(source, "validation", binarize="none", validation=7)
    assert (len(train), len(held)) == (23, 7)
    assert torch.equal(torch.cat([train.batch(range(23)), held.batch(range(7))]), whole.batch(range(30)))
    assert len(data.open(source, "test", validation=7)) == 10


def test_held_out_images_are_disjoint_and_mixed_where_images_may_be_sorted(tmp_path, save):
    for i in range(20):
        save(tmp_path / "train" / f"{i // 10}" / f"{i}.png", seed=i)
    source = f"folder:{tmp_path}"
    train, held = (data.open(source, split, validation=8) for split in ("train", "validation"))
    assert sorted([*train.numbers, *held.numbers]) == list(range(20))
    assert set(held.labels.tolist()) == {0, 1}


def test_no_more_images_can_be_held_out_than_there_are(mnist):
    with pytest.raises(ValueError, match=r"validation is 30, but mnist:.* has 30 training images"):
        data.open(f"mnist:{mnist}", validation=30)


def test_a_source_with_validation_images_holds_none_out():
    with pytest.raises(ValueError, match="mnist-mini has a validation split of its own; leave validation at 0"):
        data.open("mnist-mini", validation=10)


def test_a_part_of_a_set_is_a_set(mnist):
    images = data.open(f"mnist:{mnist}", binarize="none")
    assert len(images.head(3)) == 3
    assert len(images.head(99)) == 30
    part = images.subset([9, 4, 4])
    assert torch.equal(part.batch(torch.tensor([2, 0])), images.batch([4, 9]))
    assert part.labels.tolist() == [9, 4, 4]
    with pytest.raises(ValueError, match="count is 0"):
        images.head(0)


def test_splits_are_told_without_trying(mnist, tmp_path, save):
    assert data.splits_of("mnist-mini") == ("train", "validation", "test")
    assert data.splits_of(f"mnist:{mnist}") == ("train", "test")
    assert data.splits_of(f"mnist:{mnist}", validation=5) == ("train", "validation", "test")
    save(tmp_path / "folder" / "test" / "0.png")
    assert data.splits_of(f"folder:{tmp_path / 'folder'}") == ("test",)


def test_all_of_a_source_with_splits_is_its_splits_in_order(mnist):
    images = data.open(f"mnist:{mnist}", "all", binarize="none")
    parts = [data.open(f"mnist:{mnist}", split, binarize="none") for split in ("train", "test")]
    assert torch.equal(images.batch(range(40)), torch.cat([part.batch(range(len(part))) for part in parts]))
    assert images.labels.tolist() == [label for part in parts for label in part.labels.tolist()]
    shuffled = torch.tensor([39, 0, 30, 29])
    assert torch.equal(images.batch(shuffled), images.batch(range(40))[shuffled])


@pytest.mark.parametrize("levels", [300, np.int64(300), np.uint16(300)])
def test_levels_can_be_said_of_any_source(mnist, levels):
    images = data.open(f"mnist:{mnist}", binarize="none", levels=levels)
    assert (images.levels, images.batch([0]).dtype) == (300, torch.int64)
    with pytest.raises(ValueError, match=r"of mnist:.* holds level \d+, but levels is 17; expected 0 \.\.\. 16"):
        data.open(f"mnist:{mnist}", binarize="none", levels=17)
    for wrong in (1, 2.5, "many"):
        with pytest.raises(ValueError, match=f"levels is {wrong}; expected a whole number of at least 2"):
            data.open(f"mnist:{mnist}", levels=wrong)


# Sources from another folder


def test_a_source_is_found_from_any_folder(mnist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = data.resolve("mnist:mnist")
    assert kept == f"mnist:{tmp_path / 'mnist'}"
    assert data.resolve("mnist:mnist", tmp_path / "other") == f"mnist:{tmp_path / 'other' / 'mnist'}"
    monkeypatch.chdir("/")
    assert len(data.open(kept)) == 30
    assert data.resolve(kept) == kept
    assert data.resolve("mnist:mnist", tmp_path) == kept


def test_what_has_no_path_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("mnist-mini", "photos", "hf:owner/name"):
        assert data.resolve(source) == source
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert data.resolve("hf:owner/name") == f"hf:{tmp_path}/owner/name"


# A data set of torch


def test_images_are_a_data_set_of_levels_and_labels(mnist):
    images = data.open(f"mnist:{mnist}", binarize="none")
    assert isinstance(images, torch.utils.data.Dataset)
    levels, label = images[4]
    assert torch.equal(levels, images.batch([4])[0])
    assert (type(label), label) == (int, 4)
    for index in (np.int64(4), np.uint8(4), torch.tensor(4), -26):
        assert images[index][1] == 4
    assert [label for _, label in images] == images.labels.tolist()
    assert [label for _, label in images.subset([9, 4])] == [9, 4]
    with pytest.raises(IndexError, match="no image 30"):
        images[30]
    with pytest.raises(TypeError, match=r"The index is slice.*images.head\(10\)"):
        images[:3]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_takes_images(mnist, workers):
    images = data.open(f"mnist:{mnist}", binarize="none")
    batches = list(torch.utils.data.DataLoader(images, batch_size=8, num_workers=workers))
    assert [len(labels) for _, labels in batches] == [8, 8, 8, 6]
    assert torch.equal(torch.cat([levels for levels, _ in batches]), images.batch(range(30)))
    assert torch.equal(torch.cat([labels for _, labels in batches]), images.labels)
    assert batches[0][1].dtype == torch.int64


def test_images_without_labels_have_the_label_minus_one(tmp_path, save):
    save(tmp_path / "train" / "0.png")
    assert data.open(f"folder:{tmp_path}")[0][1] == -1


def test_torch_s_own_tools_take_images(mnist):
    images = data.open(f"mnist:{mnist}", binarize="none")
    first, second = torch.utils.data.random_split(images, [10, 20])
    assert (len(first), len(second)) == (10, 20)
    assert len(images + images) == 60


def test_numpy_s_whole_numbers_are_indices_everywhere(mnist):
    images = data.open(f"mnist:{mnist}", binarize="none")
    numbers = np.array([3, 1], dtype=np.uint16)
    assert torch.equal(images.batch(numbers), images.batch([3, 1]))
    assert torch.equal(images.batch([np.int32(3), np.int64(1)]), images.batch([3, 1]))
    assert len(images.head(np.int64(3))) == len(images.subset(numbers)) + 1


@pytest.mark.parametrize("index", [30, -1])
def test_an_index_outside_the_set_is_refused(mnist, index):
    with pytest.raises(IndexError, match=f"no image {index}; .* has 30 in its split train"):
        data.open(f"mnist:{mnist}").batch([0, index])


@pytest.mark.parametrize("indices", [3, [0.5], [[0, 1]]])
def test_indices_are_a_sequence_of_whole_numbers(mnist, indices):
    with pytest.raises(TypeError, match="expected a sequence of whole numbers"):
        data.open(f"mnist:{mnist}").batch(indices)


def test_no_indices_give_no_images(mnist):
    assert data.open(f"mnist:{mnist}").batch([]).shape == (0, 1, 5, 4)


def test_a_set_says_what_it_is(mnist):
    assert repr(data.open(f"mnist:{mnist}", "test")).endswith("'test': 10 of (1, 5, 4), 2 levels, binarize='dynamic')")


@pytest.mark.parametrize("form", ["mnist", "folder"])
def test_a_set_can_be_sent_to_another_process(form, mnist, tmp_path, save):
    save(tmp_path / "folder" / "train" / "0.png")
    images = data.open(f"{form}:{tmp_path / form}", binarize="dynamic")
    assert torch.equal(pickle.loads(pickle.dumps(images)).batch([0]), images.batch([0]))


def test_importing_data_loads_nothing_heavy():
    """Fails, as it should, when `torch` is put on the list."""
    code = "import sys, pixelsnail.data; print([m for m in ('PIL', 'datasets', 'lightning') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    assert all(hasattr(data, name) for name in data.__all__)
