"""Data sets in the forms of Hugging Face, from local folders."""

import sys

import numpy as np
import pytest

from pixelsnail import data

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:datasets", "ignore::FutureWarning:datasets")


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def test_a_folder_of_images_gives_levels_and_labels(datasets, tmp_path, save):
    levels = {}
    for i, path in enumerate(("train/cat/0", "train/dog/1", "train/dog/2", "test/dog/3")):
        levels[path] = save(tmp_path / "pets" / f"{path}.png", seed=i)
    train = data.open(f"hf:{tmp_path / 'pets'}")
    assert (len(train), train.shape, train.levels, train.labels.tolist()) == (3, (1, 5, 4), 256, [0, 1, 1])
    assert np.array_equal(train.batch([2, 0]).numpy(), np.stack([levels["train/dog/2"], levels["train/cat/0"]]))
    test = data.open(f"hf:{tmp_path / 'pets'}", "test")
    assert (len(test), test.labels.tolist()) == (1, [1])
    with pytest.raises(ValueError, match="no split 'validation'; it has train, test"):
        data.open(f"hf:{tmp_path / 'pets'}", "validation")
    assert len(data.open(f"hf:{tmp_path / 'pets'}", "validation", validation=1)) == 1


@pytest.fixture
def table(datasets, save, tmp_path):
    """table(paths, label=...) is a data set of image files."""

    def make(paths, **columns):
        features = datasets.Features(
            {"picture": datasets.Image()} | {name: datasets.Value("int64") for name in columns}
        )
        return datasets.Dataset.from_dict({"picture": [str(path) for path in paths], **columns}, features=features)

    return make


def test_saved_data_sets_are_read_with_or_without_splits(datasets, table, tmp_path, save):
    levels = [save(tmp_path / f"{i}.png", mode="RGB", seed=i) for i in range(2)]
    rows = table([tmp_path / "0.png", tmp_path / "1.png"], label=[7, 3])
    rows.save_to_disk(tmp_path / "rows")
    datasets.DatasetDict({"validation": rows}).save_to_disk(tmp_path / "splits")
    for source, split in ((tmp_path / "rows", "train"), (tmp_path / "splits", "validation")):
        images = data.open(f"hf:{source}", split)
        assert (images.shape, images.labels.tolist()) == ((3, 5, 4), [7, 3])
        assert np.array_equal(images.batch([0, 1]).numpy(), np.stack(levels))


def test_a_data_set_in_the_form_of_cifar_10_is_read(datasets, tmp_path, save):
    levels = [save(tmp_path / f"{i}.png", mode="RGB", seed=i, size=(32, 32)) for i in range(3)]
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["airplane", "bird"])})
    files = [{"bytes": (tmp_path / f"{i}.png").read_bytes(), "path": None} for i in range(3)]
    rows = datasets.Dataset.from_dict({"img": files, "label": [1, 0, 1]}, features=features)
    (tmp_path / "cifar").mkdir()
    rows.to_parquet(tmp_path / "cifar" / "test-00000-of-00001.parquet")
    images = data.open(f"hf:{tmp_path / 'cifar'}", "test")
    assert (images.shape, images.levels, images.labels.tolist()) == ((3, 32, 32), 256, [1, 0, 1])
    assert np.array_equal(images.batch([0, 1, 2]).numpy(), np.stack(levels))


def test_a_grey_image_among_colour_ones_has_three_equal_channels(table, tmp_path, save):
    save(tmp_path / "0.png", mode="RGB")
    grey = save(tmp_path / "1.png")
    save(tmp_path / "2.png", size=(3, 3))
    table([tmp_path / f"{i}.png" for i in range(3)]).save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}")
    assert np.array_equal(images.batch([1])[0].numpy(), np.repeat(grey, 3, axis=0))
    with pytest.raises(ValueError, match=r"Image 2 of hf:.* = \(1, 3, 3\), but image 0 has \(3, 5, 4\)"):
        images.batch([2])


