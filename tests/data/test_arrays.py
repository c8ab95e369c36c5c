"""Files of arrays: npz, npy, and tensors that torch saved."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.data import loading
from pixelsnail.errors import UserError


@pytest.fixture
def npz(tmp_path: Path):
    """npz(train=..., levels=...) writes a file and returns its source."""

    def write(**arrays) -> str:
        np.savez(tmp_path / "file.npz", **arrays)
        return f"npz:{tmp_path / 'file.npz'}"

    return write


def noise(*shape: int, high: int = 256, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, high, shape, dtype=dtype)


def test_named_splits_are_read_with_their_labels(npz):
    arrays = {"train": noise(6, 5, 4), "test": noise(2, 5, 4)}
    source = npz(**arrays, train_labels=np.arange(6, dtype=np.int32), test_labels=np.array([7, 8], np.uint8))
    for split, array in arrays.items():
        images = data.open(source, split)
        assert (images.shape, images.levels, images.binarize) == ((1, 5, 4), 256, "none")
        assert np.array_equal(images.batch(range(len(array))).numpy(), array[:, None])
    assert data.open(source, "test").labels.tolist() == [7, 8]
    assert data.open(source, "test").labels.dtype == torch.int64
    with pytest.raises(ValueError, match="no split 'validation'; it has train, test"):
        data.open(source, "validation")


@pytest.mark.parametrize("name", ["x", "images"])
@pytest.mark.parametrize("labels", ["labels", "{}_labels"])
def test_one_array_is_split_the_same_way_every_time(npz, name, labels):
    array = np.arange(300, dtype=np.int64).reshape(300, 1, 1)
    source = npz(**{name: array, labels.format(name): np.arange(300)})
    found = [data.open(source, split) for split in ("train", "validation", "test")]
    values = [images.batch(range(len(images))).flatten().tolist() for images in found]
    assert sorted(values[0] + values[1] + values[2]) == list(range(300))
    assert [images.labels.tolist() for images in found] == values
    assert len(values[0]) == pytest.approx(240, abs=25)
    assert len(values[1]) == pytest.approx(30, abs=15)
    npz(**{name: array[:200]})
    assert set(data.open(source, "test").batch(range(5)).flatten().tolist()) <= set(values[2])


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (noise(4, 5, 6), (1, 5, 6)),
        (noise(4, 3, 5, 6), (3, 5, 6)),
        (noise(4, 2, 5, 6), (2, 5, 6)),
        (noise(4, 5, 6, 3), (3, 5, 6)),
        (noise(4, 5, 6, 1), (1, 5, 6)),
        (noise(4, 9, 8, 4), (4, 9, 8)),
        (noise(4, 8, 8, 5), (5, 8, 8)),
        (noise(4, 1, 5, 3), (1, 5, 3)),
    ],
)
def test_channels_may_be_missing_or_last(npz, array, shape):
    images = data.open(npz(train=array))
    assert images.shape == shape
    if array.ndim == 4 and array.shape[-1] == shape[0]:
        assert np.array_equal(images.batch([1])[0].permute(1, 2, 0).numpy(), array[1])


@pytest.mark.parametrize(
    ("array", "given", "levels", "dtype"),
    [
        (np.full((4, 5, 6), 16, np.uint8), None, 17, torch.uint8),
        (np.full((4, 5, 6), 16, np.int64), None, 17, torch.uint8),
        (np.full((4, 5, 6), 16.0), None, 17, torch.uint8),
        (np.full((4, 5, 6), 200, np.int64), None, 256, torch.uint8),
        (np.full((4, 5, 6), 65535, np.uint16), None, 65536, torch.int64),
        (noise(4, 5, 6, high=9), 9, 9, torch.uint8),
        (noise(4, 5, 6, high=2), None, 2, torch.uint8),
        (noise(4, 5, 6, high=2) == 1, None, 2, torch.uint8),
        (noise(4, 5, 6, high=256), 512, 512, torch.int64),
        (np.full((4, 5, 6), 63, np.int32), None, 64, torch.uint8),
        (np.full((4, 5, 6), 511, np.int16), None, 512, torch.int64),
        (np.full((4, 5, 6), 511, np.uint16), 1024, 1024, torch.int64),
    ],
)
def test_levels_are_given_or_follow_from_type_and_values(npz, array, given, levels, dtype):
    images = data.open(npz(train=array) if given is None else npz(train=array, levels=given))
    assert images.levels == levels
    assert images.batch([0]).dtype == dtype
    assert np.array_equal(images.batch([0, 3]).numpy()[:, 0], array[[0, 3]])


def test_levels_are_those_of_all_splits(npz):
    source = npz(train=np.full((2, 3, 3), 5), test=np.full((2, 3, 3), 9))
    assert data.open(source).levels == data.open(source, "test").levels == 10


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (
            {"train": noise(4, 5, 6) / 255},
            r"holds float64 from 0.* to 0.* with fractions; expected .* by 255 x, rounded",
        ),
        ({"train": noise(4, 5, 6) / 127.5 - 1}, r"with fractions; expected whole numbers.*127.5 \(x \+ 1\)"),
        ({"train": noise(4, 5, 6) / 7}, "with fractions; expected whole numbers.*Round or quantise"),
        ({"train": np.full((4, 5, 6), np.nan)}, r"holds nan at \(0, 0, 0\)"),
        ({"train": noise(4, 5, 6) * 1j}, "has dtype complex128; expected whole numbers"),
        ({"x": np.array(3)}, r"has shape \(\); expected \(N, H, W\)"),
        ({"train": noise(4, 5)}, r"has shape \(4, 5\); expected \(N, H, W\), .*An image a row"),
        ({"train": noise(4, 2, 3, 5, 5)}, r"has shape \(4, 2, 3, 5, 5\); expected \(N, H, W\)"),
        ({"train": noise(4, 3, 5, 3)}, "3 channels of 5 x 3 or 3 channels of 3 x 5; say which: axes NCHW or NHWC"),
        ({"train": noise(4, 28, 28, 28)}, "28 channels of 28 x 28 or 28 channels of 28 x 28; say which"),
        ({"x": noise(9, 8, 3)}, "9 grey images of 8 x 3 or one RGB image of 9 x 8; .*axes NHW"),
        ({"train": noise(0, 5, 6)}, r"has shape \(0, 5, 6\)"),
        ({"train": np.arange(-2, 10).reshape(3, 2, 2)}, r"holds -2 at \(0, 0, 0\)"),
        ({"one": noise(4, 5, 6), "two": noise(4, 5, 6)}, "holds one, two; expected an array x, images or codes"),
        ({"x": noise(4, 5, 6), "images": noise(4, 5, 6)}, "holds x and images, which may both be the images"),
        ({"val": noise(4, 5, 6), "valid": noise(4, 5, 6)}, "holds val and valid, which may both be validation images"),
        ({"test_a": noise(4, 5, 6)}, "test_a in .* looks like a split's name and is none"),
        ({"train": noise(4, 5, 6), "train_old": noise(4, 5, 6)}, "train_old in .* looks like a split's name"),
        ({}, "holds nothing; expected an array x"),
        ({"train": noise(4, 5, 6), "levels": 1}, "levels in .* is 1; expected a whole number of at least 2"),
        ({"train": np.full((4, 5, 6), 9), "levels": 9}, "holds level 9, but levels is 9; expected 0 ... 8"),
        ({"train": np.array([None, {}])}, "holds pickled objects.*never opened"),
    ],
)
def test_what_cannot_be_images_is_refused_with_the_reason(npz, arrays, says):
    with pytest.raises(ValueError, match=says):
        data.open(npz(**arrays))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no file {tmp_path / 'no.npz'}; expected an npz"):
        data.open(f"npz:{tmp_path / 'no.npz'}")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_or_damaged_file_is_named(tmp_path, compressed):
    path = tmp_path / "file.npz"
    (np.savez_compressed if compressed else np.savez)(path, train=noise(40, 5, 6))
    content = path.read_bytes()
    middle = len(content) // 2
    for damaged in (content[:-30], content[:middle], content[:middle] + b"\xff\x00" * 8 + content[middle + 16 :], b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path} is not a whole npz file .*Replace it by a good copy"):
            data.open(f"npz:{path}")


def test_other_files_are_not_opened(tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(b"no arrays here")
    with pytest.raises(ValueError, match="is no npz file"):
        data.open(f"npz:{path}")
    path.write_bytes(b"\x89HDF\r\n")
    with pytest.raises(ValueError, match="is an HDF5 file; expected an npz, npy or pt file"):
        data.open(f"npz:{path}")
    with pytest.raises(IsADirectoryError, match=f"is a folder; .*folder:{tmp_path}"):
        data.open(f"npz:{tmp_path}")


@pytest.mark.parametrize("form", ["npz", "npy", "pt"])
def test_every_damage_is_a_sentence(tmp_path, form):
    """A byte changed, lost or inserted, anywhere: the images, or an error that names the file."""
    path, array = tmp_path / f"file.{form}", noise(3, 4, 5)
    with path.open("wb") as file:
        {"npz": lambda: np.savez(file, x=array), "npy": lambda: np.save(file, array)}.get(
            form, lambda: torch.save(torch.tensor(array), file)
        )()
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(content), 150).tolist():
        byte = bytes([random.integers(256)])
        path.write_bytes(content[:place] + byte * random.integers(0, 3) + content[place + 1 :])
        with contextlib.suppress(UserError):
            data.open(f"npz:{path}", "all").batch([0])


def test_a_pickle_is_not_run(tmp_path):
    path = tmp_path / "file.npz"
    ran = tmp_path / "ran"

    class Harm:
        def __reduce__(self):
            return (Path.touch, (ran,))

    np.savez(path, train=np.array([Harm()], dtype=object))
    with pytest.raises(ValueError, match="pickled objects"):
        data.open(f"npz:{path}")
    assert not ran.exists()


def test_what_a_file_is_decides_and_not_its_name(tmp_path):
    array = noise(4, 5, 6)
    path = tmp_path / "file.npz"
    with path.open("wb") as file:
        np.save(file, array)
    assert np.array_equal(data.open(f"npz:{path}", "all").batch(range(4)).numpy()[:, 0], array)
    torch.save(torch.tensor(array), path)
    assert np.array_equal(data.open(f"npz:{path}", "all").batch(range(4)).numpy()[:, 0], array)


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_TRAIN", "Y_TRAIN", "X_TEST", "Y_TEST"),
        ("trainX", "trainY", "testX", "testY"),
        ("train", "train_targets", "test", "test_targets"),
        ("training_data", "training_labels", "testing_data", "testing_labels"),
    ],
)
def test_arrays_are_found_under_the_names_that_people_give(npz, names):
    values = (noise(6, 5, 4), np.arange(6)[:, None], noise(2, 5, 4), np.array([7, 8])[:, None])
    source = npz(**dict(zip(names, values, strict=True)))
    assert data.splits_of(source) == ("train", "test")
    assert data.open(source).labels.tolist() == list(range(6))
    assert data.open(source, "test").labels.tolist() == [7, 8]
    assert data.open(source, "test").classes == data.open(source).classes == 9


@pytest.mark.parametrize("images", ["x", "images", "X", "data", "codes", "arr_0", "digits"])
@pytest.mark.parametrize("labels", ["labels", "y", "label", "targets", "x_labels"])
def test_one_array_and_its_labels_have_many_names(npz, images, labels):
    found = data.open(npz(**{images: noise(5, 4, 4), labels: np.arange(5)}), "all")
    assert (len(found), found.classes, found.labels.tolist()) == (5, 5, [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.arange(3), r"shape \(3,\), which is not one label for each of 4 images"),
        (np.full(4, 0.5), "holds float64, which is no class"),
        (np.array([1, 2, np.nan, 0]), "has no label at 2"),
        (noise(4, 2), r"shape \(4, 2\)"),
        (np.array([[1, 1], [0, 1], [1, 0], [1, 0]]), r"shape \(4, 2\)"),
    ],
)
def test_labels_that_nobody_needs_stop_nothing(npz, labels, reason):
    images = data.open(npz(train=noise(4, 5, 6), train_labels=labels))
    assert images.labels is None
    assert images.classes is None
    assert len(images.batch(range(4))) == 4
    assert "no labels (train_labels " in str(images.read)
    with pytest.raises(ValueError, match=f"has no labels .*{reason}.*; a class-conditional model needs one an image"):
        images.needed_labels()


def test_labels_may_be_text_whole_floats_or_one_hot(npz):
    text = data.open(npz(x=noise(3, 5, 6), y=np.array(["dog", "cat", "dog"])), "all")
    assert (text.labels.tolist(), text.class_names, text.classes) == ([1, 0, 1], ("cat", "dog"), 2)
    assert data.open(npz(x=noise(3, 5, 6), y=np.array([2.0, 0, 1])), "all").labels.tolist() == [2, 0, 1]
    assert data.open(npz(x=noise(3, 5, 6), y=np.eye(4)[[2, 0, 1]]), "all").labels.tolist() == [2, 0, 1]


def test_names_of_classes_are_those_of_all_splits(npz):
    source = npz(
        train=noise(2, 5, 6), test=noise(1, 5, 6), train_labels=np.array(["a", "c"]), test_labels=np.array(["b"])
    )
    assert data.open(source).labels.tolist() == [0, 2]
    assert data.open(source, "test").labels.tolist() == [1]


def test_labels_beside_splits_are_used_or_said(npz):
    source = npz(train=noise(4, 5, 6), test=noise(2, 5, 6), labels=np.arange(4))
    assert data.open(source).labels.tolist() == [0, 1, 2, 3]
    source = npz(train=noise(4, 5, 6), test=noise(2, 5, 6), labels=np.arange(6))
    assert data.open(source).labels is None
    assert "array labels not used" in str(data.open(source).read)


def test_other_arrays_are_said_and_stop_nothing(npz):
    source = npz(
        classes=np.array(["a", "b"]),
        train_ids=np.arange(4),
        mean=np.zeros(3),
        train=noise(4, 5, 6),
        labels=np.arange(4),
    )
    images = data.open(source)
    assert images.labels.tolist() == [0, 1, 2, 3]
    assert images.read.notes == ("array train_ids not used", "array mean not used", "array classes not used")


def test_of_two_arrays_of_labels_the_one_of_the_right_length_is_taken(npz):
    images = data.open(npz(x=noise(4, 5, 6), classes=np.array(["a", "b"]), y=np.arange(4)), "all")
    assert images.labels.tolist() == [0, 1, 2, 3]


def test_the_meaning_of_axes_can_be_said(npz):
    array = noise(4, 3, 5, 3)
    assert data.open(npz(train=array, axes="NCHW")).shape == (3, 5, 3)
    assert data.open(npz(train=array, axes="NHWC")).shape == (3, 3, 5)
    assert data.open(npz(train=array), axes="NHWC").shape == (3, 3, 5)
    with pytest.raises(ValueError, match="axes is 'NWHC'"):
        data.open(npz(train=array), axes="NWHC")
    assert data.open(npz(x=noise(9, 8, 3)), "all", axes="NHW").shape == (1, 8, 3)


def test_an_empty_split_is_none(npz):
    source = npz(train=noise(4, 5, 6), test=noise(0, 5, 6))
    assert data.splits_of(source) == ("train",)
    assert "array test is empty" in str(data.open(source).read)
    with pytest.raises(ValueError, match=r"has shape \(0, 5, 6\); expected at least one image"):
        data.open(npz(train=noise(0, 5, 6), test=noise(0, 5, 6)))


def test_splits_are_told_without_reading_arrays(npz):
    source = npz(train=noise(4, 3, 5, 3), test=noise(4, 3, 5, 3))
    assert data.splits_of(source) == ("train", "test")
    assert len(data.open(source, axes="NCHW")) == 4


def test_arrays_larger_than_memory_stay_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "MEMORY", 100)
    array = noise(40, 5, 6)
    np.savez(tmp_path / "x.npz", x=array, y=np.arange(40))
    np.savez_compressed(tmp_path / "c.npz", x=array)
    np.savez(tmp_path / "f.npz", x=np.asfortranarray(array))
    np.save(tmp_path / "x.npy", array)
    torch.save(torch.tensor(array), tmp_path / "x.pt")
    assert isinstance(loading.load(tmp_path / "x.npz")["x"], np.memmap)
    assert isinstance(loading.load(tmp_path / "x.npy")["x"], np.memmap)
    for name in ("x.npz", "c.npz", "f.npz", "x.npy", "x.pt"):
        images = data.open(f"npz:{tmp_path / name}", "all")
        assert np.array_equal(images.batch([39, 3]).numpy()[:, 0], array[[39, 3]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"a.weight": torch.zeros(2), "a.bias": torch.zeros(2)}, "holds a model's weights"),
        ("text", "holds str; expected a tensor of levels"),
        ([torch.zeros(2, 2), torch.zeros(3, 3)], "holds list; expected"),
        (torch.rand(3, 4, 4), "float32 from .* with fractions"),
        (torch.zeros(3, 4, 4).to_sparse(), "sparse or quantised"),
    ],
)
def test_a_torch_file_without_images_says_what_it_holds(tmp_path, content, says):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=f"{says}"):
        data.open(f"pt:{tmp_path / 'x.pt'}")


def test_a_torch_file_runs_nothing(tmp_path):
    ran = tmp_path / "ran"

    class Harm:
        def __reduce__(self):
            return (Path.touch, (ran,))

    torch.save({"x": torch.zeros(2, 3, 3), "harm": Harm()}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"which is neither a tensor nor a plain value.*can run code"):
        data.open(f"pt:{tmp_path / 'x.pt'}")
    assert not ran.exists()
