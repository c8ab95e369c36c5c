"""CIFAR-10 and ImageNet 32 as people have them, their pickles read without running anything."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from pixelsnail import data
from pixelsnail.cli import main
from pixelsnail.data import cifar, pickles

ROWS = np.random.default_rng(0).integers(0, 256, (12, 3072), dtype=np.uint8)
ROWS[0, 0] = 255


def batch(first: int, count: int = 2) -> dict:
    rows = ROWS[first : first + count]
    return {b"data": rows, b"labels": [(first + i) % 10 for i in range(count)], b"batch_label": b"one"}


@pytest.fixture(params=["python", "binary"])
def cifar10(request, tmp_path) -> Path:
    """A folder of CIFAR-10 with ten training and two test images."""
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for i, name in enumerate(names):
        content = batch(2 * i)
        if request.param == "python":
            (tmp_path / name).write_bytes(pickle.dumps(content, protocol=2))
        else:
            rows = [
                bytes([label]) + row.tobytes() for label, row in zip(content[b"labels"], content[b"data"], strict=True)
            ]
            (tmp_path / f"{name}.bin").write_bytes(b"".join(rows))
    return tmp_path


def test_cifar_10_is_read_in_both_versions(cifar10):
    source = f"cifar10:{cifar10}"
    assert data.splits_of(source) == ("train", "test")
    train, test = data.open(source), data.open(source, "test")
    assert (len(train), train.shape, train.levels, train.classes) == (10, (3, 32, 32), 256, 10)
    assert np.array_equal(train.batch(range(10)).numpy(), ROWS[:10].reshape(-1, 3, 32, 32))
    assert np.array_equal(test.batch([1, 0]).numpy(), ROWS[[11, 10]].reshape(-1, 3, 32, 32))
    assert train.labels.tolist() == list(range(10))
    assert train.class_names[:3] == ("airplane", "automobile", "bird")
    assert len(data.open(source, "validation", validation=3)) == 3


def test_batches_that_are_missing_are_said(cifar10):
    for path in cifar10.glob("data_batch_[35]*"):
        path.unlink()
    images = data.open(f"cifar10:{cifar10}")
    assert len(images) == 6
    assert "2 of 5 batches missing (data_batch_3)" in str(images.read)


@pytest.mark.parametrize("form", ["npz", "pickle"])
def test_imagenet_32_is_read_in_both_forms(tmp_path, form):
    for place, name, first in (
        ("train", "train_data_batch_1", 0),
        ("train", "train_data_batch_2", 4),
        ("val", "val_data", 8),
    ):
        (tmp_path / place).mkdir(exist_ok=True)
        content = {"data": ROWS[first : first + 4], "labels": np.array([1, 1000, 3, 4]), "mean": np.zeros(3072)}
        if form == "npz":
            np.savez(tmp_path / place / f"{name}.npz", **content)
        else:
            (tmp_path / place / name).write_bytes(pickle.dumps(content))
    source = f"imagenet32:{tmp_path}"
    assert data.splits_of(source) == ("train", "validation")
    train = data.open(source)
    assert np.array_equal(train.batch([7, 0]).numpy(), ROWS[[7, 0]].reshape(-1, 3, 32, 32))
    assert (train.labels.tolist(), train.classes) == ([0, 999, 2, 3] * 2, 1000)
    assert "labels 1 ... 1000 counted from 0" in str(train.read)
    assert "8 of 10 batches missing (train_data_batch_3)" in str(train.read)
    assert len(data.open(source, "validation")) == 4


def test_batches_larger_than_memory_stay_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "MEMORY", 100)
    np.savez(tmp_path / "val_data.npz", data=ROWS, labels=np.arange(1, 13))
    images = data.open(f"imagenet32:{tmp_path}", "validation")
    assert np.array_equal(images.batch([11, 2]).numpy(), ROWS[[11, 2]].reshape(-1, 3, 32, 32))


@pytest.mark.parametrize("source", ["cifar10", "imagenet32"])
@pytest.mark.parametrize("problem", ["empty", "missing"])
def test_without_files_those_that_are_expected_are_named(tmp_path, source, problem):
    folder = tmp_path / "data"
    if problem == "empty":
        folder.mkdir()
    expected = {"cifar10": "data_batch_1", "imagenet32": "train_data_batch_1"}[source]
    says = f"The folder {folder} holds no batches" if problem == "empty" else f"There is no folder {folder}"
    with pytest.raises(
        FileNotFoundError, match=rf"^{says}; expected {expected}(?:(?!\\. ).)*name another one: {source}:FOLDER"
    ):
        data.open(f"{source}:{folder}")


@pytest.mark.parametrize("recipe", ["cifar10", "imagenet32"])
def test_a_recipe_whose_folder_is_missing_says_what_to_name(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", recipe, "--out", "run"]) == 1
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("pixelsnail:"))
    assert f"There is no folder data/{recipe}" in line
    assert f"name another one: {recipe}:FOLDER" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"data": ROWS.reshape(-1, 32, 32, 3)}, r"holds no array data \(N, 3072\) of bytes"),
        ({"data": ROWS.astype(float)}, r"holds no array data \(N, 3072\) of bytes"),
        ({"rows": ROWS}, r"holds no array data \(N, 3072\) of bytes"),
        ([1, 2], "is no pickled dictionary of plain arrays.*it holds list"),
        ({"data": {"inner": 1}}, "holds more than plain arrays"),
        ({"data": np.array([1, None])}, "an array is of objects"),
        ({"data": np.zeros(2, [("a", "u1")])}, "an array is of V1"),
        ({"data": np.array(["text"])}, "an array is of U4"),
        ({"data": Path("x")}, r"it names pathlib\."),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_other_pickles_are_refused(tmp_path, content, says, protocol):
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(ValueError, match=says):
        data.open(f"cifar10:{tmp_path}", "test")


@pytest.mark.parametrize("labels", [[1, 2, 3], list(range(90, 102)), None])
def test_labels_that_cannot_be_are_left_out(tmp_path, labels):
    content = {"data": ROWS} if labels is None else {"data": ROWS, "labels": labels}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content))
    images = data.open(f"cifar10:{tmp_path}", "test")
    assert images.labels is None
    assert "no labels (" in str(images.read)


def test_a_binary_file_of_another_length_is_refused(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(b"\0" * 3074)
    with pytest.raises(ValueError, match="holds 3074 bytes; expected a multiple of 3073"):
        data.open(f"cifar10:{tmp_path}", "test")


def test_no_pickle_runs_anything(tmp_path):
    ran = tmp_path / "ran"

    class Harm:
        def __reduce__(self):
            return (Path.touch, (ran,))

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "test_batch").write_bytes(pickle.dumps({"data": ROWS, "harm": Harm()}, protocol=protocol))
        with pytest.raises(ValueError, match="nothing of it was run"):
            data.open(f"cifar10:{tmp_path}", "test")
    assert not ran.exists()


NAMES = b"cnumpy\ndtype\n"


@pytest.mark.parametrize(
    "instructions",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n(S'a'\nS'b'\ntR.",
        b"cos\nsystem\n.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\nndarray\n)R.",  # a class is called
        NAMES + b"}S'_made'\nNsb.",  # a function is given a state
        NAMES + b"(S'u1'\ntR}S'state'\nNsb.",  # what is kept is no dictionary
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"(i" + b"os\nsystem\n.",
        b"\x82\x01.",  # an extension
        b"Pname\n.",  # a persistent name
        b"",
        b"no pickle",
        b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
)
def test_no_instruction_of_a_pickle_reaches_anything(tmp_path, instructions):
    path = tmp_path / "file"
    path.write_bytes(instructions)
    with pytest.raises(ValueError, match="nothing of it was run"):
        pickles.read_dictionary(path)


def test_arrays_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "file"
    random = np.random.default_rng(0)
    arrays = {
        f"{dtype}{'-by-columns' * columns}": np.asarray(
            random.integers(0, 100, (3, 4)).astype(dtype), order="F" if columns else "C"
        )
        for dtype in ("u1", "<u2", ">u2", "<i4", ">i8", "f4", ">f8", "bool")
        for columns in (False, True)
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(arrays, protocol=protocol))
        found = pickles.read_dictionary(path)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
            assert np.array_equal(found[name], array)
