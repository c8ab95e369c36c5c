"""Pixels of any number of levels, without order."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pixelsnail.distributions.head import CERTAIN, IMPOSSIBLE, PixelDistribution, at_least_float32
from pixelsnail.errors import WrongValueError


class CategoricalPixels(PixelDistribution):
    """Levels 0 ... L - 1, each channel of a pixel independent of the others; from logits (B, H, W, C, L)."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape[:-2], logits.shape[-2:-1], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats, negative: values (B, H, W, C) -> (B, H, W). Finite for any finite logits."""
        nats, index = torch.broadcast_tensors(self.logits.log_softmax(-1), value.long()[..., None])
        return nats.gather(-1, index[..., :1])[..., 0].sum(-1)

    def draw(self, noise: Tensor) -> Tensor:
        """The level with the largest sum of logit and noise, which is Gumbel (B, H, W, C * L)."""
        return (self.logits + noise.unflatten(-1, self.logits.shape[-2:])).argmax(-1)

    def truncated(self, top_k: int | None = None, top_p: float | None = None) -> "CategoricalPixels":
        """Another distribution: the likeliest levels of each channel alone, the others impossible.

        `top_k` levels, of equal ones the lowest; of these the fewest likeliest that hold `top_p` of their probability.
        """
        order = self.logits.argsort(stable=True, dim=-1, descending=True)
        logits = self.logits.gather(-1, order)
        kept = torch.arange(logits.shape[-1], device=logits.device) < (top_k or logits.shape[-1])
        if top_p is not None:
            shares = torch.where(kept, logits, IMPOSSIBLE).softmax(-1)
            kept = kept & (shares.cumsum(-1) - shares < top_p)
        kept = torch.zeros_like(self.logits, dtype=torch.bool).scatter(-1, order, kept.expand_as(order))
        return CategoricalPixels(torch.where(kept, self.logits, IMPOSSIBLE))

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws with torch's global random numbers: sample_shape + (B, H, W, C), int64."""
        shape = torch.Size(sample_shape) + self.logits.shape
        return self.draw(gumbel(torch.rand(shape, dtype=torch.float64, device=self.logits.device)).flatten(-2))

    def table(self, channel: int, before: Tensor | None = None) -> Tensor:
        """The probabilities (B, H, W, L) of a channel's levels; `before` changes nothing."""
        return self.logits[..., channel, :].softmax(-1)

    @property
    def mean(self) -> Tensor:
        """The mean level, (B, H, W, C)."""
        levels = torch.arange(self.logits.shape[-1], device=self.logits.device, dtype=self.logits.dtype)
        return (self.logits.softmax(-1) * levels).sum(-1)

    def entropy(self) -> Tensor:
        """Nats, (B, H, W)."""
        logs = self.logits.log_softmax(-1)
        return -(logs.exp() * logs).sum((-2, -1))


def gumbel(uniforms: Tensor) -> Tensor:
    """Standard Gumbel numbers, all finite, from uniforms in [0, 1), float64: their tail reaches probabilities of 1e-16.

    Uniforms are multiples of 2 ** -53, and 0 stands for all numbers up to the next: the middle is taken.
    """
    return -(-uniforms.clamp(min=2.0**-54).log()).log()


@dataclass(frozen=True)
class Categorical:
    """The head of code maps: L logits a channel, channel-major.

    With C > 1 it takes the channels of a pixel for independent; LogisticMixture models them jointly.
    """

    channels: int
    levels: int

    joint: ClassVar[bool] = False
    logits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise WrongValueError(f"A Categorical head needs at least 2 levels, not {self.levels}.")

    @property
    def size(self) -> int:
        """Parameters per pixel: C * L."""
        return self.channels * self.levels

    @property
    def noise_size(self) -> int:
        """Random numbers that decide a pixel: C * L."""
        return self.channels * self.levels

    def noise(self, uniforms: Tensor) -> Tensor:
        """Gumbel noise: the largest of logit + noise is a draw from the softmax (Gumbel-max)."""
        return gumbel(uniforms)

    def distribution(self, parameters: Tensor, temperature: float = 1.0) -> CategoricalPixels:
        """(B, C * L, H, W) -> batch (B, H, W), event (C,)."""
        logits = at_least_float32(parameters).permute(0, 2, 3, 1).unflatten(-1, (self.channels, self.levels))
        if temperature < CERTAIN:
            likeliest = logits.argmax(-1, keepdim=True)
            return CategoricalPixels(torch.full_like(logits, IMPOSSIBLE).scatter(-1, likeliest, 0.0))
        return CategoricalPixels(logits if temperature == 1 else logits / temperature)