def test_labels_of_a_choice_of_rows_are_those_rows(table, tmp_path, save):
    for i in range(3):
        save(tmp_path / f"{i}.png", seed=i)
    rows = table([tmp_path / f"{i}.png" for i in range(3)], label=[7, -1, 3]).select([2, 1])
    rows.save_to_disk(tmp_path / "rows")
    assert data.open(f"hf:{tmp_path / 'rows'}").labels.tolist() == [3, -1]


def test_rows_of_another_shape_or_without_a_good_image_are_named(table, tmp_path, save):
    save(tmp_path / "0.png")
    save(tmp_path / "1.png", size=(3, 3))
    (tmp_path / "2.png").write_bytes(b"no picture")
    table([tmp_path / f"{i}.png" for i in range(3)]).save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}")
    assert images.labels is None
    assert images.batch([0]).shape == (1, 1, 5, 4)
    with pytest.raises(
        ValueError, match=r"Image 1 of hf:.* has \(C, H, W\) = \(1, 3, 3\), but image 0 has \(1, 5, 4\)"
    ):
        images.batch([0, 1])
    with pytest.raises(ValueError, match=r"Image 2 of hf:.* cannot be read"):
        images.batch([2])


def test_a_data_set_without_images_or_known_splits_says_what_it_has(datasets, tmp_path):
    rows = datasets.Dataset.from_dict({"text": ["a"]})
    rows.save_to_disk(tmp_path / "rows")
    with pytest.raises(ValueError, match="has the columns text; expected one of images"):
        data.open(f"hf:{tmp_path / 'rows'}")
    datasets.DatasetDict({"extra": rows}).save_to_disk(tmp_path / "splits")
    with pytest.raises(ValueError, match="has the splits extra; expected train, validation or test"):
        data.open(f"hf:{tmp_path / 'splits'}")


def test_a_data_set_that_is_not_there_is_named(datasets, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in (str(tmp_path / "empty"), str(tmp_path / "none")):
        with pytest.raises(FileNotFoundError, match=f"hf:{name} is no data set on the hub and no folder of one"):
            data.open(f"hf:{name}")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pixelsnail\[hf\]'"):
        data.open("hf:owner/name")


# One rule whatever the order, the feature or the label


@pytest.mark.parametrize("order", ["grey first", "colour first"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_grey_and_colour_are_one_set_whatever_comes_first(table, tmp_path, save, order, suffix):
    modes = ["L", "L", "RGB"] if order == "grey first" else ["RGB", "L", "L"]
    for i, mode in enumerate(modes):
        save(tmp_path / f"{i}.{suffix}", mode=mode, seed=i)
    table([tmp_path / f"{i}.{suffix}" for i in range(3)]).save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}", "all")
    assert images.shape == (3, 5, 4)
    levels = images.batch(range(3)).numpy()
    for i, mode in enumerate(modes):
        assert (levels[i, 0] == levels[i, 1]).all() == (mode == "L")


def test_a_grey_split_beside_a_colour_one_is_repeated(datasets, table, tmp_path, save):
    save(tmp_path / "0.png")
    save(tmp_path / "1.png", mode="RGB")
    splits = {"train": table([tmp_path / "1.png"]), "test": table([tmp_path / "0.png"])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "splits")
    assert data.open(f"hf:{tmp_path / 'splits'}", "test").shape == (3, 5, 4)
    assert data.open(f"hf:{tmp_path / 'splits'}", "all").shape == (3, 5, 4)


def test_paths_and_bytes_that_were_not_declared_as_images_are(datasets, tmp_path, save):
    levels = save(tmp_path / "0.png")
    content = (tmp_path / "0.png").read_bytes()
    value = datasets.Value
    both = datasets.Features({"picture": {"bytes": value("binary"), "path": value("string")}})
    for name, rows in {
        "undecoded": datasets.Dataset.from_dict(
            {"picture": [str(tmp_path / "0.png")]},
            features=datasets.Features({"picture": datasets.Image(decode=False)}),
        ),
        "path": datasets.Dataset.from_dict(
            {"picture": [{"bytes": None, "path": str(tmp_path / "0.png")}]}, features=both
        ),
        "bytes": datasets.Dataset.from_dict({"picture": [{"bytes": content, "path": "gone.png"}]}, features=both),
    }.items():
        rows.save_to_disk(tmp_path / name)
        assert np.array_equal(data.open(f"hf:{tmp_path / name}").batch([0])[0].numpy(), levels)


def test_a_mode_that_the_set_declares_is_kept(datasets, tmp_path, save):
    save(tmp_path / "0.png", mode="RGB")
    features = datasets.Features({"image": datasets.Image(mode="L")})
    datasets.Dataset.from_dict({"image": [str(tmp_path / "0.png")]}, features=features).save_to_disk(tmp_path / "rows")
    assert data.open(f"hf:{tmp_path / 'rows'}").shape == (1, 5, 4)


def test_a_missing_label_stops_only_who_needs_it(datasets, table, tmp_path, save):
    for i in range(3):
        save(tmp_path / f"{i}.png", seed=i)
    table([tmp_path / f"{i}.png" for i in range(3)], label=[1, None, 0]).save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}")
    assert images.labels is None
    with pytest.raises(ValueError, match=r"has no labels \(column label has no label at 1\)"):
        images.needed_labels()


def test_a_missing_image_is_a_sentence(table, tmp_path, save):
    save(tmp_path / "0.png")
    rows = table([tmp_path / "0.png"]).to_dict()
    import datasets

    features = datasets.Features({"picture": datasets.Image()})
    rows = datasets.Dataset.from_dict({"picture": [str(tmp_path / "0.png"), None]}, features=features)
    rows.save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}")
    with pytest.raises(ValueError, match=r"Image 1 of hf:.* is missing; expected an image in every row"):
        images.batch([1])


