"""MNIST's own files, and the digits that come with the package."""

import gzip
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelsnail import data

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_mnist_mini.py"
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def test_idx_files_are_read_gzipped_or_not(mnist, gzipped_mnist):
    for split, count in (("train", 30), ("test", 10)):
        plain = data.open(f"mnist:{mnist}", split, binarize="none")
        gzipped = data.open(f"mnist:{gzipped_mnist}", split, binarize="none")
        assert (len(plain), plain.shape, plain.levels) == (count, (1, 5, 4), 256)
        assert torch.equal(plain.batch(range(count)), gzipped.batch(range(count)))
        assert plain.labels.tolist() == gzipped.labels.tolist() == [i % 10 for i in range(count)]


def test_images_are_those_of_the_file(mnist):
    expected = np.frombuffer((mnist / NAMES[0]).read_bytes()[16:], np.uint8).reshape(30, 1, 5, 4)
    assert np.array_equal(data.open(f"mnist:{mnist}", binarize="none").batch(range(30)).numpy(), expected)


def test_a_read_only_folder_works_and_nothing_is_written(mnist):
    for path in (*mnist.iterdir(), mnist):
        path.chmod(0o555 if path.is_dir() else 0o444)
    data.open(f"mnist:{mnist}").batch(range(30))
    assert sorted(path.name for path in mnist.iterdir()) == sorted(NAMES)
    mnist.chmod(0o755)


@pytest.mark.parametrize("problem", ["empty", "missing"])
def test_without_files_the_four_that_are_expected_are_named(tmp_path, problem):
    folder = tmp_path / "mnist"
    if problem == "empty":
        folder.mkdir()
    says = "holds no train-images-idx3-ubyte" if problem == "empty" else "does not exist"
    with pytest.raises(FileNotFoundError, match=f"{folder} {says}; expected the four idx files of MNIST") as raised:
        data.open(f"mnist:{folder}")
    assert all(name in str(raised.value) for name in NAMES)
    assert "not downloaded" in str(raised.value)


@pytest.mark.parametrize("name", NAMES[::2])
def test_a_single_missing_file_is_named(mnist, name):
    (mnist / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"holds no {name}"):
        data.open(f"mnist:{mnist}", "train" if name.startswith("train") else "test")


