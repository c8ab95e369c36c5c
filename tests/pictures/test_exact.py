"""Levels as the very pixels of an image file."""

import numpy as np
import pytest
import torch

from pixelsnail.pictures import exact_image

MODES = [(1, 16, "L"), (1, 256, "L"), (3, 256, "RGB"), (3, 7, "RGB"), (1, 4096, "I;16")]


@pytest.mark.parametrize(("channels", "levels", "mode"), MODES)
def test_pixels_are_the_levels(channels, levels, mode):
    x = torch.randint(0, levels, (channels, 4, 5), generator=torch.Generator().manual_seed(0))
    image = exact_image(x, levels)
    assert image.mode == mode
    pixels = np.asarray(image).astype(np.int64)
    assert (pixels.reshape(4, 5, channels) == x.permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_bits_are_0_and_255(channels, mode):
    """As `pixelsnail sample` writes them."""
    x = torch.arange(2).repeat(2 * channels).view(channels, 2, 2)
    image = exact_image(x, 2)
    assert image.mode == mode
    assert (np.asarray(image).reshape(2, 2, channels) == 255 * x.permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize(("channels", "levels"), [(2, 256), (3, 257), (1, 65537)])
def test_what_no_file_holds_is_refused(channels, levels):
    with pytest.raises(ValueError, match="for which there is no image file"):
        exact_image(torch.zeros(channels, 2, 2, dtype=torch.long), levels)