def test_names_of_classes_and_negative_labels(datasets, tmp_path, save):
    save(tmp_path / "0.png")
    features = datasets.Features({"img": datasets.Image(), "fine": datasets.ClassLabel(names=["dog", "cat"])})
    files = [str(tmp_path / "0.png")] * 2
    rows = datasets.Dataset.from_dict({"img": files, "fine": [1, -1]}, features=features)
    datasets.DatasetDict({"train": rows, "test": rows.select([0])}).save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}")
    assert (images.classes, images.class_names, images.labels.tolist()) == (2, ("dog", "cat"), [1, -1])
    with pytest.raises(ValueError, match=r"Image 1 of hf:.* has the label -1; expected classes from 0 on"):
        images.needed_labels()


@pytest.mark.parametrize("names", [("train", "unsupervised"), ("train", "test_matched"), ("train", "training")])
def test_splits_that_are_none_are_said(datasets, table, tmp_path, save, names):
    save(tmp_path / "0.png")
    rows = table([tmp_path / "0.png"])
    datasets.DatasetDict(dict.fromkeys(names, rows)).save_to_disk(tmp_path / "splits")
    assert data.splits_of(f"hf:{tmp_path / 'splits'}") == ("train",)
    assert f"splits not used: {names[1]}" in str(data.open(f"hf:{tmp_path / 'splits'}").read)


def test_columns_of_arrays_are_images(datasets, tmp_path):
    levels = np.random.default_rng(0).integers(0, 512, (3, 4, 5))
    rows = datasets.Dataset.from_dict({"codes": levels.tolist(), "label": [0, 1, 0]})
    rows.save_to_disk(tmp_path / "rows")
    images = data.open(f"hf:{tmp_path / 'rows'}", levels=512)
    assert (images.levels, images.labels.tolist()) == (512, [0, 1, 0])
    assert np.array_equal(images.batch(range(3))[:, 0].numpy(), levels)


def test_without_a_network_the_answer_comes_at_once(datasets, monkeypatch):
    """Where nothing listens: a port of this machine."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"hf:owner/name is neither a folder nor in the cache, and .* cannot be"
    ):
        data.open("hf:owner/name")
    assert datasets.config.HF_HUB_OFFLINE is False
