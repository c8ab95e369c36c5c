"""A set of images: what training and evaluation read."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from operator import index as whole_number
from typing import SupportsIndex

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pixelsnail.data import binarization, conversion
from pixelsnail.data.reading import Reading
from pixelsnail.data.store import MEMORY, Array, Labels, Store
from pixelsnail.errors import WrongIndexError, WrongTypeError, WrongValueError

SEEN = 4096
"""Images that a fingerprint looks at, of a set that is too large to be read whole."""
NO_LABEL = -1
"""The label of an image without one, in `images[i]`: what a DataLoader collates has one form, labels or not."""


@dataclass(frozen=True, repr=False, eq=False)
class Images(Dataset[tuple[Tensor, int]]):
    """One split of a source: images of integer levels, and labels where the source has them.

        images = data.open("mnist-mini", "test")
        len(images), images.shape, images.levels      # 500, (1, 28, 28), 2
        images.batch([0, 1, 2])                       # (3, 1, 28, 28), uint8
        print(images.read)                            # one line: what was understood

    It is a map-style data set of torch: `images[i]` is (levels (C, H, W), label), the label a whole number, -1 without
    one, and a DataLoader gives (B, C, H, W) and (B,) int64.

    Dynamically binarised training images depend on (seed, epoch, image) alone; validation and test images do not even
    depend on the seed: epoch 0, 1, 2 ... is their binarisation number 0, 1, 2 ... (`images[i]` is of epoch 0). A part
    of a set keeps its bits.
    """

    store: Store
    numbers: Array
    source: str
    split: str
    binarize: str
    seed: int
    division: str = ""
    """How training images were told from others."""
    maps: "Images | None" = None
    """A map of each image, as many as images: what a model may be conditioned on (`with_maps`)."""

    def __post_init__(self) -> None:
        if self.binarize != "none" and (self.store.levels != 256 or self.store.shape[0] != 1):
            raise WrongValueError(
                f"binarize is {self.binarize!r}, but {self.source} has {self.store.levels} levels and "
                f"{self.store.shape[0]} channels; only grey images of 256 levels are binarised. Leave binarize at "
                "'none', or say levels 256."
            )

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
        return None if self.store.labels is None else torch.from_numpy(self.store.labels.values[self.numbers])

    @property
    def classes(self) -> int | None:
        """How many classes the source has; None without labels, or with labels below 0."""
        return None if self.store.labels is None else self.store.labels.classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes 0, 1, ..., where the source has names."""
        return None if self.store.labels is None else self.store.labels.names

    @property
    def indices(self) -> Tensor:
        """(N,) int64: the index of each image in its source, or in its split of it where it has splits."""
        return torch.from_numpy(self.numbers)

    @property
    def files(self) -> tuple[str, ...] | None:
        """The file of each image (`name#2` is the third of one file), or None where they are no files."""
        return None if self.store.files is None else tuple(self.store.files[i] for i in self.numbers.tolist())

    @property
    def left_out(self) -> tuple[str, ...]:
        """The files that were passed over."""
        return self.store.left_out

    @property
    def read(self) -> Reading:
        """What was understood: `str(images.read)` is one line, `images.read.as_dict()` is for JSON."""
        return Reading(
            source=self.source,
            split=self.split,
            images=len(self),
            whole=self.store.count,
            shape=self.shape,
            levels=self.levels,
            grey_levels=self.store.levels,
            levels_from=self.store.levels_from,
            binarize=self.binarize,
            classes=self.classes,
            class_names=self.class_names,
            unlabelled=self.store.unlabelled,
            division=self.division,
            left_out=self.left_out,
            notes=self.store.notes,
            maps="" if self.maps is None else self.maps.described,
        )

    @property
    def described(self) -> str:
        """Size, levels and source, as one says of maps."""
        channels, height, width = self.shape
        planes = f"{channels} x " if channels > 1 else ""
        return f"{planes}{height} x {width}, {self.levels:,} levels, of {self.source}"

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return (
            f"Images({self.source!r}, {self.split!r}: {len(self)} of {self.shape}, {self.levels} levels, "
            f"binarize={self.binarize!r})"
        )

    def __getitem__(self, index: SupportsIndex) -> tuple[Tensor, int]:
        try:
            number = whole_number(index)
        except TypeError:
            raise WrongTypeError(
                f"The index is {index!r}; expected a whole number. images.subset([0, 1]) and images.head(10) are parts."
            ) from None
        return self.__getitems__([number + len(self) if number < 0 else number])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Several at once: what a DataLoader asks for."""
        labels = self.store.labels
        numbers = self._numbers(indices).tolist()
        found = [NO_LABEL] * len(numbers) if labels is None else labels.values[numbers].tolist()
        return list(zip(self.batch(indices), found, strict=True))

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        return (self[i] for i in range(len(self)))

    def batch(self, indices: Sequence[int] | Array | Tensor, epoch: int = 0) -> Tensor:
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
            levels = binarization.dynamic(levels.astype(np.uint8, copy=False), numbers, seed, epoch)
        kind = np.uint8 if self.levels <= 256 else np.int64
        # A copy has the strides of its shape also where an axis is 1, of which torch chooses kernels.
        return torch.from_numpy(np.array(levels, dtype=kind, order="C"))

    def fingerprint(self) -> str:
        """16 digits by which the same images, in the same order, with the same labels, are known again.

        Of more than MEMORY bytes of levels 4,096 images are looked at, evenly spread.
        """
        numbers, labels = self.numbers, self.labels
        if len(self) * math.prod(self.shape) > MEMORY:
            numbers = numbers[np.linspace(0, len(self) - 1, SEEN).astype(np.int64)]
        digest = sha256(repr((len(self), self.shape, self.store.levels, self.binarize)).encode())
        digest.update(b"" if labels is None else labels.numpy().tobytes())
        for first in range(0, len(numbers), 512):
            digest.update(self.store.read(numbers[first : first + 512]).astype("<i8").tobytes())
        digest.update(b"" if self.maps is None else self.maps.fingerprint().encode())
        return digest.hexdigest()[:16]

    def subset(self, indices: Sequence[int] | Array | Tensor) -> "Images":
        """The images at these indices, in this order. Raises IndexError for an index outside [0, N)."""
        maps = None if self.maps is None else self.maps.subset(indices)
        return replace(self, numbers=self._numbers(indices), maps=maps)

    def labelled(self, label: int) -> "Images":
        """These images, all with that label."""
        values = np.full(self.store.count, label, dtype=np.int64)
        return replace(self, store=replace(self.store, labels=Labels.of(values)))

    def with_maps(self, maps: "Images") -> "Images":
        """These images, each with the map of the same index: levels (C', H / r, W / r) for a whole r, as codes of
        another level are. They follow subsets, splits and batches (`images.maps.batch(indices)`).

        Raises ValueError where there is not one for each image, or no such r.
        """
        if len(maps) != len(self):
            raise WrongValueError(
                f"{self.source} has {len(self):,} images in its split {self.split}, but {maps.source} has "
                f"{len(maps):,} maps; expected one map for each image."
            )
        (height, width), (rows, columns) = self.shape[1:], maps.shape[1:]
        if height % rows or width % columns or height // rows != width // columns:
            raise WrongValueError(
                f"The maps of {maps.source} are {rows} x {columns} and the images of {self.source} {height} x {width}; "
                "expected one whole ratio in height and width, such as 2."
            )
        return replace(self, maps=maps)

    def head(self, count: SupportsIndex) -> "Images":
        """The first `count` images, or all where there are fewer. Raises ValueError for a count below 1."""
        if whole_number(count) < 1:
            raise WrongValueError(f"count is {count}; expected at least 1 image.")
        return self.subset(range(min(whole_number(count), len(self))))

    def as_like(self, shape: Sequence[int], levels: SupportsIndex, *, binarize: str = "threshold") -> "Images":
        """These images as a model of this (C, H, W) and so many levels takes them; `read` says what was changed.

        Grey and RGB become each other, 256 levels become 2 by `binarize` ("threshold" or "dynamic"), and 65,536 become
        256 (see `conversion`). Height and width stay. Raises ValueError where no rule leads there.
        """
        wanted = whole_number(levels)
        if self.binarize != "none" and wanted != 2:
            raise WrongValueError(
                f"The images of {self.source} are binarised (binarize={self.binarize!r}), but this model has {wanted} "
                "levels; open them with binarize='none'."
            )
        store = conversion.with_channels(self.store, whole_number(shape[0]), self.source)
        if self.binarize != "none":
            return replace(self, store=store)
        store = conversion.with_levels(store, wanted, self.source)
        bits = wanted == 2 and store.levels == 256
        return replace(self, store=store, binarize=binarize if bits else "none")

    def needed_labels(self) -> Tensor:
        """(N,) int64, each at least 0. Raises ValueError that says why there are none."""
        labels = self.labels
        if labels is None:
            why = self.store.unlabelled or "the source has none"
            raise WrongValueError(f"{self.source} has no labels ({why}); a class-conditional model needs one an image.")
        if bool((labels < 0).any()):
            place = int((labels < 0).int().argmax())
            raise WrongValueError(
                f"Image {place} of {self.source} has the label {int(labels[place])}; expected classes from 0 on."
            )
        return labels

    def _numbers(self, indices: Sequence[int] | Array | Tensor) -> Array:
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
