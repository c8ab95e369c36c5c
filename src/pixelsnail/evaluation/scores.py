"""The likelihood of single images and of their pixels."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.data.given import Arrays
from pixelsnail.engine import Progress
from pixelsnail.evaluation.scan import check_batch, check_binarized, check_context, context_of, images_of, scan
from pixelsnail.files import write_csv
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.levels import check_levels
from pixelsnail.nn import Context


@dataclass(frozen=True, eq=False)
class Scores:
    """-log p of each image, nats (N,) in float64, and of each of its pixels, maps (N, H, W), where asked for.

    An image's map sums to its nats. `dims` is C * H * W.
    """

    nats: Tensor
    dims: int
    maps: Tensor | None = None

    @property
    def bits_per_dim(self) -> Tensor:
        """nats / (C * H * W * ln 2): (N,), float64."""
        return self.nats / (self.dims * math.log(2))

    def write_csv(
        self, path: str | Path, images: Images | None = None, more: Mapping[str, Iterable[object]] | None = None
    ) -> None:
        """Writes index,nats,bits_per_dim, a line for each image, in full precision; complete or not at all.

        With the `images` that were scored, index is that in their source, and there are the columns file, label and
        class (the label's name) where they have any. `more` columns come last.
        """
        columns: dict[str, Iterable[object]] = {
            "index": range(len(self.nats)), "nats": self.nats.tolist(), "bits_per_dim": self.bits_per_dim.tolist()
        }  # fmt: skip
        if images is not None:
            columns |= columns_of(images)
        columns |= more or {}
        write_csv(path, tuple(columns), zip(*columns.values(), strict=True))


def columns_of(images: Images) -> dict[str, Iterable[object]]:
    """What a table says of images: index in their source, and file, label and class where they have any."""
    columns: dict[str, Iterable[object]] = {"index": images.indices.tolist()}
    if images.files is not None:
        columns["file"] = images.files
    if images.labels is not None:
        columns["label"] = images.labels.tolist()
        if images.class_names is not None:
            columns["class"] = [images.class_names[label] for label in images.labels.tolist()]
    return columns


def score(
    model: Model,
    x: Arrays,
    *,
    context: Context | None = None,
    batch: int = 64,
    maps: bool = False,
    progress: Progress | None = None,
) -> Scores:
    """The likelihood of each image of x, levels (N, C, H, W) or a set of images, and with `maps` of each pixel.

    Arrays and data sets of torch become a set of images as by `pixelsnail.data.from_arrays`, in the model's levels.

    In evaluation mode, whatever the model's mode is; the batch changes nothing but time. Dynamically binarised images
    are scored as their first draw. A conditional model takes the labels and maps that a set of images has, or
    `context`, that of each image. `progress` is called with (images done, images in all).
    Raises TypeError or ValueError for levels that are not the model's, ValueError for a likelihood that is NaN,
    RuntimeError when memory runs out.
    """
    batch = check_batch(batch)
    images: Tensor | Images
    if isinstance(x, Tensor):
        images = check_levels(x, model.levels, model.shape)
        shape = (images.shape[1], images.shape[2], images.shape[3])
        model.condition.check(context, len(images), shape[1:])
    else:
        images = images_of(model, x)
        check_binarized(model, images)
        check_context(model, images, context)
        shape = images.shape
    nats = torch.zeros(len(images), dtype=torch.float64)
    pixels = torch.zeros(len(images), *shape[1:]) if maps else None
    see = None if pixels is None else partial(_keep, pixels)
    scan(model, partial(_take, model, images, context), nats, see, batch, progress)
    return Scores(nats, math.prod(shape), pixels)


def _keep(maps: Tensor, indices: range, pixels: Tensor) -> None:
    maps[indices.start : indices.stop] = pixels.float().cpu()


def _take(model: Model, x: Tensor | Images, context: Context | None, indices: range) -> tuple[Tensor, Context | None]:
    if isinstance(x, Images):
        return x.batch(indices), context_of(model, x, context, indices)
    part = slice(indices.start, indices.stop)
    return x[part], of_images(context, part)
