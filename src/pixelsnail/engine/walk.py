"""The one raster loop: every pixel decided in order, at the cost of a few forward passes.

A walk evaluates segments. A segment of one pixel is plain ancestral sampling. A longer one is exact parallel sampling
(Song et al. 2021, arXiv 2002.03629; Wiggers & Hoogeboom 2020, arXiv 2002.09928): all random numbers are drawn first, so
that pixel t is a function f of the pixels before it. Guess the pixels of the segment, evaluate f at all of them at
once, and keep the decisions up to and including the first that differs from its guess: each was evaluated on pixels
that are right. The new evaluations are the next guesses. The image is the same whatever the guesses are.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pixelsnail.distributions import Head
from pixelsnail.engine.sources import Decisions, Source
from pixelsnail.nn import Cache

Progress = Callable[[int, int], None]


class Walkable(Protocol):
    """What a walk needs of a model."""

    head: Head

    def start(self, batch: int, *, size: tuple[int, int] | None = None, context: Tensor | None = None) -> Cache:
        """A new cache for `batch` images of the model's size, or of another `size` (H, W)."""
        ...

    def __call__(self, x: Tensor, cache: Cache | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W), or a segment of them, to parameters (B, P, H, W)."""
        ...


@torch.inference_mode()
def walk(
    model: Walkable,
    source: Source,
    batch: int,
    *,
    size: tuple[int, int] | None = None,
    context: Tensor | None = None,
    temperature: float = 1.0,
    segment: int | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Decides `batch` images pixel by pixel: levels (B, C, H, W), int64.

    `segment` is how many pixels of each image are evaluated at once, 1 ... H * W; None takes what is fastest for the
    batch. It never changes the images (in float32: except after a decision within 1e-4 of a tie).
    `progress` is called with (pixels decided, pixels), of the image that is behind.
    """
    cache = model.start(batch, size=size, context=context)
    shape = (cache.channels, cache.height, cache.width)
    decisions = source.start(model.head, batch, shape, cache.canvas.device)
    cache.canvas.copy_(decisions.guess.view(cache.canvas.shape))
    take_given(model, cache, decisions.given, context)
    result = cache.canvas.clone()
    images = torch.arange(batch, device=result.device)  # those still walked over
    reached = cache.position  # the pixels from here on were never evaluated
    right = 1.0  # the share of guesses that are right, lately
    while cache.least < cache.pixels:
        wanted = segment or min(default_segment(cache.batch), worthwhile_segment(right))
        length = min(wanted, cache.pixels - cache.least, cache.longest)
        positions = cache.segment(length)
        guesses = guess(cache, decisions, images, positions, reached)
        reached = torch.maximum(reached, positions[:, -1] + 1)
        distribution = model.head.distribution(model(guesses, cache, cache.context), temperature)
        levels = decisions.decide(images, positions, distribution)
        agreed = (levels == guesses).all(1)[:, 0]
        if segment is None:
            right = 0.8 * right + 0.2 * agreed.float().mean().item()
        cache.commit(levels, count_right(agreed, positions < cache.position[:, None]))
        if progress is not None:
            progress(cache.least, cache.pixels)
        if cache.most == cache.pixels:
            result[images] = cache.canvas
            left = (cache.position < cache.pixels).nonzero()[:, 0]
            if 0 < len(left) <= cache.batch * KEEP:
                order = cache.keep(left)
                images, reached = images[order], reached[order]
    return result


KEEP = 7 / 8
"""A batch goes on without its finished images once no more than this share of it is left: moving the others costs."""


def default_segment(batch: int) -> int:
    """The fastest segment: what a call costs beside its arithmetic dominates a small batch, arithmetic a large one.

    Measured with trained models of binary digits on 2 processor cores (benchmarks/sampling.py): 56 pixels for one
    image, 14 to 28 for 16, 7 to 14 for 64.
    """
    return max(1, round(56 * batch**-0.45))


def worthwhile_segment(right: float) -> int:
    """The longest segment whose last pixels may still be kept, where that share of guesses is right.

    Binary digits (0.9 and more) leave the choice to `default_segment`. Pixels of 256 levels and three channels are
    hardly ever guessed, and each is a call of its own: for one image, products of a matrix and a vector, three times as
    fast as those of a matrix and two.
    """
    return 1 if right < 0.5 else round(8 / max(1 - right, 1e-3) - 7)


def take_given(model: Walkable, cache: Cache, given: int, context: Tensor | None, at_once: int = 512) -> None:
    """Lets the layers see the `given` first pixels, whose levels are on the canvas."""
    while cache.least < given:
        levels = cache.levels(min(at_once, given - cache.least, cache.longest))
        model(levels, cache, context)
        cache.commit(levels)


def guess(cache: Cache, decisions: Decisions, images: Tensor, positions: Tensor, reached: Tensor) -> Tensor:
    """Levels (B, C, 1, n) for a segment: the last evaluation, and for pixels from `reached` (B,) on a first guess."""
    length = positions.shape[1]
    above, inside = cache.pixels_at(((-1, 0),), length)  # (B, n, 1, C)
    above = torch.where(inside, above, 0)[:, :, 0].transpose(1, 2)[:, :, None]
    fresh = (positions >= reached[:, None])[:, None, None]
    return torch.where(fresh, decisions.first_guess(images, positions, above), cache.levels(length))


def count_right(agreed: Tensor, decided: Tensor) -> Tensor:
    """How many undecided pixels of each image may be committed: up to the first that was not guessed, (B,).

    `agreed` (B, n) says which guesses came true. Pixels that were `decided` (B, n) before are right: a segment near
    the end of an image begins with them.
    """
    right = ((agreed | decided).long().cumprod(-1).sum(-1) + 1).clamp(max=agreed.shape[-1])
    return right - decided.sum(-1)
