"""p(unknown | known) of any region, by sequential Monte Carlo (`engine.particles`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelsnail.engine import Engine, Particles, Plan, Progress, Rule, noise
from pixelsnail.engine.agreement import agreed
from pixelsnail.engine.particles import effective_size, systematic
from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import of_images
from pixelsnail.nn import Context, raster
from pixelsnail.whole import whole

if TYPE_CHECKING:
    from pixelsnail.models.model import Model
    from pixelsnail.models.ordered import Ordered


@dataclass(frozen=True, eq=False)
class Posterior:
    """Weighted particles: each image's N completions, and how probable each is among them.

    images        levels (B, N, C, H, W)
    log_weights   (B, N), float64, of which each row sums to one as probabilities
    log_evidence  (B,), float64: an estimate of log p(known), of which exp is unbiased
    least         (B,): the smallest effective sample size before a resampling
    resampled     (B,): how often particles were resampled
    """

    images: Tensor
    log_weights: Tensor
    log_evidence: Tensor
    least: Tensor
    resampled: Tensor

    @property
    def effective(self) -> Tensor:
        """The effective sample size at the end, 1 ... N: (B,)."""
        return effective_size(self.log_weights)

    @property
    def distinct(self) -> Tensor:
        """How many different completions there are among the particles: (B,)."""
        return torch.tensor([len(torch.unique(images.flatten(1), dim=0)) for images in self.images])

    def mean(self) -> Tensor:
        """The weighted mean of the levels, (B, C, H, W), float64: for two levels, how probable the upper one is."""
        return torch.einsum("bn,bnchw->bchw", self.log_weights.exp(), self.images.double())

    def draw(self, count: int = 1, *, seed: int = 0) -> Tensor:
        """`count` of each image's particles, (B, count, C, H, W), each as often as its weight says, on average."""
        chosen = [
            images[systematic(weights, count, noise.single(seed, image, 0))]
            for image, (images, weights) in enumerate(zip(self.images, self.log_weights, strict=True))
        ]
        return torch.stack(chosen)


def posterior(
    model: "Model",
    x: Tensor,
    known: Tensor,
    *,
    particles: int,
    seed: int = 0,
    context: Context | None = None,
    batch: int = 64,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Posterior:
    """N particles for each image of levels x (B, C, H, W), of which `known` pixels are kept.

    `known` is as in `Model.complete`, of whole pixels. A model of several orders takes that of the context, or the best
    of each mask. At a time `batch` particles are drawn, or those of one image where it has more.
    Raises as `Model.complete` does, and ValueError for fewer than one particle, where nothing or all of an image is
    known, where channels of one pixel are known apart, and where no particle finds the known pixels possible.
    """
    from pixelsnail.models.ordered import Ordered

    particles, batch, seed = whole("particles", particles, 1), whole("batch", batch, 1), whole("seed", seed, 0)
    x, known = model._masked(x, known)
    known = _whole_pixels(known)
    plan = Plan(batch=max(1, batch // particles), engine=engine)
    if isinstance(model, Ordered):
        return _turned(model, x, known, particles, seed, context, plan, progress)
    model.check_size(x.shape[2], x.shape[3])
    model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
    return run(model, x, known, range(len(x)), particles, seed, context, plan, progress)


def run(
    model: "Model",
    x: Tensor,
    known: Tensor,
    numbers: "range | list[int]",
    particles: int,
    seed: int,
    context: Context | None,
    plan: Plan,
    progress: Progress | None,
) -> Posterior:
    """The posterior of images with these numbers, `plan.batch` images at a time, checked before."""
    from pixelsnail.models.model import evaluating

    size, parts = (x.shape[2], x.shape[3]), []
    with evaluating(model), torch.inference_mode():
        tried = min(2, len(x))
        plan = agreed(model, plan, size, tried, of_images(context, slice(tried), model.device))
        engine = Engine(model, plan, size)
        for some in _batches(len(x), plan.batch):
            given = of_images(context, some, model.device)
            source = Particles(x[some], known[some], particles, seed, tuple(numbers[some]))
            told = None if progress is None else _part(progress, some, len(x))
            many = torch.arange(some.stop - some.start).repeat_interleave(particles)
            repeated = of_images(given, many.to(model.device), model.device)
            levels = engine.decide(source, len(many), len(x) - some.stop, repeated, Rule(), told)
            weighing = source.weighing
            log_weights = weighing.close()
            first = model.pixel_nats(x[some].to(model.device), given).flatten(1)[:, : weighing.decided]
            evidence = weighing.log_evidence - first.double().sum(1).cpu()
            _check_possible(evidence, some.start)
            images = levels.view(-1, particles, *levels.shape[1:])
            images = images.to(torch.uint8 if model.levels <= 256 else torch.long)
            parts.append((images, log_weights, evidence, weighing.least, weighing.resampled))
    return Posterior(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _turned(
    model: "Ordered",
    x: Tensor,
    known: Tensor,
    particles: int,
    seed: int,
    context: Context | None,
    plan: Plan,
    progress: Progress | None,
) -> Posterior:
    """The posterior of images that are turned, each by an order of its own, and turned back."""
    model.check_size(x.shape[2], x.shape[3])
    model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
    order, own = model.order_for(known, context)
    order, parts, members = order.cpu(), [], []
    for some, columns in model.groups(order, x.shape[2], x.shape[3]):
        mine = order[some]
        levels, mask = (raster.turned(h[some], mine.to(h.device), columns) for h in (x, known))
        given = model.network_context(mine.to(model.device), of_images(own, some, model.device), columns)
        found = run(model.network, levels, mask, some.tolist(), particles, seed, given, plan, progress)
        back = raster.turned_back(found.images.flatten(0, 1), mine.repeat_interleave(particles).to(x.device), columns)
        images = back.view(-1, particles, *back.shape[1:])
        parts.append((images, found.log_weights, found.log_evidence, found.least, found.resampled))
        members.append(some)
    places = torch.cat(members).argsort()
    return Posterior(*(torch.cat(each)[places.to(each[0].device)] for each in zip(*parts, strict=True)))


def _batches(count: int, batch: int) -> Iterator[slice]:
    for first in range(0, count, batch):
        yield slice(first, min(first + batch, count))


def _part(progress: Progress, some: slice, count: int) -> Progress:
    """Progress over some images, told as progress over all."""
    return lambda done, pixels: progress(some.start * pixels + done * (some.stop - some.start), count * pixels)


def _whole_pixels(known: Tensor) -> Tensor:
    """The mask as (B, 1, H, W). Raises ValueError where it leaves nothing to draw, or nothing to agree with."""
    if bool((known != known[:, :1]).any()):
        raise WrongValueError("known tells channels of one pixel apart; with particles a pixel is known or it is not.")
    known = known[:, :1]
    for image, mask in enumerate(known):
        if bool(mask.all()) or not bool(mask.any()):
            what = "all of" if bool(mask.all()) else "nothing of"
            raise WrongValueError(f"known tells {what} image {image}; expected some pixels known and some unknown.")
    return known


def _check_possible(evidence: Tensor, first: int) -> None:
    wrong = (~evidence.isfinite()).nonzero()
    if len(wrong):
        raise WrongValueError(
            f"No particle of image {first + int(wrong[0])} finds its known pixels possible; take more particles, or a "
            "model that was trained on images like it."
        )
