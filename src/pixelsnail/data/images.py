"""A set of images: what training and evaluation read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelsnail.data import binarization
from pixelsnail.data.store import Array, Store
from pixelsnail.errors import WrongIndexError, WrongTypeError, WrongValueError


@dataclass(frozen=True, repr=False)
class Images:
    """One split of a source: images of integer levels, and labels where the source has them.

        images = data.open("mnist-mini", "test")
        len(images), images.shape, images.levels      # 500, (1, 28, 28), 2
        images.batch([0, 1, 2])                       # (3, 1, 28, 28), uint8

    Dynamically binarised training images depend on (seed, epoch, image) alone; validation and test images do not even
    depend on the seed: epoch 0, 1, 2 ... is their binarisation number 0, 1, 2 ... A part of a set keeps its bits.
    """

    store: Store
    numbers: Array
    source: str
    split: str
    binarize: str
    seed: int

    @property
    def levels(self) -> int:
        """L: 2 for binarised images, 256 for 8-bit images, the size of the codebook for codes."""
        return self.store.levels if self.binarize == "none" else 2

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.store.shape

    @property
    def labels(self) -> Tensor | None:
        """(N,) int64, or None."""
        return None if self.store.labels is None else torch.from_numpy(self.store.labels[self.numbers])

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return (
            f"Images({self.source!r}, {self.split!r}: {len(self)} of {self.shape}, {self.levels} levels, "
            f"binarize={self.binarize!r})"
        )

    def batch(self, indices: Sequence[int] | Tensor, epoch: int = 0) -> Tensor:
        """The images at these indices as they are in this epoch: (n, C, H, W), uint8 (int64 above 256 levels).

        Raises IndexError for an index outside [0, N), ValueError for a file that cannot be read any more.
        """
        if epoch < 0:
            raise WrongValueError(f"epoch is {epoch}; expected at least 0.")
        numbers = self._numbers(indices)
        levels = self.store.read(numbers)
        if self.binarize == "threshold":
            levels = binarization.threshold(levels)
        elif self.binarize == "dynamic":
            seed = self.seed if self.split == "train" else binarization.FIXED
            levels = binarization.dynamic(levels, numbers, seed, epoch)
        return torch.from_numpy(levels.astype(np.uint8 if self.levels <= 256 else np.int64, copy=False))

    def subset(self, indices: Sequence[int] | Tensor) -> "Images":
        """The images at these indices, in this order. Raises IndexError for an index outside [0, N)."""
        return Images(self.store, self._numbers(indices), self.source, self.split, self.binarize, self.seed)

    def head(self, count: int) -> "Images":
        """The first `count` images, or all where there are fewer. Raises ValueError for a count below 1."""
        if count < 1:
            raise WrongValueError(f"count is {count}; expected at least 1 image.")
        return self.subset(range(min(count, len(self))))

    def _numbers(self, indices: Sequence[int] | Tensor) -> Array:
        """The images' numbers in the source's own order."""
        array = np.asarray(indices.cpu() if isinstance(indices, Tensor) else indices)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise WrongTypeError(
                f"indices are {array.dtype} of shape {array.shape}; expected a sequence of whole numbers."
            )
        array = array.astype(np.int64)
        outside = array[(array < 0) | (array >= len(self))]
        if outside.size:
            raise WrongIndexError(
                f"There is no image {outside[0]}; {self.source} has {len(self)} in its split {self.split}."
            )
        return np.asarray(self.numbers[array])
