"""Binary pixels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelsnail.distributions.head import CERTAIN, IMPOSSIBLE, PixelDistribution, at_least_float32
from pixelsnail.errors import WrongValueError


class BernoulliPixels(PixelDistribution):
    """Levels 0 and 1, each channel of a pixel independent of the others; from logits (B, H, W, C)."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats, negative: values (B, H, W, C) -> (B, H, W). Finite for any finite logits."""
        return -F.softplus(self.logits * (1 - 2 * value.to(self.logits.dtype))).sum(-1)

    def draw(self, noise: Tensor) -> Tensor:
        """Level 1 where the logit is above the noise, which is logistic."""
        return (self.logits > noise).long()

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws with torch's global random numbers: sample_shape + (B, H, W, C), int64."""
        shape = torch.Size(sample_shape) + self.logits.shape
        return self.draw(torch.rand(shape, dtype=torch.float64, device=self.logits.device).logit())

    def table(self, channel: int, before: Tensor | None = None) -> Tensor:
        """The probabilities (B, H, W, 2) of a channel's levels; `before` changes nothing."""
        logits = self.logits[..., channel]
        return torch.stack([(-logits).sigmoid(), logits.sigmoid()], dim=-1)

    @property
    def mean(self) -> Tensor:
        """The probability of level 1, (B, H, W, C)."""
        return self.logits.sigmoid()

    def entropy(self) -> Tensor:
        """Nats, (B, H, W)."""
        return (F.softplus(self.logits) - self.logits * self.logits.sigmoid()).sum(-1)


@dataclass(frozen=True)
class Bernoulli:
    """The head of binary images: one logit a channel. Ignores the dependence between the channels of a pixel.

    LogisticMixture models channels jointly.
    """

    channels: int
    levels: int = 2

    joint: ClassVar[bool] = False
    logits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.levels != 2:
            raise WrongValueError(
                f"A Bernoulli head has 2 levels, not {self.levels}; use head='Categorical' for codes, "
                "head='LogisticMixture' for images."
            )

    @property
    def size(self) -> int:
        """Parameters per pixel: C."""
        return self.channels

    @property
    def noise_size(self) -> int:
        """Random numbers that decide a pixel: C."""
        return self.channels

    def noise(self, uniforms: Tensor) -> Tensor:
        """Logistic noise: u < sigmoid(z) exactly where logit(u) < z; finite, also at 0."""
        return uniforms.clamp(min=2.0**-54).logit()

    def distribution(self, parameters: Tensor, temperature: float = 1.0) -> BernoulliPixels:
        """(B, C, H, W) -> batch (B, H, W), event (C,)."""
        logits = at_least_float32(parameters).permute(0, 2, 3, 1)
        if temperature < CERTAIN:
            return BernoulliPixels(torch.where(logits > 0, -IMPOSSIBLE, IMPOSSIBLE).to(logits.dtype))
        return BernoulliPixels(logits if temperature == 1 else logits / temperature)
