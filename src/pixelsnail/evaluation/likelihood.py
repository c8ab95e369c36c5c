"""The likelihood of a model on a set of images."""

import math
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pixelsnail import checkpoints
from pixelsnail.data import Images
from pixelsnail.data.given import Arrays
from pixelsnail.engine import Progress
from pixelsnail.errors import WrongValueError
from pixelsnail.evaluation.scan import check_batch, check_binarized, check_context, context_of, images_of, scan
from pixelsnail.models import Model
from pixelsnail.nn import Context
from pixelsnail.whole import whole


@dataclass(frozen=True)
class Protocol:
    """What nats are of: those of two protocols do not compare.

    source, split, images   the images, and how many they are
    levels, dims            of the images, binarised or not: L, and C * H * W
    binarize                "dynamic", "threshold" or "none"
    binarizations           draws of each image; 1 where nothing is drawn
    """

    source: str
    split: str
    images: int
    levels: int
    dims: int
    binarize: str
    binarizations: int

    @classmethod
    def of(cls, images: Images, binarizations: int) -> "Protocol":
        """That of an evaluation of these images. Raises ValueError for several draws where nothing is drawn."""
        _check_binarizations(binarizations, images)
        dims = math.prod(images.shape)
        return cls(images.source, images.split, len(images), images.levels, dims, images.binarize, binarizations)

    def __str__(self) -> str:
        many = f"{self.binarizations} draw{'s' * (self.binarizations > 1)} of each image"
        how = f"dynamic, {many}" if self.binarize == "dynamic" else self.binarize
        return f"{self.images:,} images of {self.source} ({self.split}), binarisation {how}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The nats of each image of a set, and what they come to.

    draws       (K, N), float64: nats of each image in each of K binarisations (K = 1 where nothing is drawn)
    positions   (H, W), float64: nats of the pixel at each position, the mean over images and draws; sums to `nats`
    protocol    what the images are
    seconds     how long it took
    """

    draws: Tensor
    positions: Tensor
    protocol: Protocol
    seconds: float

    @property
    def binarizations(self) -> int:
        """K."""
        return self.draws.shape[0]

    @property
    def images(self) -> int:
        """N."""
        return self.draws.shape[1]

    @property
    def per_image(self) -> Tensor:
        """(N,): the mean of each image over its binarisations."""
        return self.draws.mean(0)

    @property
    def per_binarization(self) -> Tensor:
        """(K,): the mean over the images of each binarisation. Their spread is what one draw leaves to chance."""
        return self.draws.mean(1)

    @property
    def nats(self) -> float:
        """The mean of -log p(x) over the images: nats an image."""
        return self.per_image.mean().item()

    @property
    def standard_error(self) -> float:
        """Of `nats`, from the spread of `per_image`: sample standard deviation / sqrt(N). NaN for one image."""
        if self.images == 1:
            return math.nan
        return self.per_image.std().item() / math.sqrt(self.images)

    @property
    def bits_per_image(self) -> float:
        """nats / ln 2."""
        return self.nats / math.log(2)

    @property
    def bits_per_dim(self) -> float:
        """nats / (C * H * W * ln 2)."""
        return self.bits_per_image / self.protocol.dims

    def difference(self, other: "Evaluation") -> tuple[float, float]:
        """`nats` minus another's on the same images, and the standard error of that difference, paired by image.

        What makes an image hard is mostly common to two models, so that the difference is known better than either.
        Raises ValueError for another protocol.
        """
        if self.protocol != other.protocol:
            raise WrongValueError(
                f"Nats of {self.protocol} do not compare with nats of {other.protocol}; evaluate both on "
                "the same images."
            )
        differences = self.per_image - other.per_image
        error = differences.std().item() / math.sqrt(self.images) if self.images > 1 else math.nan
        return differences.mean().item(), error

    def as_dict(self) -> dict[str, int | float | str | list[float] | None]:
        """All but the single images, for JSON: the standard error of one image is None."""
        return {
            **asdict(self.protocol),
            "nats": self.nats,
            "nats_standard_error": self.standard_error if self.images > 1 else None,
            "nats_by_binarization": self.per_binarization.tolist(),
            "bits_per_dim": self.bits_per_dim,
            "bits_per_image": self.bits_per_image,
            "seconds": self.seconds,
        }


def remember(run: str | Path, found: Evaluation, *, weights: str = "best") -> None:
    """Writes the figure for a whole test set beside a run's weights, where `pixelsnail info` finds it.

    Does nothing for another split, for models of the hub and for those that come with pixelsnail. Raises OSError where
    the run is read-only.
    """
    if found.protocol.split != "test":
        return
    draws = f", {found.binarizations} draws" if found.binarizations > 1 else ""
    images = found.protocol
    checkpoints.record(
        run,
        {
            "test_nats": found.nats,
            "test_nats_standard_error": found.standard_error if found.images > 1 else None,
            "test_on": f"{images.source}, {images.images} images, binarisation {images.binarize}{draws}",
        },
        weights=weights,
    )


def evaluate(
    model: Model,
    images: Arrays,
    *,
    context: Context | None = None,
    batch: int = 64,
    binarizations: int = 1,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """The likelihood of every image, or of the first `limit`, in evaluation mode, whatever the model's mode is.

    `images` are a set of images, or what `pixelsnail.data.from_arrays` makes one of, in the model's levels.
    Dynamically binarised images are drawn `binarizations` times (epochs 0, 1, ... of `images`): an image's nats are the
    mean over its draws. The draws depend on the images alone, so that a second run gives the same number, and the batch
    changes nothing. A conditional model takes the labels and maps that the images have, or `context`, that of each.
    `progress` is called with (images done, images in all), counting each draw.
    Raises ValueError for several binarisations of images that are not dynamically binarised, for images of other
    levels than the model's, and for a likelihood that is NaN; RuntimeError when memory runs out.
    """
    batch, binarizations = check_batch(batch), whole("binarizations", binarizations, 1)
    images = images_of(model, images)
    check_binarized(model, images)
    protocol = Protocol.of(images, binarizations)
    if limit is not None:
        images = images.head(limit)
        protocol = replace(protocol, images=len(images))
    if len(images) == 0:
        raise WrongValueError(f"{images.source} has no image in its split {images.split}; expected at least one.")
    check_context(model, images, context)
    start = time.perf_counter()
    nats = torch.zeros(binarizations, len(images), dtype=torch.float64)
    positions = torch.zeros(images.shape[1:], dtype=torch.float64)

    def see(_: range, pixels: Tensor) -> None:
        positions.add_(pixels.double().sum(0).cpu())

    for epoch in range(binarizations):
        tell = None if progress is None else partial(_tell, progress, epoch, binarizations)
        scan(model, partial(_take, model, images, context, epoch), nats[epoch], see, batch, tell)
    return Evaluation(nats, positions / nats.numel(), protocol, time.perf_counter() - start)


def _take(
    model: Model, images: Images, context: Context | None, epoch: int, indices: range
) -> tuple[Tensor, Context | None]:
    return images.batch(indices, epoch), context_of(model, images, context, indices)


def _tell(progress: Progress, epoch: int, binarizations: int, done: int, count: int) -> None:
    """Progress within one binarisation, told as progress over all."""
    progress(epoch * count + done, binarizations * count)


def _check_binarizations(binarizations: int, images: Images) -> None:
    if binarizations > 1 and images.binarize != "dynamic":
        raise WrongValueError(
            f"binarizations is {binarizations}, but the images have binarize={images.binarize!r} and every draw would "
            "be the same; expected 1, or images opened with binarize='dynamic'."
        )
