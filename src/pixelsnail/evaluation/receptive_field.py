"""The receptive field: which earlier pixels the parameters of one pixel depend on, and how strongly.

How strongly is the effective receptive field: the absolute gradient with respect to the image (W. Luo, Y. Li, R.
Urtasun and R. Zemel 2016, arXiv 1701.04128, section 2), by which Chen et al. 2017 (arXiv 1712.09763) compare PixelSNAIL
with earlier models. Levels enter a model as integers, and it reads them by a scale: the same wiring takes them as
floats, and has a derivative.
"""

import copy
import math
import operator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pixelsnail.engine import Progress
from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.evaluation.scan import check_batch, explaining_memory
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.levels import check_levels
from pixelsnail.nn import CodeConv, Context
from pixelsnail.nn.initialization import initialize

Pixel = tuple[int, int]
"""(row, column)."""
IMAGES = 2
"""Random images of one draw of random weights."""


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """How strongly the pixels of an image influence the parameters of one of them.

    pixel        the one
    influence    (H, W), float64: the mean absolute derivative by each pixel's levels; 0 from `pixel` on
    images       how many images the mean is over
    """

    pixel: Pixel
    influence: Tensor
    images: int

    @property
    def earlier(self) -> int:
        """The number of pixels before `pixel` in raster order."""
        return raster(self.pixel, self.influence)

    @property
    def relative(self) -> Tensor:
        """(H, W): influence / its maximum, or zeros where nothing has any."""
        most = self.influence.max()
        return self.influence / most if most > 0 else self.influence

    def share(self, threshold: float = 0.01) -> float:
        """The fraction of earlier pixels with at least `threshold` of the greatest influence."""
        return int((self.relative >= threshold).sum()) / self.earlier

    @property
    def half_distance(self) -> float:
        """The Euclidean distance, in pixels, within which half of all influence lies. NaN where nothing has any."""
        if not bool(self.influence.any()):
            return math.nan
        height, width = self.influence.shape
        rows, columns = torch.arange(height)[:, None] - self.pixel[0], torch.arange(width) - self.pixel[1]
        distance, order = torch.hypot(rows.double(), columns.double()).flatten().sort()
        within = self.influence.flatten()[order].cumsum(0)
        return distance[int((within >= within[-1] / 2).int().argmax())].item()

    def words(self, threshold: float = 0.01) -> tuple[str, str]:
        """Its two numbers with their units: 3.1 %, 4.2 pixels."""
        return f"{100 * self.share(threshold):.1f} %", f"{self.half_distance:.1f} pixels"


def receptive_field(
    model: Model,
    x: Tensor,
    pixel: Pixel | None = None,
    *,
    context: Context | None = None,
    seed: int = 0,
    batch: int = 4,
    progress: Progress | None = None,
) -> ReceptiveField:
    """The effective receptive field of the parameters of one pixel, the mean over images x, levels (B, C, H, W).

        influence[u] = mean over images and channels c of |sum over p of s_p  d theta_p(t) / d x_c(u)|

    With one parameter a pixel (binary images) that is the absolute gradient. With P of them the signs s_p = +-1 are
    random, drawn for each image: the mean is then within 0.71 ... 1 of the root sum of squares over all P (Khintchine's
    inequality), by one backward pass instead of P. In evaluation mode; `pixel` is by default three quarters down, in
    the middle. `batch` images are differentiated at a time; `progress` is called with (images done, images in all).
    Raises TypeError or ValueError for levels, size or context that are not the model's and a pixel outside the image or
    without an earlier one; TypeError for a model that reads levels from a table, which has no derivative;
    RuntimeError when memory runs out.
    """
    batch = check_batch(batch)
    x = check_levels(x, model.levels, model.shape)
    model.check_size(*x.shape[2:])
    model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
    t = raster(check_pixel(pixel or default_pixel(x), x), x)
    model = _frozen(model)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(x.shape[2:], dtype=torch.float64)
    with explaining_memory(model.device, batch):
        for first in range(0, len(x), batch):
            some = slice(first, first + batch)
            gradient = _gradient(model, x[some], t, generator, of_images(context, some, model.device))
            total += gradient.abs().double().mean(1).sum(0).cpu()
            if progress is not None:
                progress(min(first + batch, len(x)), len(x))
    return ReceptiveField(divmod(t, x.shape[3]), total / len(x), len(x))


