"""Where a pixel is: planes by their formula, at every size, and moved on by one pixel."""

import math

import pytest
import torch

from pixelsnail.nn import Positions
from tolerance import assert_close

SIZES = [(1, 1), (4, 3), (28, 28), (5, 9)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("frequencies", [0, 1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_planes_are_those_of_the_formula(size, frequencies, dtype):
    height, width = size
    found = Positions(frequencies)(torch.zeros(2, 7, height, width, dtype=dtype))
    assert found.shape == (1, 2 + 4 * frequencies, height, width)
    assert found.dtype is dtype
    for i in range(height):
        for j in range(width):
            u, v = i / height - 0.5, j / width - 0.5
            waves = [
                wave(math.pi * 2**k * h) for k in range(frequencies) for wave in (math.sin, math.cos) for h in (u, v)
            ]
            assert_close(found[0, :, i, j], torch.tensor([u, v, *waves], dtype=dtype))


def test_delayed_planes_are_those_of_the_pixel_before():
    h = torch.zeros(1, 1, 4, 3)
    here, before = (Positions(2, delay=delay)(h).flatten(2) for delay in (False, True))
    assert torch.equal(before[..., 1:], here[..., :-1])


def test_four_frequencies_tell_all_rows_and_columns_of_a_digit_apart():
    planes = Positions(4)(torch.zeros(1, 1, 28, 28))[0].flatten(1).T
    assert torch.cdist(planes, planes).fill_diagonal_(9).min() > 0.3
