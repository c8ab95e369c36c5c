"""p(unknown | known) of any region, by sequential Monte Carlo (`engine.particles`) and moves (`refinement`)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pixelsnail.engine import Engine, Particles, Plan, Progress, Rule, noise
from pixelsnail.engine.agreement import agreed
from pixelsnail.engine.particles import effective_size, systematic
from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import of_images
from pixelsnail.models.refinement import refined
from pixelsnail.nn import Context, raster
from pixelsnail.whole import whole

if TYPE_CHECKING:
    from pixelsnail.models.model import Model
    from pixelsnail.models.ordered import Ordered


@dataclass(frozen=True, eq=False)
class Posterior:
    """Weighted particles: each image's N completions, and how probable each is among them.

    images        levels (B, N, C, H, W)
    log_weights   (B, N), float64, of which each row sums to one as probabilities; all equal where they were refined
    log_evidence  (B,), float64: an estimate of log p(known), of which exp is unbiased
    effective     (B,): the effective sample size at the end, 1 ... N, before moves
    least         (B,): the smallest effective sample size before a resampling on the way
    resampled     (B,): how often particles were resampled on the way
    moved         (B,): how many moves changed a particle, on average
    """

    images: Tensor
    log_weights: Tensor
    log_evidence: Tensor
    effective: Tensor
    least: Tensor
    resampled: Tensor
    moved: Tensor

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


@dataclass(frozen=True)
class Effort:
    """How a posterior is approximated, and what is told of it."""

    particles: int
    refine: int
    seed: int
    batch: int
    engine: str
    progress: Progress | None

    def part(self, before: int, some: slice, count: int) -> Progress | None:
        """Progress over some images after those `before`, told as progress over all `count`: drawn, and moved."""
        progress, rounds, first = self.progress, 1 + self.refine, before + some.start
        if progress is None:
            return None
        return lambda done, pixels: progress(
            first * pixels * rounds + done * (some.stop - some.start), count * pixels * rounds
        )


def posterior(
    model: "Model",
    x: Tensor,
    known: Tensor,
    *,
    particles: int,
    refine: int = 0,
    seed: int = 0,
    context: Context | None = None,
    batch: int = 64,
    engine: str = "auto",
    progress: Progress | None = None,
) -> Posterior:
    """N particles for each image of levels x (B, C, H, W), of which `known` pixels are kept.

    `known` is as in `Model.complete`, of whole pixels. `refine` sweeps of moves follow (`refinement`). A model of
    several orders takes that of the context, or the best of each mask. At a time `batch` particles are drawn, or those
    of one image where it has more.
    Raises as `Model.complete` does, and ValueError for fewer than one particle, where channels of one pixel are known
    apart, and where no particle finds the known pixels possible.
    """
    from pixelsnail.models.ordered import Ordered

    particles, refine = whole("particles", particles, 1), whole("refine", refine, 0)
    effort = Effort(particles, refine, whole("seed", seed, 0), whole("batch", batch, 1), engine, progress)
    x, known = model._masked(x, known)
    if bool((known != known[:, :1]).any()):
        raise WrongValueError("known tells channels of one pixel apart; with particles a pixel is known or it is not.")
    known = known[:, :1]
    model.check_size(x.shape[2], x.shape[3])
    model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
    if isinstance(model, Ordered):
        return _turned(model, x, known, context, effort)
    return run(model, x, known, range(len(x)), context, effort, 0, len(x))


def run(
    model: "Model",
    x: Tensor,
    known: Tensor,
    numbers: "range | list[int]",
    context: Context | None,
    effort: Effort,
    before: int,
    count: int,
) -> Posterior:
    """The posterior of images with these numbers, checked already; `before` are done of `count`."""
    from pixelsnail.models.model import evaluating

    size, parts = (x.shape[2], x.shape[3]), []
    with evaluating(model), torch.inference_mode():
        tried, plan = min(2, len(x)), Plan(batch=max(1, effort.batch // effort.particles), engine=effort.engine)
        plan = agreed(model, plan, size, tried, of_images(context, slice(tried), model.device))
        engine = Engine(model, plan, size)
        for some in _batches(len(x), plan.batch):
            given = of_images(context, some, model.device)
            source = Particles(x[some], known[some], effort.particles, effort.seed, tuple(numbers[some]))
            many = torch.arange(some.stop - some.start, device=model.device).repeat_interleave(effort.particles)
            repeated, told = of_images(given, many, model.device), effort.part(before, some, count)
            levels = engine.decide(source, len(many), len(x) - some.stop, repeated, Rule(), told)
            weighing = source.weighing
            log_weights = weighing.close()
            first = model.pixel_nats(x[some].to(model.device), given).flatten(1)[:, : weighing.decided]
            evidence = weighing.log_evidence - first.double().sum(1).cpu()
            _check_possible(evidence, some.start)
            images, effective = levels.view(-1, effort.particles, *levels.shape[1:]), effective_size(log_weights)
            moved = torch.zeros(len(images), dtype=torch.float64)
            if effort.refine:
                images, moved = _refined(model, engine, images, log_weights, source, given, effort, told)
                log_weights = torch.full_like(log_weights, -math.log(effort.particles))
            images = images.to(torch.uint8 if model.levels <= 256 else torch.long)
            parts.append((images, log_weights, evidence, effective, weighing.least, weighing.resampled, moved))
    return Posterior(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _refined(
    model: "Model",
    engine: Engine,
    images: Tensor,
    log_weights: Tensor,
    source: Particles,
    context: Context | None,
    effort: Effort,
    told: Progress | None,
) -> tuple[Tensor, Tensor]:
    """Particles (B, N, C, H, W), resampled and moved, image by image, and how many moves changed one, on average."""
    pixels, parts, moved = source.known[0].numel(), [], []
    for i, number in enumerate(source.images):

        def sweeping(share: float, i: int = i) -> None:
            if told is not None:
                told(pixels + int(pixels * effort.refine * (i + share) / len(images)), pixels)

        index = systematic(log_weights[i], effort.particles, noise.single(effort.seed, number, pixels))
        same = torch.full((effort.particles,), i, device=images.device)
        after, moves = refined(
            model, engine, images[i][index.to(images.device)], source.known[i, 0], effort.refine, seed=effort.seed,
            image=number, context=of_images(context, same, model.device), batch=effort.batch, told=sweeping,
        )  # fmt: skip
        parts.append(after)
        moved.append(moves)
    return torch.stack(parts), torch.tensor(moved, dtype=torch.float64)


def _turned(model: "Ordered", x: Tensor, known: Tensor, context: Context | None, effort: Effort) -> Posterior:
    """The posterior of images that are turned, each by an order of its own, and turned back."""
    order, own = model.order_for(known, context)
    order, parts = order.cpu(), []
    members: list[Tensor] = []
    for some, columns in model.groups(order, x.shape[2], x.shape[3]):
        mine = order[some]
        levels, mask = (raster.turned(h[some], mine.to(h.device), columns) for h in (x, known))
        given = model.network_context(mine.to(model.device), of_images(own, some, model.device), columns)
        found = run(
            model.network, levels, mask, some.tolist(), given, effort, sum(len(done) for done in members), len(x)
        )
        particles = mine.repeat_interleave(effort.particles).to(found.images.device)
        back = raster.turned_back(found.images.flatten(0, 1), particles, columns)
        parts.append(replace(found, images=back.view(-1, effort.particles, *back.shape[1:])))
        members.append(some)
    places = torch.cat(members).argsort()
    return Posterior(*(torch.cat(each)[places.to(each[0].device)] for each in zip(*map(_parts, parts), strict=True)))


def _parts(found: Posterior) -> tuple[Tensor, ...]:
    return tuple(getattr(found, field.name) for field in fields(found))


def _batches(count: int, batch: int) -> Iterator[slice]:
    for first in range(0, count, batch):
        yield slice(first, min(first + batch, count))


def _check_possible(evidence: Tensor, first: int) -> None:
    wrong = (~evidence.isfinite()).nonzero()
    if len(wrong):
        raise WrongValueError(
            f"No particle of image {first + int(wrong[0])} finds its known pixels possible; take more particles, or a "
            "model that was trained on images like it."
        )