def connectivity(
    model: Model, pixel: Pixel | None = None, *, size: tuple[int, int] | None = None, progress: Progress | None = None
) -> Tensor:
    """Which pixels the parameters of one pixel can depend on, whatever the weights: (H, W), boolean.

    A property of the configuration alone: the model's own weights are not used. Pixel u is connected to the pixel t if
    d theta(t) / d x(u) is not exactly 0 for some random weights and images, in float64: a masked or missing connection
    gives exact zeros. A rectifier or a maximum may hide a connection in one draw, so weights are drawn again until a
    draw finds nothing new or all earlier pixels are found. `progress` is called with (pixels found, earlier pixels)
    after each.
    Raises as `receptive_field` does.
    """
    shape = model.shape if size is None else (model.shape[0], *size)
    model.check_size(*shape[1:])
    generator = torch.Generator().manual_seed(0)
    context = model.condition.example(IMAGES, shape[1:])
    found, draw = torch.zeros(shape[1:], dtype=torch.bool), 0
    t = raster(check_pixel(pixel or default_pixel(found), found), found)
    while True:
        x = torch.randint(0, model.levels, (IMAGES, *shape), generator=generator)
        drawn = _frozen(fresh(model, x, seed=draw, context=context)).cpu().double()
        for weight in drawn.parameters():
            if not bool(weight.any()):
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
        seen = found | (_gradient(drawn, x, t, generator, context) != 0).any(0).any(0)
        draw += 1
        if progress is not None:
            progress(int(seen.sum()), t)
        if bool(seen.flatten()[:t].all()) or (draw > 1 and torch.equal(seen, found)):
            return seen
        found = seen


def fresh(model: Model, x: Tensor, *, seed: int = 0, context: Context | None = None) -> Model:
    """A model of the same configuration with the initial weights of a seed, as a training begins with.

    Weight-normalised layers get their data-dependent gains and biases from levels x (B, C, H, W). In evaluation mode.
    """
    arguments = {name: value for name, value in model.configuration.items() if name != "model"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        new = type(model)(**arguments).to(model.device)
    initialize(new, x.to(new.device), of_images(context, slice(None), new.device))
    return new.eval()


def default_pixel(x: Tensor) -> Pixel:
    """Three quarters down, in the middle: most of the image is earlier, and there is some of it on every side."""
    return 3 * x.shape[-2] // 4, x.shape[-1] // 2


def check_pixel(pixel: Pixel, x: Tensor) -> Pixel:
    """The pixel. Raises ValueError for one outside images x (..., H, W), and for the first, which depends on none."""
    (row, column), (height, width) = map(operator.index, pixel), x.shape[-2:]
    if not (0 <= row < height and 0 <= column < width):
        raise WrongValueError(
            f"The pixel {row},{column} is outside an image of {height} x {width}; rows and columns count from 0."
        )
    if (row, column) == (0, 0):
        raise WrongValueError("The pixel 0,0 has no earlier pixel that it could depend on; take a later one.")
    return row, column


def raster(pixel: Pixel, x: Tensor) -> int:
    """t = row * W + column in images (..., H, W), the number of earlier pixels."""
    return pixel[0] * x.shape[-1] + pixel[1]


def _frozen(model: Model) -> Model:
    """A copy whose weights take no gradient, in evaluation mode: the model itself is left as it is."""
    return copy.deepcopy(model).requires_grad_(False).eval()


def _gradient(model: Model, x: Tensor, t: int, generator: torch.Generator, context: Context | None) -> Tensor:
    """The derivative of the parameters at raster position t, summed with random signs, by each level: (B, C, H, W)."""
    weight = next(model.parameters())
    levels = x.to(weight.device, weight.dtype).requires_grad_()
    if any(isinstance(layer, nn.Embedding | CodeConv) for layer in model.modules()):
        raise WrongTypeError(f"{type(model).__name__} reads levels from a table, which has no derivative by a level.")
    theta = model(levels, context=context).flatten(2)[:, :, t]  # (B, P)
    signs = 2.0 * torch.randint(0, 2, theta.shape, generator=generator) - 1
    return torch.autograd.grad((theta * signs.to(theta)).sum(), levels)[0]
