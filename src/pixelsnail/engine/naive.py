"""The reference sampler: a whole forward pass for every pixel, without a cache. Slow, and right by definition."""

from typing import Protocol

import torch
from torch import Tensor

from pixelsnail.distributions import Head
from pixelsnail.engine.particles import resample
from pixelsnail.engine.plan import Rule
from pixelsnail.engine.sources import Source
from pixelsnail.engine.walk import Progress
from pixelsnail.nn import Cache, Context


class Guidable(Protocol):
    """A condition, as far as guidance needs it."""

    def guided(self, context: Context | None) -> Context:
        """The context of every image, and then of each without its label."""
        ...


class Whole(Protocol):
    """What the naive sampler needs of a model: parameters of whole images."""

    head: Head

    @property
    def condition(self) -> Guidable:
        """What the model is conditioned on."""
        ...

    def __call__(self, x: Tensor, *, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) to parameters (B, P, H, W)."""
        ...


@torch.inference_mode()
def naive_walk(
    model: Whole,
    source: Source,
    cache: Cache,
    rule: Rule | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    until: int | None = None,
) -> Tensor:
    """What `walk` gives, from the definition: levels (B, C, H, W), int64, at the cost of a forward pass a pixel."""
    decisions, rule = source.start(model.head, cache), rule or Rule()
    cache.canvas.copy_(decisions.levels)
    cache.position += decisions.decided
    halves, given = (2, model.condition.guided(context)) if rule.guidance else (1, context)
    for t in range(decisions.decided, cache.pixels if until is None else until):
        segment = cache.segment(1)
        canvas = cache.canvas.repeat(halves, 1, 1, 1)
        parameters = model(canvas, context=given).flatten(2)[:, :, None, t : t + 1]
        levels, _ = decisions.decide(segment, rule(model.head, parameters), segment.levels)
        cache.commit(segment, levels)
        resample(cache, decisions)
        if progress is not None:
            progress(t + 1, cache.pixels)
    return cache.canvas
