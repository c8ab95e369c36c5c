"""Image files in folders."""

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import data
from pixelsnail.data import folder


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


def test_images_of_1_bit_are_grey_and_an_opaque_alpha_channel_is_left_out(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert data.from_files([tmp_path / "bits.png"]).batch([0]).tolist() == [[[[255, 0]]]]
    pixels = np.full((1, 2, 4), 255, np.uint8)
    pixels[..., :3] = 7
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    assert data.from_files([tmp_path / "alpha.png"]).batch([0]).unique().tolist() == [7]
    pixels[..., 3] = 100
    Image.fromarray(pixels).save(tmp_path / "alpha.png")
    with pytest.raises(ValueError, match=r"alpha\.png has transparent pixels; expected grey or RGB"):
        data.from_files([tmp_path / "alpha.png"])


def test_images_of_two_shapes_are_both_named(tmp_path, save):
    save(tmp_path / "train" / "a.png")
    save(tmp_path / "train" / "b.png", size=(6, 4))
    message = r"b\.png is grey, 6 x 4, but .*a\.png is grey, 5 x 4; expected images of one shape"
    with pytest.raises(ValueError, match=message):
        data.open(f"folder:{tmp_path}")
    save(tmp_path / "train" / "b.png", mode="RGB")
    with pytest.raises(ValueError, match=r"b\.png is RGB, 5 x 4, but .*a\.png is grey"):
        data.open(f"folder:{tmp_path}")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
@pytest.mark.parametrize("keep", [0, 0.3, 0.7])
def test_a_truncated_image_is_named_before_training_starts(tmp_path, save, suffix, keep):
    path = tmp_path / "train" / f"0.{suffix}"
    save(path, size=(40, 30))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ValueError, match=f"{path} cannot be read as an image"):
        data.open(f"folder:{tmp_path}")


def test_a_file_that_is_no_image_is_named(tmp_path):
    path = tmp_path / "train" / "0.png"
    path.parent.mkdir()
    path.write_text("not a picture")
    with pytest.raises(ValueError, match=rf"{path} cannot be read as an image \(no known image format\)"):
        data.open(f"folder:{tmp_path}")


def test_images_of_16_bits_are_refused(tmp_path):
    (tmp_path / "train").mkdir()
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "train" / "0.png")
    with pytest.raises(ValueError, match=r"0\.png has Pillow's mode I;16; expected 8-bit grey or RGB"):
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


def test_a_split_that_got_no_images_says_so(tmp_path, save):
    save(tmp_path / "only.png")
    empty = [split for split in ("train", "validation", "test") if folder.splits.of("only.png") != split]
    with pytest.raises(ValueError, match=f"The split '{empty[0]}' of folder:.* is empty"):
        data.open(f"folder:{tmp_path}", empty[0])


def test_images_beside_folders_of_images_are_refused(tmp_path, save):
    save(tmp_path / "train" / "0.png")
    save(tmp_path / "train" / "cats" / "1.png")
    with pytest.raises(ValueError, match=r"holds images \(0\.png\) beside sub-folders with images \(cats\)"):
        data.open(f"folder:{tmp_path}")


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
