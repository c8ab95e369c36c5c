"""Wrong levels are refused in one sentence that says where they are."""

import pytest
import torch
from torch import Tensor

from pixelsnail.models.levels import check_levels

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


def images(dtype: torch.dtype = torch.int64, channels: int = 1) -> Tensor:
    return torch.zeros(4, channels, 5, 6, dtype=dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("level", "levels"), [(512, 512), (-1, 512), (2, 2), (255, 2)])
def test_a_level_outside_the_range_is_named_with_its_first_place(level, levels, device):
    x = images().to(device)
    x[3, 0, 1, 2] = level
    x[3, 0, 4, 4] = level
    message = rf"x holds level {level} at image 3, row 1, column 2, .* L = {levels} levels \(0 \.\.\. {levels - 1}\)"
    with pytest.raises(ValueError, match=message):
        check_levels(x, levels)
    check_levels(torch.zeros_like(x), levels)  # the process can go on


def test_the_place_names_the_channel_of_a_colour_image():
    x = images(channels=3)
    x[1, 2, 0, 5] = 256
    with pytest.raises(ValueError, match="level 256 at image 1, channel 2, row 0, column 5"):
        check_levels(x, 256)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("levels", [2, 64, 128, 256, 512, 70_000])
def test_every_integer_type_is_accepted_where_its_values_fit(dtype, levels):
    x = images(dtype)
    check_levels(x, levels)
    x[0, 0, 0, 0] = min(torch.iinfo(dtype).max, levels - 1)
    check_levels(x, levels)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_is_refused_where_its_values_do_not_fit(dtype):
    x = images(dtype)
    x[0, 0, 0, 1] = 64
    with pytest.raises(ValueError, match="level 64 at image 0, row 0, column 1"):
        check_levels(x, 64)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("value", "seen"), [(float("nan"), " and holds nan at image 1"), (0.5, r" and holds 0\.5 at image 1"), (1.0, "")]
)
def test_float_images_are_refused_whatever_they_hold(value, seen, device):
    x = images(torch.float32).to(device)
    x[1, 0, 0, 0] = value
    with pytest.raises(TypeError, match=rf"dtype torch\.float32{seen}.*expected integer levels 0 \.\.\. 255"):
        check_levels(x, 256)


def test_nan_is_named_before_other_fractions():
    x = torch.full((1, 1, 2, 2), 0.5)
    x[0, 0, 1, 1] = float("nan")
    with pytest.raises(TypeError, match="holds nan at image 0, row 1, column 1"):
        check_levels(x, 256)


def test_floats_of_any_shape_are_refused_as_floats():
    with pytest.raises(TypeError, match=r"holds 0\.5 at position \(0, 0\)"):
        check_levels(torch.full((2, 2), 0.5), 256)


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_types_that_are_not_numbers_of_levels_are_refused(dtype):
    with pytest.raises(TypeError, match=f"x has dtype {dtype}; expected integer levels"):
        check_levels(images(dtype), 2)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="x is a list; expected a tensor"):
        check_levels([[0, 1]], 2)


def test_a_batch_without_channels_is_told_how_to_get_one():
    with pytest.raises(ValueError, match=r"shape \(4, 5, 6\); expected levels \(B, C = 1, H, W\).*x\.unsqueeze\(1\)"):
        check_levels(images()[:, 0], 2, (1, 5, 6))


@pytest.mark.parametrize("shape", [(), (3,), (5, 6), (1, 1, 1, 5, 6)])
def test_other_numbers_of_dimensions_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected levels \(B, C, H, W\)"):
        check_levels(torch.zeros(shape, dtype=torch.uint8), 2)


def test_wrong_channels_are_refused_and_channels_last_is_recognised():
    with pytest.raises(ValueError, match=r"shape \(4, 3, 5, 6\); expected levels \(B, C = 1, H, W\)"):
        check_levels(images(channels=3), 256, (1, 5, 6))
    with pytest.raises(ValueError, match=r"pass x\.permute\(0, 3, 1, 2\)"):
        check_levels(torch.zeros(4, 5, 6, 3, dtype=torch.uint8), 256, (3, 5, 6))


def test_another_size_than_the_model_was_built_for_is_accepted():
    check_levels(images(), 2, (1, 28, 28))


def test_a_batch_without_images_is_refused():
    with pytest.raises(ValueError, match="holds no pixel"):
        check_levels(images()[:0], 2)
