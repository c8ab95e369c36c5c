"""Wiring is written once: a segment of a walk is that part of the whole image."""

import pytest
import torch

from tiny import MODELS, context_of, every_model, fit, random_levels
from tolerance import assert_close


def taken(whole, segment):
    """The segment's part of a whole image's parameters (B, P, H * W)."""
    return whole.gather(2, segment.positions[:, None].expand(-1, whole.shape[1], -1))[:, :, None]


@every_model
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (2, 3)])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 10, 20])
@torch.inference_mode()
def test_a_segment_equals_the_whole_image(build, channels, levels, length):
    shape = fit(build, (channels, 4, 5))
    model = build(shape, levels)
    x, context = random_levels(levels, (2, *shape)), context_of(model, 2)
    whole, cache = model(x, context=context).flatten(2), model.start(2, context=context)
    cache.canvas.copy_(x)
    length = min(length, cache.longest)
    while cache.least < cache.pixels:
        segment = cache.segment(length)
        assert_close(model(segment.levels, segment), taken(whole, segment))
        cache.commit(segment, segment.levels)


@every_model
@torch.inference_mode()
def test_images_advance_at_their_own_pace(build):
    """Segments whose undecided pixels are wrong guesses, corrected by decisions of another length for each image.

    In between images leave, change places and come twice.
    """
    shape = fit(build, (1, 5, 4))
    model = build(shape, 3).double()
    x, context = random_levels(3, (3, *shape)), context_of(model, 3)
    whole, cache = model(x, context=context).flatten(2), model.start(3, context=context)
    generator = torch.Generator().manual_seed(0)
    others = iter([[2, 1, 0], [0, 1, 1, 2], [3, 1, 2, 0], [2, 2, 0], [1, 2]])
    while cache.least < cache.pixels:
        segment = cache.segment(int(torch.randint(1, min(8, cache.longest + 1), (1,), generator=generator)))
        right = x.flatten(2)[cache.images].gather(2, segment.positions[:, None])[:, :, None]
        undecided = segment.positions - cache.position[:, None]
        known = torch.randint(0, segment.length + 1, (cache.batch,), generator=generator)  # pixels guessed right
        guess = torch.where((undecided < known[:, None])[:, None, None], right, (right + 1) % 3)
        segment.put(guess)
        parameters = model(guess, segment)
        # The parameters are right up to the first pixel that was guessed wrong, that one included.
        valid = (undecided <= known[:, None])[:, None, None].expand_as(parameters)
        assert_close(parameters[valid], taken(whole[cache.images], segment)[valid], torch.float64)
        cache.commit(segment, right, torch.minimum(known + 1, (undecided >= 0).sum(-1)))
        cache.take(torch.tensor(next(others, range(cache.batch))))
    assert torch.equal(cache.canvas, x[cache.images])
    assert next(others, None) is None


@every_model
@torch.inference_mode()
def test_decided_pixels_stay_as_they_are(build):
    model = build(fit(build, (1, 2, 6)), 2)
    cache = model.start(1, context=context_of(model, 1))
    cache.commit(cache.segment(4), torch.ones(1, 1, 1, 4, dtype=torch.long))
    cache.commit(cache.segment(6), torch.zeros(1, 1, 1, 6, dtype=torch.long))
    assert cache.canvas.flatten().tolist()[:10] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert cache.least == (cache.width if model.by_rows else 10)


def test_a_segment_is_as_long_as_it_was_asked_for():
    cache = MODELS["PixelSNAIL"]((1, 2, 3), 2).start(1)
    assert cache.segment(3).positions.tolist() == [[0, 1, 2]]
    assert cache.segment(5).positions.tolist() == [[0, 1, 2, 3, 4]]
    for length in (0, 7):
        with pytest.raises(ValueError, match=rf"A segment of {length} pixels; expected 1 ... 6, as an image has"):
            cache.segment(length)
