"""Wiring is written once: a segment with a cache is that part of the whole image."""

import pytest
import torch

from tiny import every_model, fit, random_levels
from tolerance import assert_close


@every_model
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 10, 20])
@torch.inference_mode()
def test_a_segment_equals_the_whole_image(build, channels, levels, length):
    shape = fit(build, (channels, 4, 5))
    model = build(shape, levels)
    x = random_levels(levels, (2, *shape))
    whole, cache = model(x).flatten(2), model.start(2)
    cache.canvas.copy_(x)
    length = min(length, cache.longest)
    while cache.least < cache.pixels:
        positions, part = cache.segment(length), cache.levels(length)
        expected = whole.gather(2, positions[:, None].expand(-1, whole.shape[1], -1))[:, :, None]
        assert_close(model(part, cache), expected)
        cache.commit(part)


@every_model
@torch.inference_mode()
def test_images_advance_at_their_own_pace(build):
    """Segments whose undecided pixels are wrong guesses, corrected by decisions of another length for each image."""
    shape = fit(build, (1, 5, 4))
    model = build(shape, 3).double()
    x = random_levels(3, (3, *shape))
    whole, cache = model(x).flatten(2), model.start(3)
    generator = torch.Generator().manual_seed(0)
    while cache.least < cache.pixels:
        length = int(torch.randint(1, min(8, cache.longest + 1), (1,), generator=generator))
        positions = cache.segment(length)
        right = x.flatten(2).gather(2, positions[:, None])[:, :, None]
        undecided = positions - cache.position[:, None]
        known = torch.randint(0, length + 1, (3,), generator=generator)  # pixels guessed right
        guess = torch.where((undecided < known[:, None])[:, None, None], right, (right + 1) % 3)
        parameters = model(guess, cache)
        # The parameters are right up to the first pixel that was guessed wrong, that one included.
        valid = (undecided <= known[:, None])[:, None, None].expand_as(parameters)
        expected = whole.gather(2, positions[:, None].expand(-1, whole.shape[1], -1))[:, :, None]
        assert_close(parameters[valid], expected[valid], torch.float64)
        cache.commit(right, torch.minimum(known + 1, (undecided >= 0).sum(-1)))
    assert torch.equal(cache.canvas, x)


@every_model
@torch.inference_mode()
def test_decided_pixels_stay_as_they_are(build):
    model = build(fit(build, (1, 2, 6)), 2)
    cache = model.start(1)
    cache.commit(torch.ones(1, 1, 1, 4, dtype=torch.long))
    cache.commit(torch.zeros(1, 1, 1, 6, dtype=torch.long))
    assert cache.canvas.flatten().tolist()[:10] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert cache.least == (cache.width if model.by_rows else 10)


def test_a_segment_longer_than_the_image_is_refused():
    with pytest.raises(ValueError, match="A segment of 7 pixels is longer than an image of 6"):
        pixelsnail_start().segment(7)


def pixelsnail_start():
    from tiny import MODELS

    return MODELS["PixelSNAIL"]((1, 2, 3), 2).start(1)
