"""The likelihood of single images and of their pixels."""

import csv
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.engine import Progress
from pixelsnail.evaluation.scan import check_batch, check_binarized, scan
from pixelsnail.files import write_atomically
from pixelsnail.models import Model
from pixelsnail.models.levels import check_levels


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

    def write_csv(self, path: str | Path) -> None:
        """Writes index,nats,bits_per_dim, a line for each image, in full precision; complete or not at all."""
        rows = zip(range(len(self.nats)), self.nats.tolist(), self.bits_per_dim.tolist(), strict=True)
        with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("index", "nats", "bits_per_dim"), *rows])


def score(
    model: Model, x: Tensor | Images, *, batch: int = 64, maps: bool = False, progress: Progress | None = None
) -> Scores:
    """The likelihood of each image of x, levels (N, C, H, W) or a set of images, and with `maps` of each pixel.

    In evaluation mode, whatever the model's mode is; the batch changes nothing but time. Dynamically binarised images
    are scored as their first draw. `progress` is called with (images done, images in all).
    Raises TypeError or ValueError for levels that are not the model's, ValueError for a likelihood that is NaN,
    RuntimeError when memory runs out.
    """
    batch = check_batch(batch)
    if isinstance(x, Images):
        check_binarized(model, x)
        shape = x.shape
    else:
        x = check_levels(x, model.levels, model.shape)
        shape = (x.shape[1], x.shape[2], x.shape[3])
    nats = torch.zeros(len(x), dtype=torch.float64)
    pixels = torch.zeros(len(x), *shape[1:]) if maps else None
    scan(model, partial(_take, x), nats, None if pixels is None else partial(_keep, pixels), batch, progress)
    return Scores(nats, math.prod(shape), pixels)


def _keep(maps: Tensor, indices: range, pixels: Tensor) -> None:
    maps[indices.start : indices.stop] = pixels.float().cpu()


def _take(x: Tensor | Images, indices: range) -> Tensor:
    return x.batch(indices) if isinstance(x, Images) else x[indices.start : indices.stop]
