"""Masks of known pixels: `top`, `bottom`, `left`, `right`, or an image of two values."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelsnail.data import image_files
from pixelsnail.data.conversion import grey_of
from pixelsnail.errors import MissingFileError, WrongValueError

HALVES = ("top", "bottom", "left", "right")


def mask(name: str | Path, height: int, width: int) -> Tensor:
    """(H, W) boolean, true where a pixel is known: a half of the image, or where a mask image has its larger value.

    Halves of an odd number of rows or columns are the smaller ones. Raises FileNotFoundError for a file that is not
    there, ValueError for an image of another size or not of two values, and for a mask that knows nothing.
    """
    known = _half(str(name), height, width) if str(name) in HALVES else _image(Path(name), height, width)
    if not known.any():
        raise WrongValueError(
            f"The mask {name} of {height} x {width} pixels knows none; a completion needs some known."
        )
    return torch.from_numpy(known)


def _half(name: str, height: int, width: int) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
    known = np.zeros((height, width), dtype=np.bool_)
    rows, columns = height // 2, width // 2
    parts = {
        "top": np.s_[:rows, :],
        "bottom": np.s_[height - rows :, :],
        "left": np.s_[:, :columns],
        "right": np.s_[:, width - columns :],
    }
    known[parts[name]] = True
    return known


def _image(file: Path, height: int, width: int) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
    if not file.suffix and not file.exists():
        raise MissingFileError(
            f"There is no mask {file}; expected {', '.join(HALVES)}, or a mask image whose larger value is known."
        )
    found = image_files.pages(file)
    if len(found) > 1:
        raise WrongValueError(f"The mask {file} holds {len(found)} images; expected one.")
    depth = 65536 if found[0].bits == 16 and found[0].shape[0] == 1 else 256
    (levels,) = image_files.read_pages(found, depth)
    if levels.shape[1:] != (height, width):
        raise WrongValueError(
            f"The mask {file} is {levels.shape[1]} x {levels.shape[2]}, but the images are {height} x {width}; "
            "expected the same size."
        )
    grey = levels[0] if len(levels) == 1 else grey_of(levels)[0]
    values = np.unique(grey)
    if len(values) == 1:
        raise WrongValueError(
            f"The mask {file} has the value {values[0]} everywhere; expected two values, of which the larger is known."
        )
    if len(values) > 2:
        lossy = " JPEG changes values: save it as PNG." if file.suffix.lower() in (".jpg", ".jpeg") else ""
        raise WrongValueError(
            f"The mask {file} has {len(values)} values ({values[0]}, {values[1]}, {values[2]}, ...); expected two, of "
            f"which the larger is known.{lossy}"
        )
    return np.asarray(grey == values[1])
