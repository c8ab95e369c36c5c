"""How unusual an image is: scores that grow with it, and how well they part normal images from others.

Likelihood alone is misled by how complex an image is: simple images of another kind may be more probable than normal
ones (Nalisnick et al. 2019, arXiv 1810.09136). Three scores correct that, each in its own way.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.engine import Progress
from pixelsnail.errors import WrongValueError
from pixelsnail.evaluation.scores import score
from pixelsnail.models import Model
from pixelsnail.nn import Context

MEANINGS = {
    "nats": "-log p(x)",
    "typicality": "|-log p(x) - its mean over normal images|    (Nalisnick et al. 2019, arXiv 1906.02994)",
    "complexity": "-log p(x) - nats of the shorter of PNG and lossless WebP    (Serra et al. 2020, arXiv 1909.11480)",
    "ratio": "-log p(x) + log p of a background model    (Ren et al. 2019, arXiv 1906.02845)",
}
"""The scores by name."""


@dataclass(frozen=True, eq=False)
class Nats:
    """What scores are made of, of each image of a set: nats, complexity and background (N,), and maps (N, H, W).

    Complexity is None for what is no picture: of other channels than 1 or 3, or more than 256 levels.
    """

    nats: Tensor
    maps: Tensor
    complexity: Tensor | None
    background: Tensor | None

    def scores(self, typical: float) -> dict[str, Tensor]:
        """Every score that there is, by name: (N,), float64; `typical` is the mean nats of normal images."""
        found = {"nats": self.nats, "typicality": (self.nats - typical).abs()}
        if self.complexity is not None:
            found["complexity"] = self.nats - self.complexity
        if self.background is not None:
            found["ratio"] = self.nats - self.background
        return found


def nats_of(
    model: Model,
    images: Images,
    *,
    background: Model | None = None,
    context: Context | None = None,
    batch: int = 64,
    progress: Progress | None = None,
) -> Nats:
    """What the scores of a set of images are made of. The context is the model's; the background has none.

    Raises as `score` does, and ValueError for a background of other images or one that wants a context.
    """
    if background is not None and (background.shape, background.levels) != (model.shape, model.levels):
        raise WrongValueError(
            f"The background models images {background.shape} of {background.levels} levels, and the model images "
            f"{model.shape} of {model.levels}; expected one of the same images."
        )
    own = score(model, images, context=context, batch=batch, maps=True, progress=progress)
    assert own.maps is not None
    other = None if background is None else score(background, images, batch=batch, progress=progress).nats
    lengths = None
    if images.shape[0] in (1, 3) and model.levels <= 256:
        many = (images.batch(range(i, min(i + 256, len(images)))) for i in range(0, len(images), 256))
        lengths = torch.cat([file_nats(x, model.levels) for x in many])
    return Nats(own.nats, own.maps, lengths, other)


def file_nats(x: Tensor, levels: int) -> Tensor:
    """The length in nats (bits * ln 2) of images x (B, 1 or 3, H, W) as files: the shorter of PNG and WebP, (B,)."""
    from PIL import Image, features

    forms: list[dict[str, object]] = [{"format": "PNG", "optimize": True}]
    if features.check("webp"):
        forms.append({"format": "WEBP", "lossless": True, "quality": 100})
    found = []
    for one in x.cpu():
        pixels = (one * (255 // (levels - 1))).to(torch.uint8) if levels < 256 else one.to(torch.uint8)
        picture = Image.fromarray(pixels[0].numpy() if len(one) == 1 else pixels.permute(1, 2, 0).numpy())
        lengths = []
        for form in forms:
            mode = picture.convert("1") if levels == 2 and len(one) == 1 and form["format"] == "PNG" else picture
            buffer = io.BytesIO()
            mode.save(buffer, **form)  # type: ignore[arg-type]
            lengths.append(buffer.tell())
        found.append(8 * min(lengths) * math.log(2))
    return torch.tensor(found, dtype=torch.float64)


def auroc(normal: Tensor, others: Tensor) -> tuple[float, float]:
    """How often a score of `others` (N,) is above one of `normal` (M,), ties half, and its standard error.

    The area under the curve of hits against false alarms; the error of DeLong et al. 1988 (Biometrics 44, 837-845).
    Raises ValueError for fewer than two scores of either.
    """
    if min(len(normal), len(others)) < 2:
        raise WrongValueError(f"There are {len(normal)} normal scores and {len(others)} others; expected two of each.")
    above = (others[:, None] > normal).double() + (others[:, None] == normal).double() / 2
    of_others, of_normal = above.mean(1), above.mean(0)
    variance = of_others.var() / len(others) + of_normal.var() / len(normal)
    return above.mean().item(), math.sqrt(variance.item())


def table(normal: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> dict[str, tuple[float, float]]:
    """`auroc` of every score that both have."""
    return {name: auroc(normal[name], others[name]) for name in normal if name in others}
