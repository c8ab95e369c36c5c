"""Integer arrays in an npz file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pixelsnail import data


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
        (noise(4, 3, 5, 3), (3, 5, 3)),
    ],
)
def test_channels_may_be_missing_or_last(npz, array, shape):
    images = data.open(npz(train=array))
    assert images.shape == shape
    if array.shape[-1] == 3 and array.shape[1] != 3:
        assert np.array_equal(images.batch([1])[0].permute(1, 2, 0).numpy(), array[1])


@pytest.mark.parametrize(
    ("array", "given", "levels", "dtype"),
    [
        (noise(4, 5, 6, high=9), None, 256, torch.uint8),
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
        ({"train": noise(4, 5, 6) / 255}, "train in .* has dtype float64; expected integer levels.*astype"),
        ({"train": np.full((4, 5, 6), np.nan)}, "has dtype float64"),
        ({"train": noise(4, 5)}, r"has shape \(4, 5\); expected \(N, H, W\) or \(N, C, H, W\)"),
        ({"train": noise(0, 5, 6)}, r"has shape \(0, 5, 6\)"),
        ({"train": np.arange(-2, 10).reshape(3, 2, 2)}, r"holds -2 at \(0, 0, 0\)"),
        ({"digits": noise(4, 5, 6)}, "holds digits; expected an array train"),
        ({}, "holds nothing; expected an array train"),
        ({"train": noise(4, 5, 6), "train_labels": np.arange(3)}, r"train_labels .* int64 of shape \(3,\); expected 4"),
        ({"train": noise(4, 5, 6), "train_labels": np.ones(4)}, "train_labels .* is float64"),
        ({"train": noise(4, 5, 6), "levels": 1}, "levels in .* is 1; expected a whole number of at least 2"),
        ({"train": np.full((4, 5, 6), 9), "levels": 9}, "holds level 9, but says levels = 9"),
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
    with path.open("wb") as file:
        np.save(file, noise(4, 5, 6))
    with pytest.raises(ValueError, match=r"single array \(npy\); expected an npz file"):
        data.open(f"npz:{path}")


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
