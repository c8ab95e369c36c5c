"""Geometry, against its definition pixel by pixel."""

import pytest
import torch

from pixelsnail.nn import raster

SIZES = [(1, 1), (1, 5), (4, 1), (4, 6)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(("node", "behind"), [(1, 0), (1, 1), (2, 0)])
def test_neighbours_lie_where_their_offsets_say(height, width, node, behind):
    offsets = ((-2, 1), (-1, -1), (-1, 0), (0, -2), (0, 0))
    table = raster.neighbours(height, width, offsets, node, behind)
    assert table.shape == (height * width, len(offsets))
    for row in range(height):
        for column in range(width):
            for (down, right), found in zip(offsets, table[row * width + column].tolist(), strict=True):
                r, c = row // node * node + down, column // node * node + right
                inside = r >= 0 and 0 <= c < width
                assert found == (r * width + c + behind if inside else height * width)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_previous_pixel_is_the_one_before_it_in_raster_order(height, width):
    pixels = height * width
    assert raster.previous(height, width).tolist() == [pixels, *range(pixels - 1)]


def test_quarters_are_those_of_the_square_around():
    assert raster.quarters(4, 4, 1).view(4, 4).tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]] * 2
    assert raster.quarters(4, 4, 2).view(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2


def test_a_window_is_what_a_kernel_sees_in_raster_order():
    assert raster.window(1, 1, 0) == ((-1, -1), (-1, 0), (0, -1), (0, 0))
    assert raster.window(1, 0, 1, step=2) == ((-2, 0), (-2, 2), (0, 0), (0, 2))


def test_segments_go_over_the_ends_of_rows_only_where_they_may_and_keep_their_length():
    position = torch.tensor([0, 3, 10, 12])
    assert raster.following(position, 3, 12, 12).tolist() == [[0, 1, 2], [3, 4, 5], [9, 10, 11], [9, 10, 11]]
    assert raster.following(position, 3, 4, 12).tolist() == [[0, 1, 2], [1, 2, 3], [9, 10, 11], [9, 10, 11]]
