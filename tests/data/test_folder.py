"""Image files in folders."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import data
from pixelsnail.data import folder, rules


def test_sub_folders_are_splits(tmp_path, save):
    levels = {split: save(tmp_path / split / "0.png", seed=i) for i, split in enumerate(("train", "val", "test"))}
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        images = data.open(f"folder:{tmp_path}", split)
        assert (len(images), images.shape, images.levels, images.labels) == (1, (1, 5, 4), 256, None)
        assert np.array_equal(images.batch([0])[0].numpy(), levels[name])


def test_other_folders_are_split_by_the_names_of_the_files(tmp_path, save):
    for i in range(100):
        save(tmp_path / f"{i}.png", seed=i)
    source = f"folder:{tmp_path}"
    before = {split: data.open(source, split) for split in ("train", "validation", "test")}
    assert sum(map(len, before.values())) == 100
    assert len(before["train"]) == pytest.approx(80, abs=15)
    for i in range(100, 150):
        save(tmp_path / f"{i}.png", seed=i)
    test = data.open(source, "test")
    kept = {image.numpy().tobytes() for image in test.batch(range(len(test)))}
    assert {image.numpy().tobytes() for image in before["test"].batch(range(len(before["test"])))} <= kept


@pytest.mark.parametrize(("names", "labels"), [(["cat", "dog"], [0, 0, 1]), (["9", "10"], [1, 1, 0])])
def test_folders_inside_a_split_are_classes(tmp_path, save, names, labels):
    for i, path in enumerate(
        (f"train/{names[0]}/b", f"train/{names[0]}/a", f"train/{names[1]}/c", f"test/{names[1]}/d")
    ):
        save(tmp_path / f"{path}.png", seed=i)
    expected = sorted(labels) if names[0] == "cat" else [1, 0, 0]
    assert data.open(f"folder:{tmp_path}").labels.tolist() == expected
    assert data.open(f"folder:{tmp_path}", "test").labels.tolist() == [1]


def test_colour_stays_colour_and_grey_stays_grey(tmp_path, save):
    levels = save(tmp_path / "train" / "0.png", mode="RGB")
    images = data.open(f"folder:{tmp_path}")
    assert images.shape == (3, 5, 4)
    assert np.array_equal(images.batch([0])[0].numpy(), levels)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
@pytest.mark.parametrize("keep", [0, 0.3, 0.7])
def test_a_truncated_image_is_named_before_training_starts(tmp_path, save, suffix, keep):
    path = tmp_path / "train" / f"0.{suffix}"
    save(path, size=(40, 30))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ValueError, match=f"{path} cannot be read as an image"):
        data.open(f"folder:{tmp_path}")


def test_a_folder_without_images_or_without_the_split_says_so(tmp_path, save):
    with pytest.raises(FileNotFoundError, match=f"no folder {tmp_path / 'no'}"):
        data.open(f"folder:{tmp_path / 'no'}")
    (tmp_path / "train").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"holds no images; expected files that end in \.png"):
        data.open(f"folder:{tmp_path}")
    save(tmp_path / "train" / "0.png")
    with pytest.raises(ValueError, match="no split 'test'; it has train"):
        data.open(f"folder:{tmp_path}", "test")


def test_images_beside_folders_of_images_are_refused(tmp_path, save):
    save(tmp_path / "train" / "0.png")
    save(tmp_path / "train" / "cats" / "1.png")
    with pytest.raises(ValueError, match=r"holds images \(0\.png\) beside sub-folders with images \(cats\)"):
        data.open(f"folder:{tmp_path}")


def test_images_of_two_sizes_are_both_named(tmp_path, save):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "train" / "b.png", size=(6, 4))
    message = r"b\.png is 6 x 4, but .*a\.png is 5 x 4; expected images of one size"
    with pytest.raises(ValueError, match=message):
        data.open(f"folder:{tmp_path}")


@pytest.mark.parametrize("first", ["L", "RGB"])
def test_grey_among_colour_is_repeated_whatever_the_order(tmp_path, save, first):
    """C49's order, and C54."""
    levels = [
        save(tmp_path / f"{i}.png", mode=mode, seed=i)
        for i, mode in enumerate((first, {"L": "RGB", "RGB": "L"}[first]))
    ]
    images = data.open(f"folder:{tmp_path}", "all")
    assert images.shape == (3, 5, 4)
    assert np.array_equal(
        images.batch([0, 1]).numpy(), np.stack([np.broadcast_to(level, (3, 5, 4)) for level in levels])
    )
    assert "grey repeated as red, green and blue (1 of 2)" in str(images.read)


