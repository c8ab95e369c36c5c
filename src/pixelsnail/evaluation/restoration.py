"""Surprising pixels replaced by draws: what the rest of the image says was there."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelsnail.engine import Progress
from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.nn import Context
from pixelsnail.whole import whole


@dataclass(frozen=True, eq=False)
class Restored:
    """Images (N, C, H, W) with their suspects drawn anew; `replaced` (N, 1, H, W) is where."""

    images: Tensor
    replaced: Tensor


def restore(
    model: Model,
    x: Tensor,
    suspects: Tensor,
    *,
    particles: int = 32,
    grow: int = 1,
    seed: int = 0,
    context: Context | None = None,
    batch: int = 64,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Restored:
    """Replaces the suspect pixels (N, H, W) of levels x (N, C, H, W), and those within `grow` pixels of one, by draws
    from p(suspects | rest) with `particles`. An image without suspects stays as it is.

    A pixel is surprising where the model did not expect it, which is often just after the one that is wrong, in reading
    order: so the neighbours are drawn too. Raises as `Model.posterior` does, and ValueError for an image of suspects
    alone.
    """
    grow = whole("grow", grow, 0)
    if suspects.shape != (len(x), *x.shape[2:]) or suspects.dtype != torch.bool:
        raise WrongValueError(
            f"suspects is {suspects.dtype} of shape {tuple(suspects.shape)}; expected a boolean mask (N, H, W) = "
            f"{(len(x), *x.shape[2:])}."
        )
    wide = F.max_pool2d(suspects[:, None].float(), 2 * grow + 1, stride=1, padding=grow).bool()
    full = wide.flatten(1).all(1)
    if bool(full.any()):
        raise WrongValueError(
            f"Nothing of image {int(full.nonzero()[0])} is left to restore it from: all its pixels are suspects; raise "
            "the threshold (a lower pixel rate), or lower grow."
        )
    some = wide.flatten(1).any(1).nonzero()[:, 0]
    restored = x.clone()
    if len(some):
        restored[some] = model.complete(
            x[some], ~wide[some], particles=particles, seed=seed, context=of_images(context, some), batch=batch,
            engine=engine, progress=progress,
        ).to(x)  # fmt: skip
    return Restored(restored, wide)
