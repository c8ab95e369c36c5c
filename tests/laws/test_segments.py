"""Wiring is written once: a segment with a cache is that part of the whole image."""

import pytest
import torch
from tiny import every_model, random_levels
from torch.testing import assert_close


def segment_at(position, width, x):
    """The next `width` pixels of the current row, or the whole rows that hold them, as slices of x."""
    height, columns = x.shape[-2:]
    row, column = divmod(position, columns)
    if width < columns:
        return slice(row, row + 1), slice(column, min(column + width, columns))
    return slice(row, min(row + width // columns, height)), slice(0, columns)


@every_model
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 10, 15, 20])
@torch.inference_mode()
def test_a_segment_equals_the_whole_image(build, channels, levels, width):
    model = build((channels, 4, 5), levels)
    x = random_levels(levels, (2, channels, 4, 5))
    whole, cache = model(x), model.start(2)
    while cache.position < cache.pixels:
        rows, columns = segment_at(cache.position, width, x)
        part = x[..., rows, columns]
        assert_close(model(part, cache), whole[..., rows, columns], atol=1e-4, rtol=0)
        cache.commit(part)


@every_model
@torch.inference_mode()
def test_wrong_guesses_leave_no_trace(build):
    """Segments of two rows whose undecided pixels are wrong, corrected between calls by decisions of any length."""
    model = build((1, 5, 4), 3).double()
    x = random_levels(3, (2, 1, 5, 4))
    whole, cache = model(x), model.start(2)
    for length in (1, 2, 4, 3, 1, 1, 4, 2, 1, 1):
        row, column = divmod(cache.position, 4)
        end = min(row + 2, 5)
        guess = (x[:, :, row:end] + 1) % 3
        guess.view(2, 1, -1)[..., :column] = x[:, :, row].view(2, 1, -1)[..., :column]
        parameters = model(guess, cache).flatten(2)[..., column]
        assert_close(parameters, whole.flatten(2)[..., cache.position], atol=1e-10, rtol=0)
        right = x.flatten(2)[..., cache.position : cache.position + length]
        # Only decisions that were evaluated on right pixels may be committed: evaluate them as guesses first.
        guess.view(2, 1, -1)[..., column : column + length] = right
        model(guess, cache)
        cache.commit(right[:, :, None])
    assert cache.position == cache.pixels


@every_model
@torch.inference_mode()
def test_widths_may_change_in_mid_row(build):
    model = build((1, 3, 6), 2).double()
    x = random_levels(2, (1, 1, 3, 6))
    whole, cache = model(x), model.start(1)
    for width in (1, 3, 2, 2, 4, 6):
        rows, columns = segment_at(cache.position, width, x)
        assert_close(model(x[..., rows, columns], cache), whole[..., rows, columns], atol=1e-10, rtol=0)
        cache.commit(x[..., rows, columns])
    assert cache.position == 18