def test_grey_splits_beside_colour_ones_are_repeated(tmp_path, save):
    grey = save(tmp_path / "test" / "0.png")
    save(tmp_path / "train" / "1.png")
    save(tmp_path / "train" / "2.png", mode="RGB")
    for split in ("train", "test", "all"):
        assert data.open(f"folder:{tmp_path}", split).shape == (3, 5, 4)
    test = data.open(f"folder:{tmp_path}", "test")
    assert np.array_equal(test.batch([0])[0].numpy(), np.broadcast_to(grey, (3, 5, 4)))
    assert "grey repeated as red, green and blue" in str(test.read)


# Names of splits


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("Train", "Validation", "Test"),
        ("TRAIN", "VAL", "TEST"),
        ("training", "valid", "testing"),
        ("training_set", "dev_set", "test_set"),
        ("train_images", "val_images", "test_images"),
        ("train2017", "val2017", "test2017"),
        ("trainImages", "valImages", "testImages"),
    ],
)
def test_splits_are_known_by_their_usual_names(tmp_path, save, train, validation, test):
    for i, name in enumerate((train, validation, test)):
        save(tmp_path / name / f"{i}.png", seed=i)
    source = f"folder:{tmp_path}"
    assert data.splits_of(source) == ("train", "validation", "test")
    for i, split in enumerate(data.splits_of(source)):
        images = data.open(source, split)
        assert images.labels is None
        assert images.files == (f"{(train, validation, test)[i]}/{i}.png",)


@pytest.mark.parametrize("name", ["testA", "test_old", "my test", "holdout", "held-out-unseen", "train_and_test"])
def test_what_looks_like_a_split_and_is_not_known_is_refused(tmp_path, save, name):
    save(tmp_path / "train" / "0.png")
    save(tmp_path / name / "1.png")
    with pytest.raises(ValueError, match=f"'{name}' looks like a split's name and is none; expected train"):
        data.open(f"folder:{tmp_path}")


@pytest.mark.parametrize("name", ["latest", "contest", "trainers", "value", "develop", "x", "images"])
def test_words_that_only_begin_or_end_as_a_split_are_classes(tmp_path, save, name):
    save(tmp_path / name / "0.png")
    save(tmp_path / "other" / "1.png")
    assert data.open(f"folder:{tmp_path}", "all").class_names == tuple(sorted((name, "other")))


def test_two_names_of_one_split_are_refused(tmp_path, save):
    save(tmp_path / "Train" / "0.png")
    save(tmp_path / "training" / "1.png")
    with pytest.raises(ValueError, match="holds Train and training, which both mean train; expected one"):
        data.open(f"folder:{tmp_path}")


@pytest.mark.parametrize("beside", ["0.png", "cats/0.png"])
def test_images_beside_a_test_folder_are_not_ignored(tmp_path, save, beside):
    save(tmp_path / beside)
    save(tmp_path / "test" / "1.png")
    with pytest.raises(ValueError, match=f"holds {beside} beside its split test; expected every image in train"):
        data.open(f"folder:{tmp_path}", "test")


def test_splits_below_classes_are_refused(tmp_path, save):
    for i, name in enumerate(("cat/train", "cat/test", "dog/train")):
        save(tmp_path / name / f"{i}.png", seed=i)
    with pytest.raises(ValueError, match="cat holds the split train; expected splits above classes: train/cat"):
        data.open(f"folder:{tmp_path}")


