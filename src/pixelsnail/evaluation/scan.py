"""Every image once, in batches, none dropped: the loop under `evaluate` and `score`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from pixelsnail.data import Images, from_arrays
from pixelsnail.data.given import Arrays
from pixelsnail.engine import Progress
from pixelsnail.errors import StoppedError, WrongValueError, memory_ran_out
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.levels import check_levels
from pixelsnail.models.model import evaluating
from pixelsnail.nn import Context
from pixelsnail.whole import whole

See = Callable[[range, Tensor], object]
Take = Callable[[range], tuple[Tensor, Context | None]]
"""Levels (n, C, H, W) and context of the images at some indices."""


def scan(
    model: Model,
    take: Take,
    nats: Tensor,
    see: See | None,
    batch: int,
    progress: Progress | None,
) -> None:
    """Fills `nats` (N,) with -log p of images 0 ... N - 1.

    see(indices, pixels) is called with -log p of their pixels (n, H, W). Sums
    are in float64, so that an image's nats do not depend on its batch.
    Raises ValueError that names the first image whose likelihood is NaN, RuntimeError when memory runs out.
    """
    with torch.inference_mode(), evaluating(model), explaining_memory(model.device, batch):
        for first in range(0, len(nats), batch):
            indices = range(first, min(first + batch, len(nats)))
            x, context = take(indices)
            x = _check(x, context, model, indices)
            pixels = model.pixel_nats(x.to(model.device), of_images(context, slice(None), model.device))  # (n, H, W)
            nats[first : indices.stop] = pixels.double().sum((1, 2)).cpu()
            _refuse_nan(nats, indices)
            if see is not None:
                see(indices, pixels)
            if progress is not None:
                progress(indices.stop, len(nats))


@contextmanager
def explaining_memory(device: torch.device, batch: int) -> Iterator[None]:
    """Says in one sentence what to lower when memory runs out."""
    try:
        yield
    except RuntimeError as error:  # a processor's has no type of its own
        if not memory_ran_out(error):
            raise
        raise StoppedError(
            f"The memory of {device} is too small for batches of {batch} images; lower the batch size (now {batch}) "
            "or the precision (bfloat16 takes half of float32)."
        ) from error


def images_of(model: Model, x: Arrays) -> Images:
    """Images, or what is at hand as images of the model's levels, its channels where the model has them."""
    own = isinstance(x, np.ndarray | Tensor) and tuple(x.shape[1:]) == tuple(model.shape)
    return from_arrays(x, levels=model.levels, axes="NCHW" if own else None)


def check_batch(batch: int) -> int:
    """The batch. Raises ValueError unless it is a whole number of at least 1."""
    return whole("batch", batch, 1)


def check_binarized(model: Model, images: Images) -> None:
    """Raises ValueError for bits that a model of more levels would take for almost black images."""
    if images.binarize != "none" and model.levels != 2:
        raise WrongValueError(
            f"The images of {images.source} are binarised (binarize={images.binarize!r}), but this model has L = "
            f"{model.levels} levels; open them with binarize='none'."
        )


def check_context(model: Model, images: Images, context: Context | None) -> None:
    """Raises ValueError where a context does not fit a set of images, or without one where they hold none."""
    if context is None:
        model.condition.check_data(images)
    else:
        model.condition.check(context, len(images), images.shape[1:])


def context_of(model: Model, images: Images, context: Context | None, indices: range) -> Context | None:
    """The context of some images of a set: of the one that is given, or what the images hold."""
    if context is None:
        return model.condition.of(images, indices)
    return of_images(context, slice(indices.start, indices.stop))


def _check(x: Tensor, context: Context | None, model: Model, indices: range) -> Tensor:
    """The model's own checks, which count images from the first of the batch; x as they have it."""
    try:
        x = check_levels(x, model.levels, model.shape)
        model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
        return x
    except ValueError as error:
        raise WrongValueError(f"Among images {indices.start} ... {indices.stop - 1}, {error}") from None


def _refuse_nan(nats: Tensor, indices: range) -> None:
    wrong = nats[indices.start : indices.stop].isnan()
    if bool(wrong.any()):
        raise WrongValueError(
            f"The likelihood of image {indices[int(wrong.int().argmax())]} is NaN; the model's weights or its numerics "
            "are broken: check that the weights are finite, or take a higher precision."
        )
