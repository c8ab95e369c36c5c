"""What a head is: how a model's parameters become a distribution of a pixel."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

CERTAIN = 1e-6
"""Temperatures below it are 0, of which the likeliest level is certain: dividing by them would overflow."""
IMPOSSIBLE = -1e30
"""The log-probability, in nats, of what cannot be: finite, so that no sum with it is NaN."""


class PixelDistribution(Distribution, ABC):
    """The distributions of all pixels: batch (B, H, W), event (C,). Values are channel-last integers of any dtype."""

    arg_constraints = {}  # noqa: RUF012  torch's own convention

    @abstractmethod
    def draw(self, noise: Tensor) -> Tensor:
        """The levels (B, H, W, C), int64, that `noise` (B, H, W, head.noise_size) decides."""

    @abstractmethod
    def table(self, channel: int, before: Tensor | None = None) -> Tensor:
        """The probabilities (B, H, W, L) of a channel's levels given the channels `before` it (B, H, W, channel)."""

    @abstractmethod
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws with torch's global random numbers: sample_shape + (B, H, W, C), int64."""


class Head(Protocol):
    """A small object: how many parameters a pixel takes, and what they mean."""

    joint: ClassVar[bool]
    """Whether it models the dependence between the channels of a pixel."""
    logits: ClassVar[bool]
    """Whether the parameters are logits of levels, whose sums are logits again: guidance combines them."""

    @property
    def size(self) -> int:
        """Parameters per pixel, P."""
        ...

    @property
    def noise_size(self) -> int:
        """Random numbers that decide a pixel."""
        ...

    def noise(self, uniforms: Tensor) -> Tensor:
        """Uniforms in [0, 1), (..., noise_size), float64 -> what `draw` takes, of the same shape."""
        ...

    def distribution(self, parameters: Tensor, temperature: float = 1.0) -> PixelDistribution:
        """(B, P, H, W) -> the distributions of all pixels, batch (B, H, W), event (C,).

        At temperature 0 the likeliest level of every pixel is certain, the lowest of several that are as likely; with
        coupled channels the likeliest of each channel, given those before it.
        """
        ...


def at_least_float32(parameters: Tensor) -> Tensor:
    """Likelihoods are computed in float32 or wider, whatever the network ran in."""
    return parameters.float() if parameters.dtype in (torch.float16, torch.bfloat16) else parameters