# Small folders


@pytest.mark.parametrize("count", range(1, 12))
def test_no_split_of_a_folder_is_empty_by_the_luck_of_names(tmp_path, save, count):
    for i in range(count):
        save(tmp_path / f"{i}.png", seed=i)
    source = f"folder:{tmp_path}"
    splits = data.splits_of(source)
    assert splits == ("train", "validation", "test")[:count]
    found = [file for split in splits for file in data.open(source, split).files]
    assert sorted(found) == sorted(f"{i}.png" for i in range(count))
    if count < 3:
        with pytest.raises(ValueError, match=f"has no split 'test': its {count} images? without splits are divided by"):
            data.open(source, "test")


def test_division_gives_eight_one_one_tenths_and_fills_what_is_empty():
    parts = rules.divide([str(i) for i in range(3000)])
    assert [len(parts[split]) for split in rules.SPLITS] == [pytest.approx(n, abs=60) for n in (2400, 300, 300)]
    for seed in range(50):
        few = rules.divide([f"{seed}-{i}" for i in range(3)])
        assert sorted(np.concatenate(list(few.values())).tolist()) == [0, 1, 2]
        assert set(few) == set(rules.SPLITS)


# Files that are left out


def test_images_are_known_by_their_first_bytes_and_others_are_counted(tmp_path, save):
    for i, suffix in enumerate(("png", "jpg", "JPEG", "jfif", "webp")):
        levels = np.random.default_rng(i).integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / f"{i}.{suffix}", **({"format": "JPEG"} if suffix == "jfif" else {}))
    (tmp_path / "0.png").rename(tmp_path / "without a suffix")
    for name in ("notes.txt", "list.csv"):
        (tmp_path / name).write_text("text")
    images = data.open(f"folder:{tmp_path}", "all")
    assert len(images) == 5
    assert images.left_out == ("list.csv", "notes.txt")
    assert str(images.read).endswith("left out 2 files (list.csv, ...)")


def test_images_deeper_than_a_class_are_counted_or_asked_for(tmp_path, save):
    save(tmp_path / "train" / "cat" / "old" / "0.png")
    with pytest.raises(FileNotFoundError, match=r"only deeper than one folder a class \(train/cat/old/0.png\)"):
        data.open(f"folder:{tmp_path}")
    save(tmp_path / "train" / "cat" / "1.png")
    images = data.open(f"folder:{tmp_path}")
    assert (images.files, images.left_out) == (("train/cat/1.png",), ("train/cat/old/0.png",))


def test_files_beside_a_train_folder_are_counted(tmp_path, save):
    save(tmp_path / "train" / "0.png")
    save(tmp_path / "preview.png")
    assert data.open(f"folder:{tmp_path}").left_out == ("preview.png",)


def test_a_flat_folder_is_judged_whole(tmp_path, save):
    """C37."""
    for i in range(40):
        save(tmp_path / f"{i:02}.png", seed=i)
    images = data.open(f"folder:{tmp_path}", "all")
    assert len(images) == 40
    assert images.files == tuple(f"{i:02}.png" for i in range(40))
    test = data.open(f"folder:{tmp_path}", "test")
    assert test.files == tuple(images.files[i] for i in test.indices.tolist())
    assert "divided 80/10/10 by the hash of their names" in str(test.read)
    assert "divided" not in str(images.read)


def test_splits_that_are_judged_together_come_one_after_another(tmp_path, save):
    for i, name in enumerate(("test/b", "train/a", "train/c", "val/a")):
        save(tmp_path / name / f"{i}.png", seed=i)
    images = data.open(f"folder:{tmp_path}", "all")
    assert images.files == ("train/a/1.png", "train/c/2.png", "val/a/3.png", "test/b/0.png")
    assert images.labels.tolist() == [0, 2, 0, 1]
    assert [len(data.open(f"folder:{tmp_path}", split)) for split in ("train", "validation", "test")] == [2, 1, 1]


