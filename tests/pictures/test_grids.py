"""Grids: one fixed rule from level to grey, sharp pixels, white gutters."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pixelsnail.pictures import completions, grid, write_png

UNKNOWN = (176, 198, 222)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(
    ("levels", "greys"),
    [
        (2, [0, 255]),
        (4, [0, 85, 170, 255]),
        (3, [0, 128, 255]),
        (256, [0, 1, 2, 3]),
        (512, [0, 0, 1, 1]),  # round(0, 0.499, 0.998, 1.497)
    ],
)
def test_a_level_has_one_grey_whatever_else_is_there(levels: int, greys: list[int]) -> None:
    for level, grey in enumerate(greys):
        picture = grid(torch.tensor([[[[level]]]]), levels, scale=1)
        assert picture.mode == "L"
        assert pixels(picture)[2, 2].tolist() == [grey] * 3
    assert pixels(grid(torch.tensor([[[[levels - 1]]]]), levels, scale=1))[2, 2].tolist() == [255] * 3


def test_greys_of_8_bit_images_are_the_levels() -> None:
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert np.array_equal(pixels(grid(x, 256, scale=1))[2:-2, 2:-2, 0], x[0, 0].numpy())


def test_three_channels_are_red_green_blue() -> None:
    x = torch.tensor([255, 10, 20], dtype=torch.uint8).view(1, 3, 1, 1)
    assert pixels(grid(x, 256, scale=3))[2:5, 2:5].reshape(-1, 3).tolist() == [[255, 10, 20]] * 9


def test_other_channels_stand_side_by_side() -> None:
    x = torch.tensor([[[0, 1]], [[2, 3]]]).view(1, 2, 1, 2)
    shown = pixels(grid(x, 4, scale=1))[-3, 2:-2]
    assert shown[:, 0].tolist() == [0, 85, UNKNOWN[0], 170, 255]
    assert tuple(shown[2]) == UNKNOWN


def test_channels_that_stand_side_by_side_have_their_numbers_above_them() -> None:
    x = torch.zeros(6, 5, 8, 8, dtype=torch.long)
    shown = pixels(grid(x, 4, columns=3, scale=4))
    assert (shown[:12].min(axis=(0, 2)) < 128).any()  # black on white
    for column in range(3):
        left = 2 + column * (5 * 32 + 4 + 2)
        heads = [shown[:12, left + channel * 33 : left + channel * 33 + 8] for channel in range(5)]
        assert all((head < 128).any() for head in heads)
        assert all(not np.array_equal(heads[0], head) for head in heads[1:])
    assert (pixels(grid(x[:, :1], 4))[0] == 255).all()


def test_image_i_is_at_row_i_over_columns() -> None:
    x = torch.arange(6).view(6, 1, 1, 1).expand(6, 1, 4, 5)
    shown = pixels(grid(x, 256, columns=3, scale=2))[..., 0]
    assert shown.shape == (2 * (8 + 2) + 2, 3 * (10 + 2) + 2)
    for image in range(6):
        top, left = 2 + 10 * (image // 3), 2 + 12 * (image % 3)
        assert (shown[top : top + 8, left : left + 10] == image).all()
        assert (shown[top - 2 : top, left : left + 10] == 255).all()
        assert (shown[top : top + 8, left - 2 : left] == 255).all()


def test_empty_places_are_white() -> None:
    shown = pixels(grid(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), 2, columns=2, scale=1))
    assert (shown[8:, 8:] == 255).all()
    assert (shown[2:6, 8:12] == 0).all()


def test_pixels_are_enlarged_without_smoothing() -> None:
    x = torch.randint(0, 2, (1, 1, 5, 7))
    shown = pixels(grid(x, 2, scale=9))[2:-2, 2:-2, 0]
    assert np.array_equal(shown, np.kron(255 * x[0, 0].numpy(), np.ones((9, 9))))


@pytest.mark.parametrize("shape", [(28, 28), (32, 32), (8, 8), (5, 7), (1, 9), (49, 49), (56, 56), (64, 64), (112, 3)])
def test_an_image_is_56_to_112_large_by_default(shape: tuple[int, int]) -> None:
    height, width = (n - 4 for n in pixels(grid(torch.zeros(1, 1, *shape, dtype=torch.uint8), 2)).shape[:2])
    assert 56 <= max(height, width) <= 112
    assert height * shape[1] == width * shape[0]


@pytest.mark.parametrize("shape", [(28, 28), (7, 28), (28, 7)])
def test_a_picture_is_about_square_by_default(shape: tuple[int, int]) -> None:
    height, width = pixels(grid(torch.zeros(64, 1, *shape, dtype=torch.uint8), 2)).shape[:2]
    assert 0.7 < height / width < 1.4


@pytest.mark.parametrize(
    ("x", "levels", "error", "message"),
    [
        (torch.full((1, 1, 2, 2), 2), 2, ValueError, "level 2; expected 0 ... 1 for levels = 2"),
        (torch.full((1, 1, 2, 2), -1), 2, ValueError, "level -1"),
        (torch.rand(1, 1, 2, 2), 2, TypeError, "float32; expected integer levels"),
        (torch.zeros(2, 2, dtype=torch.long), 2, ValueError, r"shape \(2, 2\); expected levels \(B, C, H, W\)"),
        (torch.zeros(0, 1, 2, 2, dtype=torch.long), 2, ValueError, "at least one"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.long), 1, ValueError, "levels is 1"),
    ],
)
def test_what_is_not_levels_is_refused(x: Tensor, levels: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        grid(x, levels)


@pytest.mark.parametrize("name", ["columns", "scale"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0; expected a whole number of at least 1"):
        grid(torch.zeros(1, 1, 2, 2, dtype=torch.long), 2, **{name: 0})


def tile(shown: np.ndarray, row: int, column: int, size: int = 3) -> np.ndarray:
    """An image of `size` pixels of the picture that `completions` makes with scale 1."""
    top, left = 2 + row * (size + 2), 2 + column * (size + 2) + 10 * min(column, 2)
    return shown[top : top + size, left : left + size]


def test_a_row_is_original_given_completions() -> None:
    originals = torch.randint(0, 256, (2, 1, 3, 3))
    completed = torch.randint(0, 256, (2, 4, 1, 3, 3))
    known = torch.zeros(2, 1, 3, 3, dtype=torch.bool)
    known[0, 0, 0] = known[1, 0, :, 2] = True
    shown = pixels(completions(originals, known, completed, 256, scale=1))
    assert shown.shape == (2 * 5 + 2, 6 * 5 + 2 + 20, 3)
    for row in range(2):
        assert np.array_equal(tile(shown, row, 0)[..., 0], originals[row, 0].numpy())
        given, mask = tile(shown, row, 1), known[row, 0].numpy()
        assert np.array_equal(given[mask][:, 0], originals[row, 0].numpy()[mask])
        assert (given[~mask] == UNKNOWN).all()
        for k in range(4):
            assert np.array_equal(tile(shown, row, 2 + k)[..., 0], completed[row, k, 0].numpy())


def test_one_mask_serves_all_images_and_channels() -> None:
    originals = torch.full((2, 3, 3, 3), 200)
    known = torch.eye(3).bool()
    shown = pixels(completions(originals, known, originals[:, None], 256, scale=1))
    for row in range(2):
        assert (tile(shown, row, 1)[known.numpy()] == 200).all()
        assert (tile(shown, row, 1)[~known.numpy()] == UNKNOWN).all()


def test_a_colour_is_known_when_all_its_channels_are() -> None:
    originals = torch.full((1, 3, 3, 3), 200)
    known = torch.ones(1, 3, 3, 3, dtype=torch.bool)
    known[0, 1, 2, 2] = False
    given = tile(pixels(completions(originals, known, originals[:, None], 256, scale=1)), 0, 1)
    assert (given[2, 2] == UNKNOWN).all()
    assert (given[:2] == 200).all()


def test_the_tint_is_no_grey() -> None:
    assert len(set(UNKNOWN)) == 3


def test_completions_of_other_images_are_refused() -> None:
    x = torch.zeros(2, 1, 3, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"completed has shape \(3, 1, 1, 3, 3\) and originals \(2, 1, 3, 3\)"):
        completions(x, torch.ones(3, 3).bool(), torch.zeros(3, 1, 1, 3, 3, dtype=torch.long), 2)


@pytest.mark.parametrize("known", [torch.ones(3, 3), torch.ones(4, 3).bool(), torch.ones(1, 1, 3, 3).bool()])
def test_a_mask_that_does_not_fit_is_refused(known: Tensor) -> None:
    x = torch.zeros(2, 1, 3, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"expected a boolean mask \(H, W\) = \(3, 3\)"):
        completions(x, known, x[:, None], 2)


def test_a_png_holds_the_picture(tmp_path: Path) -> None:
    picture = grid(torch.randint(0, 256, (4, 3, 8, 8)), 256)
    write_png(picture, tmp_path / "new" / "samples.PNG")
    with Image.open(tmp_path / "new" / "samples.PNG") as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), np.asarray(picture))


@pytest.mark.parametrize("name", ["samples.jpg", "samples", "samples.png.tmp"])
def test_an_unknown_suffix_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"suffix.*; expected \.png"):
        write_png(Image.new("L", (2, 2)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


class FullDisk(Image.Image):
    """A picture that a full disk stops half-way."""

    def save(self, fp: object, format: str | None = None, **_: object) -> None:
        Path(str(fp)).write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_png(FullDisk(), tmp_path / "samples.png")
    assert list(tmp_path.iterdir()) == []
