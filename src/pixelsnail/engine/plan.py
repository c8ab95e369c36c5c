"""How images are drawn, in two parts kept apart: what never changes p(x), and what does."""

import math
from dataclasses import dataclass

from torch import Tensor

from pixelsnail.distributions import CategoricalPixels, Head, PixelDistribution
from pixelsnail.distributions.head import at_least_float32
from pixelsnail.errors import WrongValueError
from pixelsnail.whole import whole


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

    guidance        w: logits are (1 + w) l - w l0, with l of the image's label and l0 without one, so that levels which
                    the label makes likelier become likelier still (Ho & Salimans 2022, arXiv 2207.12598, equation 6);
                    0 is the model's distribution, -1 the one without label
    temperature     then divides logits and multiplies scales; 1 is the model's distribution, at 0 every pixel's
                    likeliest level is certain
    top_k           then leaves so many likeliest levels, of equal ones the lowest; None leaves all
    top_p           then leaves the fewest likeliest levels that hold this share of what is left; None leaves all
    """

    temperature: float = 1.0
    guidance: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def check(self, head: Head) -> None:
        """Raises ValueError for a number that cannot be, and for what is not defined for a head."""
        if not 0 <= self.temperature < math.inf:
            raise WrongValueError(
                f"temperature is {self.temperature!r}; expected a number of at least 0 (1 is the model's distribution, "
                "0 the likeliest level of every pixel)."
            )
        if not -1 <= self.guidance < math.inf:
            raise WrongValueError(
                f"guidance is {self.guidance!r}; expected a number of at least -1 (0 is the model's distribution)."
            )
        if self.top_k is not None:
            whole("top_k", self.top_k, 1)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise WrongValueError(f"top_p is {self.top_p!r}; expected a share above 0 and at most 1.")
        kind = type(head).__name__
        if self.guidance and not head.logits:
            raise WrongValueError(
                f"guidance is {self.guidance!r}, but combines logits of levels, and a {kind} head has none; expected "
                "a model with a Bernoulli or Categorical head, or guidance 0."
            )
        for name, value in (("top_k", self.top_k), ("top_p", self.top_p)):
            if value is not None and kind != "Categorical":
                raise WrongValueError(
                    f"{name} is {value!r}, but chooses among the levels of a Categorical head, and this model has a "
                    f"{kind} head; leave it out (temperature works with every head)."
                )

    def combined(self, parameters: Tensor) -> Tensor:
        """The logits of B images, from those with their labels and then those without, (2 B, P, H, W)."""
        if not self.guidance:
            return parameters
        given, without = at_least_float32(parameters).chunk(2)
        return (1 + self.guidance) * given - self.guidance * without

    def __call__(self, head: Head, parameters: Tensor) -> PixelDistribution:
        """Parameters (B, P, H, W) -> the distributions of all pixels, batch (B, H, W), event (C,).

        With guidance of 2 B images, as `combined` takes them.
        """
        pixels = head.distribution(self.combined(parameters), self.temperature)
        if isinstance(pixels, CategoricalPixels) and (self.top_k is not None or self.top_p is not None):
            return pixels.truncated(self.top_k, self.top_p)
        return pixels


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
