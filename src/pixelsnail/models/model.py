"""The verbs every model has: score, sample, complete, save."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.distributions import PixelDistribution, choose_head
from pixelsnail.engine import Draw, Engine, Known, Plan, Progress, Rule, Source
from pixelsnail.engine.agreement import agreed
from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import Condition, Labels, Map, Several, conditions, of_images
from pixelsnail.models.conditioning import Conditioning
from pixelsnail.models.hub import Shared
from pixelsnail.models.levels import as_levels, check_levels, check_some_known, mask_like
from pixelsnail.nn import Cache, Context, Given, Segment
from pixelsnail.whole import whole

if TYPE_CHECKING:
    from pixelsnail.models.posterior import Posterior

# What all constructors take, with its meaning for `--help`; a model's own arguments are annotated likewise.
Shape = Annotated[tuple[int, int, int], "channels, height and width; null takes the data's"]
Levels = Annotated[int, "levels of a pixel; null takes the data's"]
Head = Annotated[
    str | None, "Bernoulli, Categorical or LogisticMixture; null: Bernoulli for 2 levels, Categorical above"
]


class Model(Shared):
    """An exact-likelihood model of images of `levels` integer levels: p(x) = prod over t of p(x_t | x_<t).

    A subclass defines `forward(x, segment=None, context=None)`: levels (B, C, H, W) to the parameters (B, P, H, W) of
    every pixel's distribution, each depending only on the pixels before it in raster order; with a segment, those of
    some pixels. That is its only definition; everything here follows from it, as long as all layers that look at other
    pixels are those of `pixelsnail.nn` (`pixelsnail.check` tries that). `forward` does not check levels (it would stall
    a GPU); all else does.
    """

    edges: ClassVar[tuple[str, ...]] = ()
    """The layers that read levels or give the parameters, by their names, also those that a model may be without:
    training may treat them as no other layer."""
    by_rows: ClassVar[bool] = False
    """Whether a segment must not go on over the end of a row, since a stream runs on whole rows (`Above`)."""
    granularity: int = 1
    """What divides the height and the width of every image."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        levels: int,
        head: str | None = None,
        mixtures: int | None = None,
        classes: int = 0,
        label_dropout: float = 0.0,
        given_map: Map | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = whole_sizes("shape", shape, "C, H, W")
        self.shape = (channels, height, width)
        (self.levels,) = at_least(2, levels=levels)
        self.head = choose_head(head, channels, self.levels, mixtures)
        (classes,) = at_least(0, classes=classes)
        if not 0 <= label_dropout < 1 or (label_dropout and not classes):
            expected = "a share of at least 0 and below 1" if classes else "0, since classes is 0"
            raise WrongValueError(f"label_dropout is {label_dropout!r}; expected {expected}.")
        labels = Labels(classes, float(label_dropout)) if classes else None
        self.condition: Condition = conditions(labels=labels, map=given_map)
        """What the model is conditioned on: what `context` is."""
        if given_map is not None:
            self.granularity = math.lcm(self.granularity, given_map.ratio)
            self.check_size(height, width)

    @property
    def conditions(self) -> dict[str, Condition]:
        """All that the model is conditioned on, by name: `labels`, `map`; empty for an unconditional model."""
        if isinstance(self.condition, Several):
            return self.condition.parts
        names = {Labels: "labels", Map: "map"}
        return {name: self.condition for kind, name in names.items() if isinstance(self.condition, kind)}

    @property
    def classes(self) -> int:
        """Number of class labels that condition the model; 0 where labels do not."""
        labels = self.conditions.get("labels")
        return labels.classes if isinstance(labels, Labels) else 0

    def conditioning(self, map_features: int, layers: int) -> Conditioning:
        """What the gated layers of this model are conditioned on. Raises ValueError where there is none to be."""
        found = Conditioning()
        for part in self.conditions.values():
            if isinstance(part, Labels):
                found = replace(found, labels=part.classes + bool(part.dropout))
            elif isinstance(part, Map):
                found = replace(found, features=map_features, ratio=part.ratio)
        if found and not layers:
            raise WrongValueError("What images are conditioned on acts in residual layers, and there are none.")
        return found

    def given(self, segment: Segment | None, context: Context | None) -> Given:
        """What layers read of the context: of whole images now, of a segment when its walk began."""
        return self.condition(context) if segment is None else segment.cache.given

    def widened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a smaller model as this one's, where that can be the same function; others as they are.

        A masked kernel (outputs, inputs, k, k) goes in the middle of a larger one, whose new taps are zeros.
        """
        found = dict(state)
        for name, layer in self.named_modules():
            kernel = found.get(f"{name}.weight")
            if kernel is not None and getattr(layer, "mask", None) is not None:
                side = (layer.weight.shape[-1] - kernel.shape[-1]) // 2
                found[f"{name}.weight"] = F.pad(kernel, (side,) * 4) if side > 0 else kernel
        return found

    def deepened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a model with fewer blocks as this one's, where that can be done; others as they are."""
        return dict(state)

    def check_size(self, height: int, width: int) -> None:
        """Raises ValueError for a size that the model's definition does not allow."""
        n = self.granularity
        if height % n or width % n:
            raise WrongValueError(
                f"Images are {height} x {width}, but {type(self).__name__} needs a height and width divisible by {n}; "
                "pad or crop them."
            )

    # Scoring

    def pixel_nats(self, x: Tensor, context: Context | None = None) -> Tensor:
        """-log p(x_t | x_<t) of every pixel, in nats: (B, H, W). What training minimises: differentiable.

        Levels are not checked. Raises ValueError where a context is missing or not taken.
        """
        self.condition.present(context)
        distribution = self.head.distribution(self(x, context=context))
        return -distribution.log_prob(x.permute(0, 2, 3, 1))

    def log_prob(self, x: Tensor, context: Context | None = None) -> Tensor:
        """The exact log-likelihood of each image, in nats: (B,), float64, from levels x (B, C, H, W).

        log p(x) = sum over t of log p(x_t | x_<t)    (van den Oord et al. 2016, arXiv 1601.06759, eq. 1)

        In evaluation mode, whatever the model's mode is. Raises TypeError when x is not integer, ValueError when it
        is not (B, C, H, W) or holds a level outside [0, L).
        """
        x = self._check(x, context)
        with evaluating(self):
            return -self.pixel_nats(x, context).double().sum((1, 2))

    def bits_per_dim(self, x: Tensor, context: Context | None = None) -> Tensor:
        """-log2 p(x) / (C * H * W) of each image: (B,), float64. Raises as `log_prob` does."""
        return -self.log_prob(x, context) / (math.log(2) * x[0].numel())

    def distribution(self, x: Tensor, context: Context | None = None, temperature: float = 1.0) -> PixelDistribution:
        """Every pixel's distribution given the pixels before it: batch (B, H, W), event (C,). Raises as `log_prob`."""
        x = self._check(x, context)
        Rule(temperature).check(self.head)
        with evaluating(self):
            return self.head.distribution(self(x, context=context), temperature)

    # Sampling

    def start(
        self,
        batch: int,
        *,
        size: tuple[int, int] | None = None,
        context: Context | None = None,
        guided: bool = False,
    ) -> Cache:
        """A new cache for `batch` images of the model's size, or of another `size` (H, W), all undecided.

        `guided` prepares it for a rule with guidance.
        """
        shape = self.shape if size is None else (self.shape[0], *size)
        context = of_images(context, slice(None), self.device)
        with torch.no_grad():
            cache = Cache.empty(batch, shape, self.device, self.condition(context), self.by_rows)
            if guided:
                cache.paired = self.condition(self.condition.guided(context))
        return cache

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        guidance: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        context: Context | None = None,
        size: tuple[int, int] | None = None,
        batch: int = 64,
        engine: str = "auto",
        progress: Progress | None = None,
    ) -> Tensor:
        """Draws images exactly, by ancestral sampling: levels (count, C, H, W), uint8 (int64 above 256 levels).

        Image i depends on (seed, i) alone: not on count, batch or engine. `temperature` divides logits and multiplies
        scales (1: the model's distribution; 0: every pixel takes its likeliest level, given those before it, which does
        not make the likeliest image). `guidance`, `top_k` and `top_p` change the distribution too (`engine.Rule`):
        `log_prob` knows nothing of them. `context` is that of each image. `batch` images are drawn at a time.
        `engine` is "eager", "compiled" (a program, made once by a C++ compiler in a minute and kept), "auto" (eager,
        then compiled where that saves more than it costs) or "naive", a pass a pixel; they differ in time only.
        `progress` is called with (pixels decided, pixels in all).
        Raises ValueError for a count or batch below 1, a temperature below 0, guidance of a model that knows no images
        without labels, a size or context that the model does not take, an unknown engine, and RuntimeError where
        "compiled" cannot be had.
        """
        count, batch, seed = whole("count", count, 1), whole("batch", batch, 1), whole("seed", seed, 0)
        height, width = self.shape[1:] if size is None else whole_sizes("size", size, "H, W")
        plan, rule = Plan(batch=batch, engine=engine), Rule(temperature, guidance, top_k, top_p)
        return self._decide(lambda first, _: Draw(seed, first), count, (height, width), context, plan, rule, progress)

    def complete(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        guidance: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        context: Context | None = None,
        batch: int = 64,
        engine: str = "auto",
        progress: Progress | None = None,
        particles: int | None = None,
        refine: int = 0,
    ) -> Tensor:
        """Keeps the levels of x (B, C, H, W) where `known` is true and draws the rest in raster order.

        `known` is boolean, (H, W) for all images or (B, 1 or C, H, W). Levels under the mask are ignored, whatever
        they are. A draw from p(unknown | known) only where all known pixels come before the unknown ones in raster
        order, an upper part of the image; with any other mask, pixels known later do not inform earlier ones, unless
        there are `particles`: one of so many, weighed by the known pixels, is given (`posterior` gives all), after
        `refine` sweeps of moves; a draw of p(unknown | known) as either number grows. Other arguments, result and
        errors are those of `sample`; ValueError too where all or nothing of an image is known.
        """
        check_refinement(refine, particles)
        if particles is not None:
            check_untempered(Rule(temperature, guidance, top_k, top_p))
            found = self.posterior(
                x, known, particles=particles, refine=refine, seed=seed, context=context, batch=batch, engine=engine,
                progress=progress,
            )  # fmt: skip
            return found.draw(seed=seed)[:, 0]
        batch, seed = whole("batch", batch, 1), whole("seed", seed, 0)
        x, known = self._masked(x, known)
        return self._decide(
            lambda first, end: Known(x[first:end], known[first:end], Draw(seed, first)),
            len(x), (x.shape[2], x.shape[3]), context, Plan(batch=batch, engine=engine),
            Rule(temperature, guidance, top_k, top_p), progress,
        )  # fmt: skip

    def posterior(
        self,
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
    ) -> "Posterior":
        """All particles of `complete`, with their weights and an estimate of log p(known): see `models.posterior`."""
        from pixelsnail.models.posterior import posterior

        return posterior(
            self, x, known, particles=particles, refine=refine, seed=seed, context=context, batch=batch, engine=engine,
            progress=progress,
        )  # fmt: skip

    def _decide(
        self,
        source: Callable[[int, int], Source],
        count: int,
        size: tuple[int, int],
        context: Context | None,
        plan: Plan,
        rule: Rule,
        progress: Progress | None,
    ) -> Tensor:
        """Walks over `count` images, a batch at a time; source(first, end) decides images first ... end - 1."""
        rule.check(self.head)
        self.check_size(*size)
        self.condition.check(context, count, size)
        if rule.guidance:
            self.condition.guided(context)  # raises where there is none to be
        parts: list[Tensor] = []
        with evaluating(self):
            tried = min(2, count)
            plan = agreed(self, plan, size, tried, of_images(context, slice(tried), self.device))
            engine = Engine(self, plan, size)
            for first in range(0, count, plan.batch):
                end = min(first + plan.batch, count)
                part = of_images(context, slice(first, end), self.device)
                told = _part_of(progress, first, end, count)
                levels = engine.decide(source(first, end), end - first, count - end, part, rule, told)
                parts.append(levels.to(torch.uint8 if self.levels <= 256 else torch.long))
        return torch.cat(parts) if parts else torch.empty(0, self.shape[0], *size, dtype=torch.uint8)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def _masked(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """x with zeros where it is unknown, and the mask (B, 1 or C, H, W). Raises for what is no image or no mask."""
        x, known = as_levels(x), mask_like("known", known, x)
        x = torch.where(known.to(x.device), x, torch.zeros_like(x)) if x.dim() == 4 else x
        x = check_levels(x, self.levels, self.shape)
        check_some_known(known)
        return x, known

    def _check(self, x: Tensor, context: Context | None) -> Tensor:
        x = check_levels(x, self.levels, self.shape)
        self.check_size(*x.shape[2:])
        self.condition.check(context, len(x), (x.shape[2], x.shape[3]))
        return x


def at_least(least: int, **arguments: int) -> list[int]:
    """A constructor's arguments as whole numbers of at least `least`. Raises ValueError for one that is not."""
    return [whole(name, value, least) for name, value in arguments.items()]


def whole_sizes(name: str, sizes: Sequence[int], axes: str) -> list[int]:
    """Sizes as whole numbers of at least 1, as many as `axes` names. Raises ValueError for others."""
    count = len(axes.split(", "))
    try:
        found = [whole(name, size, 1) for size in sizes]
    except (WrongValueError, TypeError):
        found = []
    if len(found) != count:
        words = {2: "two", 3: "three"}
        raise WrongValueError(f"{name} is {sizes!r}; expected ({axes}), {words[count]} whole numbers of at least 1.")
    return found


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, the earlier mode of every module after."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _part_of(progress: Progress | None, first: int, end: int, count: int) -> Progress | None:
    """Progress over images first ... end - 1, told as progress over all `count` images."""
    if progress is None:
        return None
    return lambda done, pixels: progress(first * pixels + done * (end - first), count * pixels)


def check_untempered(rule: Rule) -> None:
    """Raises ValueError for a rule with particles, which weigh by the model's own distribution."""
    if rule != Rule():
        raise WrongValueError(
            "temperature, guidance, top_k and top_p change the distribution, and particles weigh by the model's own; "
            "leave them out, or particles."
        )


def check_refinement(refine: int, particles: int | None) -> None:
    """Raises ValueError for sweeps of moves without particles to move."""
    if whole("refine", refine, 0) and particles is None:
        raise WrongValueError(
            f"refine is {refine}, but there are no particles to refine; expected particles=N with it."
        )