def test_images_without_labels_are_images(mnist):
    (mnist / NAMES[1]).unlink()
    images = data.open(f"mnist:{mnist}")
    assert images.labels is None
    assert f"no labels (no labels beside {NAMES[0]})" in str(images.read)
    assert data.open(f"mnist:{mnist}", "test").labels is not None


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: b"", r"begins with the bytes \(none\); expected 00 00 08 0[13]"),
        (lambda content: b"\x00\x00\x0d\x03" + content[4:], "begins with the bytes 00 00 0d 03"),
        (lambda content: b"<html>404</html>", "begins with the bytes 3c 68 74 6d"),
        (lambda content: content[:6], "ends after 6 bytes, in its header"),
        (lambda content: content[:-1], r"holds \d+ values, but its header announces 30.*truncated"),
        (lambda content: content + b"\x00", r"holds \d+ values, but its header announces 30"),
        (lambda content: content[:4] + bytes(4) + content[8:16][: content[3] * 4 - 4], "holds no values"),
        (lambda content: gzip.compress(content)[:-20], "cannot be decompressed"),
        (lambda content: gzip.compress(content)[:-8] + b"\x00" * 8, "cannot be decompressed.*CRC"),
        (lambda content: content[:4] + bytes(len(content[4:])), r"holds \d+ values, but its header announces 0"),
    ],
    ids=[
        "empty",
        "magic",
        "html",
        "header",
        "truncated",
        "longer",
        "no-images",
        "gzip-truncated",
        "gzip-corrupt",
        "zeros",
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(mnist, damage, says):
    path = mnist / NAMES[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path} {says}.*Replace it by a good copy"):
        data.open(f"mnist:{mnist}")


def test_damaged_labels_stop_only_who_needs_them(mnist):
    (mnist / NAMES[1]).write_bytes(b"<html>404</html>")
    images = data.open(f"mnist:{mnist}")
    assert len(images) == 30
    with pytest.raises(ValueError, match=r"has no labels \(.* begins with the bytes 3c 68 74 6d.*a class-conditional"):
        images.needed_labels()


def test_labels_of_another_copy_are_left_out(mnist):
    (mnist / NAMES[1]).write_bytes((mnist / NAMES[3]).read_bytes())
    images = data.open(f"mnist:{mnist}")
    assert images.labels is None
    assert f"{NAMES[1]} has shape (10,), which is not one label for each of 30 images" in str(images.read)


# Other names and layouts


@pytest.mark.parametrize(
    ("where", "rename"),
    [
        ("", lambda name: name.replace("-idx", ".idx")),
        ("raw", str),
        ("FashionMNIST/raw", str),
        ("KMNIST/raw", lambda name: f"{name}.gz"),
        ("", lambda name: f"emnist-letters-{name.replace('t10k', 'test')}"),
    ],
)
def test_files_are_found_under_their_other_names_and_places(mnist, tmp_path, where, rename):
    place = tmp_path / "copy" / where
    place.mkdir(parents=True)
    for name in NAMES:
        (place / rename(name)).write_bytes((mnist / name).read_bytes())
    source = f"mnist:{tmp_path / 'copy'}"
    assert data.splits_of(source) == ("train", "test")
    for split, count in (("train", 30), ("test", 10)):
        images = data.open(source, split, binarize="none")
        assert (len(images), images.classes) == (count, 10)
        expected = data.open(f"mnist:{mnist}", split, binarize="none").batch(range(count))
        turned = "emnist" in rename("")
        assert torch.equal(images.batch(range(count)), expected.transpose(2, 3) if turned else expected)
        assert ("turned upright" in str(images.read)) == turned


def test_of_several_sets_one_is_chosen_by_its_name(mnist, tmp_path):
    folder = tmp_path / "emnist"
    folder.mkdir()
    for kind in ("letters", "digits"):
        for name in NAMES:
            (folder / f"emnist-{kind}-{name}").write_bytes((mnist / name).read_bytes())
    with pytest.raises(ValueError, match=f"holds several sets.*mnist:{folder}/emnist-digits, mnist:{folder}/emnist-l"):
        data.open(f"mnist:{folder}")
    assert len(data.open(f"mnist:{folder}/emnist-letters", "test")) == 10
    with pytest.raises(FileNotFoundError, match="emnist-balanced does not exist"):
        data.open(f"mnist:{folder}/emnist-balanced")


def test_classes_are_those_of_all_splits(mnist):
    (mnist / NAMES[3]).write_bytes((mnist / NAMES[3]).read_bytes()[:-1] + b"\x0b")
    assert data.open(f"mnist:{mnist}").classes == data.open(f"mnist:{mnist}", "test").classes == 12


def test_mnist_mini_is_balanced_and_no_image_is_twice():
    seen: Counter[bytes] = Counter()
    for split, count in (("train", 5000), ("validation", 500), ("test", 500)):
        images = data.open("mnist-mini", split, binarize="none")
        assert (len(images), images.shape, images.levels) == (count, (1, 28, 28), 256)
        assert images.labels.bincount().tolist() == [count // 10] * 10
        seen.update(image.tobytes() for image in images.batch(range(count)).numpy())
    assert len(seen) == 6000


def test_mnist_mini_says_where_it_is_from_and_is_about_a_megabyte():
    path = Path(data.__file__).with_name("mnist_mini.npz")
    with np.load(path, allow_pickle=False) as content:
        assert "LeCun, C. Cortes, C. Burges" in str(content["source"][0])
        assert "CC BY-SA 3.0" in str(content["licence"][0])
    assert "CC BY-SA 3.0" in path.with_name("README.md").read_text()
    assert path.stat().st_size < 1_100_000


def test_mnist_mini_is_built_the_same_every_time(tmp_path, monkeypatch):
    """From a copy of MNIST in miniature: 600 training images of each digit, 60 test images."""
    generator = np.random.default_rng(0)
    for origin, each in (("train", 600), ("t10k", 60)):
        images = generator.integers(0, 256, (10 * each, 2, 3), dtype=np.uint8)
        labels = np.arange(10 * each, dtype=np.uint8) % 10
        header = bytes((0, 0, 8, 3)) + np.array(images.shape, ">u4").tobytes()
        (tmp_path / f"{origin}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = bytes((0, 0, 8, 1)) + np.array(labels.shape, ">u4").tobytes()
        (tmp_path / f"{origin}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    built = []
    for name in ("first.npz", "second.npz"):
        monkeypatch.setattr("sys.argv", [str(SCRIPT), str(tmp_path), "--out", str(tmp_path / name)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        built.append(dict(np.load(tmp_path / name, allow_pickle=False)))
    assert built[0].keys() == built[1].keys()
    assert all(np.array_equal(built[0][key], built[1][key]) for key in built[0])
    assert [len(built[0][split]) for split in ("train", "validation", "test")] == [5000, 500, 500]
    assert np.bincount(built[0]["validation_labels"]).tolist() == [50] * 10
