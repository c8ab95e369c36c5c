"""The numbers that decide a pixel are a function of (seed, image, pixel), whatever else is drawn with them."""

import pytest
import torch

from pixelsnail.distributions import Categorical
from pixelsnail.engine import Draw, noise
from pixelsnail.nn import Cache


@pytest.mark.parametrize("size", [1, 3, 4, 5, 512])
def test_a_pixel_s_numbers_do_not_depend_on_what_is_drawn_with_them(size):
    keys = [noise.key(7, image) for image in range(3)]
    whole = noise.uniforms(keys, [0, 0, 0], 12, size)
    assert ((whole >= 0) & (whole < 1)).all()
    assert len(whole.unique()) == whole.numel()
    for first, count in ((0, 1), (1, 1), (5, 4), (11, 1)):
        assert torch.equal(noise.uniforms(keys, [first] * 3, count, size), whole[:, first : first + count])
    some = noise.uniforms([keys[2], keys[0], keys[2]], [3, 0, 8], 2, size)
    assert torch.equal(some, torch.stack([whole[2, 3:5], whole[0, :2], whole[2, 8:10]]))
    assert torch.equal(noise.uniforms([noise.key(7, 1)], [2], 3, size), whole[1:2, 2:5])
    assert not torch.equal(noise.uniforms([noise.key(8, 1)], [2], 3, size), whole[1:2, 2:5])


def test_numbers_are_uniform_and_independent_of_their_neighbours():
    found = noise.uniforms([noise.key(0, image) for image in range(100)], [0] * 100, 100, 5).flatten()
    count = len(found)
    spread = 5 * count**-0.5  # five standard deviations of a mean of numbers within 0 ... 1 is at most half of it
    assert abs(found.mean().item() - 0.5) < spread / 2
    assert abs(((found[1:] - 0.5) * (found[:-1] - 0.5)).mean().item()) < spread / 2
    bins = torch.histc(found, 50, 0, 1)
    assert (bins - count / 50).abs().max() < 6 * (count / 50) ** 0.5


def test_no_noise_of_a_whole_image_is_kept():
    """Case C07 for codes: what 64 maps of 64 x 64 codes of 8,192 draw at a time is what the segment takes."""
    cache = Cache.empty(2, (1, 64, 64), torch.device("cpu"))
    drawing = Draw(0).start(Categorical(1, 8192), cache)
    held = [value for value in vars(drawing).values() if isinstance(value, torch.Tensor)]
    assert sum(value.numel() for value in held) <= cache.canvas.numel()
    assert drawing.noise(cache.segment(3)).shape == (2, 3, 8192)
