"""Levels as the pixels of an image file, so that whoever reads the file has the levels."""

import numpy as np
from PIL import Image
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.grey import check_picture


def exact_image(x: Tensor, levels: int) -> Image.Image:
    """An image (C, H, W) of grey or RGB: levels as they are, 8 bits, 16 above 256 levels; two are 0 and 255.

    Raises ValueError for other numbers of channels, for colour above 256 levels, and above 65,536.
    """
    check_picture("x", x, "C, H, W", levels)
    channels = x.shape[0]
    if channels not in (1, 3) or levels > (256 if channels == 3 else 65536):
        raise WrongValueError(
            f"The images have {channels} channels of {levels} levels, for which there is no image file; take "
            "pixelsnail.decompress in Python."
        )
    plane = x.cpu().numpy().transpose(1, 2, 0)
    plane = plane[..., 0] if channels == 1 else plane
    if levels > 256:
        return Image.fromarray(plane.astype(np.uint16))
    return Image.fromarray((plane * (255 if levels == 2 else 1)).astype(np.uint8))
