"""The one raster loop: every pixel decided in order, at the cost of a few forward passes.

A walk evaluates segments. A segment of one pixel is plain ancestral sampling. A longer one is exact parallel sampling
(Song et al. 2021, arXiv 2002.03629; Wiggers & Hoogeboom 2020, arXiv 2002.09928): a pixel's random numbers are always
the same, so that pixel t is a function f of the pixels before it. Guess the pixels of the segment, evaluate f at all of
them at once, and keep the decisions up to and including the first that differs from its guess: each was evaluated on
pixels that are right. The new evaluations are the next guesses. The image is the same whatever the guesses are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pixelsnail.distributions import Head
from pixelsnail.engine.particles import resample
from pixelsnail.engine.plan import Plan, Rule
from pixelsnail.engine.sources import Decisions, Source
from pixelsnail.nn import Cache, Segment

Progress = Callable[[int, int], None]


class Walkable(Protocol):
    """What a walk needs of a model."""

    head: Head

    def __call__(self, x: Tensor, segment: Segment) -> Tensor:
        """A segment's levels (B, C, 1, n) to its parameters (B, P, 1, n)."""
        ...


@dataclass(frozen=True)
class Step:
    """Where a walk stands after a call: the images that it still walks over, and those that it has finished."""

    cache: Cache
    finished: Tensor

    @property
    def levels(self) -> Tensor:
        """All images of the batch as they are, (B, C, H, W), int64: decided, and guesses from there on."""
        levels = self.finished.clone()
        levels[self.cache.images] = self.cache.canvas
        return levels

    @property
    def decided(self) -> Tensor:
        """How many pixels of each image are decided, (B,)."""
        decided = torch.full_like(self.finished[:, 0, 0, 0], self.cache.pixels)
        decided[self.cache.images] = self.cache.position
        return decided


@torch.inference_mode()
def steps(
    model: Walkable, source: Source, cache: Cache, plan: Plan | None = None, rule: Rule | None = None
) -> Iterator[Step]:
    """Decides the images of a new cache (`model.start`) call by call: a `Step` after each, the last with all decided.

    The plan changes no image (in float32: except after a decision within 1e-4 of a tie), the rule does. Whoever has
    seen enough stops asking. Where a source knows everything beforehand, there is one step and no call.
    """
    plan, rule = plan or Plan(), rule or Rule()
    decisions = source.start(model.head, cache)
    cache.canvas.copy_(decisions.levels)
    finished = cache.canvas.clone()
    halves = 2 if rule.guidance else 1
    if rule.guidance:
        cache.pair()  # the same commits for both, so that they stay alike
    pass_over(model, cache, decisions.decided)
    reached = cache.position  # the pixels from here on were never evaluated
    right = 1.0  # the share of guesses that are right, lately
    while cache.least < cache.pixels:
        length = min(plan.length(cache.batch, right), cache.pixels - cache.least, cache.longest)
        segment = cache.segment(length)
        guesses = guess(segment, decisions, reached)
        reached = torch.maximum(reached, segment.positions[:, -1] + 1)
        segment.put(guesses)
        own = cache.batch // halves
        first = segment if halves == 1 else cache.segment(length, cache.all[:own])
        pixels = rule(model.head, model(guesses, segment))
        levels, stand = decisions.decide(first, pixels, guesses[:own])
        if halves == 2:
            levels, stand = torch.cat([levels, levels]), torch.cat([stand, stand])
        if plan.segment is None:
            right = 0.8 * right + 0.2 * (levels == guesses).all(1).float().mean().item()
        cache.commit(segment, levels, stand)
        survivors = resample(cache, decisions)
        reached = reached if survivors is None else reached[survivors]
        if cache.most == cache.pixels:
            finished[cache.images] = cache.canvas
            left = (cache.position[:own] < cache.pixels).nonzero()[:, 0]
            if 0 < len(left) <= own * plan.leave:
                index = torch.cat([compact(left) + half * own for half in range(halves)])
                cache.take(index)
                reached = reached[index]
        yield Step(cache, finished)
    if decisions.decided == cache.pixels:
        yield Step(cache, finished)


def walk(
    model: Walkable,
    source: Source,
    cache: Cache,
    plan: Plan | None = None,
    rule: Rule | None = None,
    progress: Progress | None = None,
    until: int | None = None,
) -> Tensor:
    """Decides the images of a new cache to the end, or all pixels before `until`: levels (B, C, H, W), int64.

    See `steps`. `progress` is called with (pixels decided, pixels), of the image that is behind.
    """
    step = None
    for step in steps(model, source, cache, plan, rule):
        if progress is not None:
            progress(step.cache.least, step.cache.pixels)
        if until is not None and step.cache.least >= until:
            break
    return cache.canvas if step is None else step.levels


def pass_over(model: Walkable, cache: Cache, decided: int, at_once: int = 512) -> None:
    """Lets the layers see the `decided` first pixels, whose levels are on the canvas."""
    while cache.least < decided:
        segment = cache.segment(min(at_once, decided - cache.least, cache.longest))
        model(segment.levels, segment)
        cache.commit(segment, segment.levels)


def guess(segment: Segment, decisions: Decisions, reached: Tensor) -> Tensor:
    """Levels (B, C, 1, n) for a segment: the last evaluation, and for pixels from `reached` (B,) on a first guess."""
    above, inside = segment.pixels_at(((-1, 0),))  # (B, n, 1, C)
    above = torch.where(inside, above, 0)[:, :, 0].transpose(1, 2)[:, :, None]
    fresh = (segment.positions >= reached[:, None])[:, None, None]
    return torch.where(fresh, decisions.guess(segment, above), segment.levels)


def compact(left: Tensor) -> Tensor:
    """The images `left` (in rising order) in an order that leaves as many as possible in their places."""
    count = len(left)
    order = torch.arange(count, device=left.device)
    free = torch.ones(count, dtype=torch.bool, device=left.device)
    free[left[left < count]] = False
    order[free] = left[left >= count]
    return order
