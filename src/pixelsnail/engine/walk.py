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

    def start(
        self, batch: int, *, size: tuple[int, int] | None = None, context: Tensor | None = None
    ) -> Cache: ...

    def __call__(self, x: Tensor, cache: Cache | None = None, context: Tensor | None = None) -> Tensor: ...


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

    `segment` is how many pixels are evaluated at once: 1 ... W, or a multiple of W for whole rows. None takes what is
    fastest for the batch. It never changes the images (in float32: except after a decision within 1e-4 of a tie).
    `progress` is called with (pixels decided, pixels).
    """
    cache = model.start(batch, size=size, context=context)
    shape = (cache.channels, cache.height, cache.width)
    decisions = source.start(model.head, batch, shape, cache.canvas.device)
    cache.canvas.copy_(decisions.guess.view(cache.canvas.shape))
    take_given(model, cache, decisions.given, context)
    length = default_segment(batch, cache.width) if segment is None else segment
    while cache.position < cache.pixels:
        advance(model, cache, decisions, length, context, temperature)
        if progress is not None:
            progress(cache.position, cache.pixels)
    return cache.canvas


def default_segment(batch: int, width: int) -> int:
    """The fastest segment: overhead dominates a small batch, arithmetic a large one, which shares one position."""
    return 2 * width if batch <= 4 else 1


def take_given(model: Walkable, cache: Cache, given: int, context: Tensor | None, rows_at_once: int = 16) -> None:
    """Lets the layers see the whole rows among the `given` first pixels, whose levels are on the canvas."""
    whole_rows = given // cache.width
    for row in range(0, whole_rows, rows_at_once):
        rows = cache.canvas[:, :, row : min(row + rows_at_once, whole_rows)].clone()
        model(rows, cache, context)
        cache.commit(rows)


def advance(
    model: Walkable, cache: Cache, decisions: Decisions, length: int, context: Tensor | None, temperature: float
) -> None:
    """Evaluates the next segment and commits the decisions in it that are right in every image, at least one."""
    row, column = divmod(cache.position, cache.width)
    if length < cache.width:
        rows, first, last = 1, column, min(column + length, cache.width)
    else:
        rows, first, last = min(length // cache.width, cache.height - row), 0, cache.width
    if last - first == cache.width:
        first = 0
    guesses = cache.canvas[:, :, row : row + rows, first:last].clone()
    parameters = model(guesses, cache, context)  # (B, P, k, w)
    skip = column - first
    parameters = parameters.flatten(2)[:, :, None, skip:]  # (B, P, 1, n): from the first undecided pixel
    levels = decisions.decide(cache.position, model.head.distribution(parameters, temperature))
    agreed = (levels == guesses.flatten(2)[..., skip:]).all(1).all(0)
    right = min(int(agreed.long().cumprod(0).sum()) + 1, levels.shape[-1]) if levels.shape[-1] > 1 else 1
    cache.commit(levels[..., None, :right])
    flat = cache.canvas.flatten(2)
    flat[..., cache.position : cache.position + levels.shape[-1] - right] = levels[..., right:]
