"""Image files as the levels of a model, where nothing of them is lost: for whoever will write them again.

256 levels are those of the file. For a model of two, black and white become 0 and 1. Grey images become equal channels
of a model of colour, and colour that is grey becomes one channel. All else would lose something and is refused.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from pixelsnail.data.folder import expand
from pixelsnail.data.given import from_files
from pixelsnail.errors import WrongValueError


def exact_files(
    paths: Sequence[str | Path], like: tuple[Sequence[int], int], binarize: str = "none", limit: int | None = None
) -> tuple[list[str], list[Tensor], list[str]]:
    """The names of the (first `limit`) image files, their images (C, H, W), and the files that were left out.

    `like` is the (shape, levels) of a model; of a file of several pages the names are FILE, FILE#1, ... With `binarize`
    ("threshold" or "dynamic") grey levels become bits, which is the one loss that may be asked for. Raises ValueError
    for a file that would not come back as it is.
    """
    files, left = expand(paths)
    names: list[str] = []
    images: list[Tensor] = []
    for file in files[:limit]:
        for name, image in _images(file, like, binarize):
            names.append(name)
            images.append(image)
    return names, images, [str(file) for file in left]


def _images(file: Path, like: tuple[Sequence[int], int], binarize: str) -> list[tuple[str, Tensor]]:
    (channels, *_), levels = like
    read = from_files([file], levels=levels if levels > 256 else None)
    if read.store.shifted and binarize == "none":
        raise WrongValueError(
            f"{file} has 16 bits a channel and this model {levels} levels: its lower 8 would be lost. Convert it first."
        )
    x = read.batch(range(len(read))).numpy()
    if read.shape[0] == 3 and channels == 1 and not (x == x[:, :1]).all():
        raise WrongValueError(
            f"{file} is in colour and this model is of grey images: its colours would be lost. Make it grey first."
        )
    if levels == 2 and binarize == "none" and not np.isin(x, (0, 255)).all():
        grey = int(x[~np.isin(x, (0, 255))][0])
        raise WrongValueError(
            f"{file} has grey levels ({grey}) and this model is of black and white: they would be lost. Take a model "
            "of 256 levels, or the bits alone with binarize='threshold'."
        )
    made = read.as_like((channels, *read.shape[1:]), levels, binarize="threshold" if binarize == "none" else binarize)
    return list(zip(read.files or (), made.batch(range(len(made))), strict=True))