def test_links_are_followed_but_not_in_circles(tmp_path, save):
    levels = save(tmp_path / "elsewhere" / "0.png")
    (tmp_path / "set" / "cat").mkdir(parents=True)
    (tmp_path / "set" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "cat" / "1.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    (tmp_path / "set" / "cat" / "again").symlink_to(tmp_path / "set")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "set" / "cat")
    images = data.open(f"folder:{tmp_path / 'set'}", "all")
    assert images.class_names == ("cat", "dog")
    assert np.array_equal(images.batch([0, 1]).numpy(), np.stack([levels, levels]))
    (tmp_path / "elsewhere" / "0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"There is no file .*cat/1\.png; expected an image"):
        data.open(f"folder:{tmp_path / 'set'}", "all")


def test_what_is_no_file_is_not_waited_for(tmp_path, save):
    save(tmp_path / "0.png")
    os.mkfifo(tmp_path / "pipe")
    assert data.open(f"folder:{tmp_path}", "all").left_out == ("pipe",)


def test_hidden_files_are_left_out(tmp_path, save):
    save(tmp_path / "train" / "0.png")
    save(tmp_path / "train" / ".1.png")
    (tmp_path / "train" / ".thumbnails").mkdir()
    assert len(data.open(f"folder:{tmp_path}")) == 1


def test_images_that_do_not_fit_in_memory_are_decoded_batch_by_batch(tmp_path, save, monkeypatch):
    levels = [save(tmp_path / "train" / f"{i}.png", seed=i) for i in range(5)]
    monkeypatch.setattr(folder, "MEMORY", 50)
    images = data.open(f"folder:{tmp_path}")
    assert np.array_equal(images.batch([4, 1]).numpy(), np.stack([levels[4], levels[1]]))
    (tmp_path / "train" / "3.png").write_bytes(b"gone bad")
    with pytest.raises(ValueError, match=r"3\.png cannot be read as an image"):
        images.batch([3])


def test_single_files_keep_their_order(tmp_path, save):
    levels = [save(tmp_path / name, seed=i) for i, name in enumerate(("b.png", "a.png"))]
    images = data.from_files([str(tmp_path / "b.png"), tmp_path / "a.png"])
    assert np.array_equal(images.batch([0, 1]).numpy(), np.stack(levels))
    assert images.labels is None
    bits = data.from_files([tmp_path / "b.png"], binarize="threshold")
    assert torch.equal(bits.batch([0]), (images.batch([0]) >= 128).to(torch.uint8))
    with pytest.raises(FileNotFoundError, match=r"no file .*c\.png; expected an image"):
        data.from_files([tmp_path / "c.png"])
    with pytest.raises(ValueError, match="no image files"):
        data.from_files([])


def test_files_may_be_folders_and_patterns(tmp_path, save):
    for i, name in enumerate(("a/0.png", "a/deep/1.png", "b/2.png", "b/3.jpg")):
        save(tmp_path / name, seed=i)
    (tmp_path / "a" / "notes.txt").touch()
    images = data.from_files([tmp_path / "a", f"{tmp_path}/b/*.png"])
    assert [name.removeprefix(f"{tmp_path}/") for name in images.files] == ["a/0.png", "a/deep/1.png", "b/2.png"]
    assert [name.removeprefix(f"{tmp_path}/") for name in images.left_out] == ["a/notes.txt"]
    assert len(data.from_files(f"{tmp_path}/**/*.*g")) == 4
    with pytest.raises(FileNotFoundError, match=r"Nothing that .* matches is an image"):
        data.from_files(f"{tmp_path}/*.gif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty holds no images"):
        data.from_files(tmp_path / "empty")


def test_a_name_with_a_bracket_is_a_file(tmp_path, save):
    save(tmp_path / "a[1].png")
    assert len(data.from_files([tmp_path / "a[1].png"])) == 1
