"""Which pixels are known."""

import numpy as np
import pytest
import torch
from PIL import Image

from pixelsnail import data


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7)])
def test_halves_of_an_image(height, width):
    rows, columns = torch.arange(height), torch.arange(width)
    expected = {
        "top": (rows < height // 2)[:, None],
        "bottom": (rows >= height - height // 2)[:, None],
        "left": (columns < width // 2)[None],
        "right": (columns >= width - width // 2)[None],
    }
    for name, known in expected.items():
        found = data.mask(name, height, width)
        assert found.dtype == torch.bool
        assert torch.equal(found, known.expand(height, width))


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (127, 128), (7, 9)])
@pytest.mark.parametrize("mode", ["L", "RGB", "palette", "16 bits", "1 bit"])
def test_the_larger_of_two_values_is_known(tmp_path, values, mode):
    known = np.random.default_rng(0).integers(0, 2, (5, 4)).astype(bool)
    image = Image.fromarray(np.where(known, *values[::-1]).astype(np.uint8))
    if mode == "RGB":
        image = image.convert("RGB")
    elif mode == "palette":
        image = image.quantize(2)
    elif mode == "16 bits":
        image = Image.fromarray(np.where(known, *values[::-1]).astype(np.uint16))
    elif mode == "1 bit":
        image = Image.fromarray(known)
    image.save(tmp_path / "mask.png")
    assert np.array_equal(data.mask(tmp_path / "mask.png", 5, 4).numpy(), known)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_mask_of_one_value_is_refused(tmp_path, value):
    Image.new("L", (4, 5), value).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=f"has the value {value} everywhere; expected two values, of which the larger"):
        data.mask(tmp_path / "mask.png", 5, 4)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_mask_of_more_values_is_refused(tmp_path, suffix):
    Image.fromarray(np.arange(0, 200, 10, dtype=np.uint8).reshape(5, 4)).save(tmp_path / f"mask.{suffix}")
    with pytest.raises(ValueError, match=r"has \d+ values \(.*\); expected two") as raised:
        data.mask(tmp_path / f"mask.{suffix}", 5, 4)
    assert ("JPEG changes values" in str(raised.value)) == (suffix == "jpg")


def test_a_mask_of_another_size_or_of_several_pages_is_refused(tmp_path):
    Image.fromarray(np.eye(5, dtype=np.uint8)).save(tmp_path / "mask.tif", save_all=True, append_images=[])
    with pytest.raises(ValueError, match="is 5 x 5, but the images are 5 x 4; expected the same size"):
        data.mask(tmp_path / "mask.tif", 5, 4)
    page = Image.fromarray(np.eye(5, dtype=np.uint8))
    page.save(tmp_path / "mask.tif", save_all=True, append_images=[page])
    with pytest.raises(ValueError, match="holds 2 images; expected one"):
        data.mask(tmp_path / "mask.tif", 5, 5)


def test_a_mask_that_knows_nothing_is_refused():
    with pytest.raises(ValueError, match="The mask top of 1 x 9 pixels knows none"):
        data.mask("top", 1, 9)


def test_another_word_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="There is no mask middle; expected top, bottom, left, right, or a mask"
    ):
        data.mask("middle", 5, 4)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        data.mask(tmp_path / "no.png", 5, 4)
