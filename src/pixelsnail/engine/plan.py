"""How images are drawn, in two parts kept apart: what never changes p(x), and what does."""

from dataclasses import dataclass

from torch import Tensor

from pixelsnail.distributions import Head, PixelDistribution


@dataclass(frozen=True)
class Plan:
    """What never changes the images of a walk: a plan and a source repeat every call exactly.

    segment     pixels of each image that are evaluated at once, 1 ... H * W; None takes what is fastest for the batch
    leave       finished images leave a batch once no more than this share of it is unfinished: moving the others costs
    batch       images that are walked over at a time
    engine      "eager", "compiled", "naive", or "auto", which takes a compiled program where there is one
    """

    segment: int | None = None
    leave: float = 7 / 8
    batch: int = 64
    engine: str = "auto"

    def length(self, batch: int, right: float) -> int:
        """How many pixels of each of `batch` images are evaluated at once, where that share of guesses is right."""
        return self.segment or min(default_segment(batch), worthwhile_segment(right))


@dataclass(frozen=True)
class Rule:
    """What changes the distribution that images are drawn from: the one way from parameters to a distribution.

    `temperature` divides logits and multiplies scales; 1 is the model's distribution, at 0 every pixel's likeliest
    level is certain.
    """

    temperature: float = 1.0

    def __call__(self, head: Head, parameters: Tensor) -> PixelDistribution:
        """Parameters (B, P, H, W) -> the distributions of all pixels, batch (B, H, W), event (C,)."""
        return head.distribution(parameters, self.temperature)


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
