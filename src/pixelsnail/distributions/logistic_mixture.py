"""Pixels whose levels have an order and whose channels depend on one another.

Salimans, Karpathy, Chen & Kingma 2017 (arXiv 1701.05517), sections 2.1 and 2.2. A pixel is a mixture of M components;
in component m channel c is a logistic variable, rounded to the L levels, whose mean moves with the channels before it:

    p(x) = sum over m of w_m * prod over c of P_mc(x_c | x_<c)
    P_mc(x) = sigmoid((x + h - mu) / s) - sigmoid((x - h - mu) / s),    mu = m_c + sum over b < c of k_bc * x_b

Levels are scaled, x = 2 * level / (L - 1) - 1, so a bin's half-width h is 1 / (L - 1); the first and the last bin are
open-ended. The mixture is one a pixel, shared by its channels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelsnail.distributions.categorical import gumbel
from pixelsnail.distributions.head import CERTAIN, PixelDistribution, at_least_float32
from pixelsnail.errors import WrongValueError

LEAST_LOG_SCALE = -7.0
"""The original's clamp: no logistic is narrower than this."""

WIDEST_LOG_SCALE = 50.0
"""Of a logistic that lies in the two open-ended bins, as far as float32 can tell; wider ones would overflow."""

CERTAIN_LOG_SCALE = -50.0
"""Of a logistic that lies in one bin, as far as any float can tell."""


def log_masses(level: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """log P(level), in nats, of logistics rounded to `levels` levels. All arguments broadcast.

    With plus, minus = (x - mu +- h) / s and delta = plus - minus, a bin between the edges holds exactly

        sigmoid(plus) - sigmoid(minus) = sigmoid(plus) * sigmoid(-minus) * (1 - exp(-delta)),

    so its logarithm needs no difference of near-equal numbers, no threshold, and no fallback. The original subtracts,
    and where less than 1e-5 is left it puts the density at the bin's centre times the width: its probabilities sum to
    between 1 - 2e-5 and 1. These sum to 1, within 2e-7 in float32 and 3e-14 in float64, as a codec needs and any
    comparison of likelihoods. Both agree at the first and the last level, and nearly so where more than 1e-5 is left.
    """
    last = levels - 1
    level = level.to(mean.dtype)
    half = (-log_scale - math.log(last)).exp()  # h / s
    # In half bins, x / h and the edges beside it are whole numbers. Taken from the mean before anything is scaled, an
    # edge is one number for both its bins: else float32 would lose 1e-5 where bins are wide and scales are small.
    centre = 2 * level - last
    below = F.logsigmoid(torch.sub(centre + 1, mean, alpha=last) * half)  # log of what lies below the upper edge
    above = F.logsigmoid(torch.add(1 - centre, mean, alpha=last) * half)  # and above the lower edge
    inside = (-(-2 * half).expm1()).log()  # delta = 2 h / s: a term of the parameters alone
    # An open-ended bin has no such edge. Zeros do what a selection would, and no unused branch can make a NaN: all
    # three terms are finite.
    not_first, not_last = (level > 0).to(mean.dtype), (level < last).to(mean.dtype)
    return torch.addcmul(not_last * below, not_first, torch.addcmul(above, not_last, inside))


def conditional_mean(channel: int, means: Tensor, coefficients: Tensor, before: Sequence[Tensor]) -> Tensor:
    """m_c + sum over b < c of k_bc * x_b: (..., M, H, W) from the scaled channels `before`, each (..., 1, H, W)."""
    mean = means[..., channel, :, :, :]
    first = channel * (channel - 1) // 2  # the coefficients into channel c follow those into the channels before it
    for b in range(channel):
        mean = torch.addcmul(mean, coefficients[..., first + b, :, :, :], before[b])
    return mean


class LogisticMixturePixels(PixelDistribution):
    """Ordered levels 0 ... L - 1, the channels of a pixel modelled jointly; from

    log_weights (B, M, H, W), normalised; means and log_scales (B, C, M, H, W), of scaled levels; and coefficients
    (B, C (C - 1) / 2, M, H, W), in the order 0 -> 1; 0 -> 2, 1 -> 2; 0 -> 3, ... Pixels are innermost, as in a model's
    parameters: nothing is transposed. Log-scales are at most 50.

    `mean` and `entropy` are not given: with coupled channels they are sums over all L ** C pixels.
    """

    def __init__(
        self, log_weights: Tensor, means: Tensor, log_scales: Tensor, coefficients: Tensor, levels: int
    ) -> None:
        self.log_weights = log_weights
        self.means = means
        self.log_scales = log_scales
        self.coefficients = coefficients
        self.levels = levels
        batch, channels, _, height, width = means.shape
        super().__init__(torch.Size((batch, height, width)), torch.Size((channels,)), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats, negative: values (B, H, W, C) -> (B, H, W). Finite for any parameters within +-1e4."""
        level = value.movedim(-1, -3)[..., None, :, :]  # (B, C, 1, H, W)
        nats = log_masses(level, self._conditional_means(level[..., :-1, :, :, :]), self.log_scales, self.levels)
        return (self.log_weights + nats.sum(-4)).logsumexp(-3)

    def draw(self, noise: Tensor) -> Tensor:
        """A component, by M Gumbel numbers, then each channel in order, by a logistic number, from (B, H, W, M + C).

        Every channel is rounded before the next one sees it, so that draws follow `log_prob` exactly.
        """
        channels, mixtures = self.means.shape[-4:-2]
        gumbels, logistics = noise.movedim(-1, -3).split([mixtures, channels], dim=-3)
        component = (self.log_weights + gumbels).argmax(-3, keepdim=True)[..., None, :, :, :]
        means, log_scales, coefficients = (
            torch.take_along_dim(h.expand(*component.shape[:-4], *h.shape[-4:]), component, -3)
            for h in (self.means, self.log_scales, self.coefficients)
        )  # (B, C, 1, H, W)
        offsets = log_scales.exp() * logistics[..., None, :, :]
        last = self.levels - 1
        levels: list[Tensor] = []
        before: list[Tensor] = []
        for channel in range(channels):
            y = conditional_mean(channel, means, coefficients, before) + offsets[..., channel, :, :, :]
            levels.append(((y + 1) * (last / 2)).round().clamp(0, last))
            before.append(self._scaled(levels[-1]))
        return torch.cat(levels, dim=-3).long().movedim(-3, -1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws with torch's global random numbers: sample_shape + (B, H, W, C), int64."""
        channels, mixtures = self.means.shape[-4:-2]
        shape = (*sample_shape, *self.batch_shape, mixtures + channels)
        return self.draw(
            gumbel_and_logistic(torch.rand(shape, dtype=torch.float64, device=self.means.device), mixtures)
        )

    def table(self, channel: int, before: Tensor | None = None) -> Tensor:
        """The probabilities (B, H, W, L) of a channel's levels given the channels `before` it (B, H, W, channel).

        The channels share the component, so those before also say which one it is likely to be: its weight becomes
        w_m * prod over b < c of P_mb(x_b | x_<b), normalised. Raises ValueError when `before` has other channels.
        """
        known = 0 if before is None else before.shape[-1]
        if known != channel:
            raise WrongValueError(
                f"before holds {known} channels; the table of channel {channel} needs the {channel} before it."
            )
        levels = self.means[:, :0, :1] if before is None else before.movedim(-1, -3)[..., None, :, :]
        means = self._conditional_means(levels)  # (B, channel + 1, M, H, W)
        log_scales = self.log_scales[..., : channel + 1, :, :, :]
        earlier = log_masses(levels, means[..., :-1, :, :, :], log_scales[..., :-1, :, :, :], self.levels)
        weights = (self.log_weights + earlier.sum(-4)).softmax(-3)
        every = torch.arange(self.levels, device=weights.device)[:, None, None, None]
        masses = log_masses(every, means[..., -1:, :, :, :], log_scales[..., -1:, :, :, :], self.levels).exp()
        return (masses * weights[..., None, :, :, :]).sum(-3).movedim(-3, -1)  # (B, L, M, H, W), summed over M

    def certain(self) -> "LogisticMixturePixels":
        """The mixture's likeliest levels, those of each channel given the channels before it, with certainty."""
        levels = torch.zeros(*self.batch_shape, 0, dtype=torch.long, device=self.means.device)
        for channel in range(self.means.shape[-4]):
            likeliest = self.table(channel, levels if channel else None).argmax(-1, keepdim=True)
            levels = torch.cat([levels, likeliest], dim=-1)
        means = self._scaled(levels.movedim(-1, 1).to(self.means.dtype))[:, :, None].expand_as(self.means)
        return LogisticMixturePixels(  # of as many components, all alike: as many random numbers decide a pixel
            torch.zeros_like(self.log_weights).log_softmax(1),
            means,
            torch.full_like(self.log_scales, CERTAIN_LOG_SCALE),
            torch.zeros_like(self.coefficients),
            self.levels,
        )

    def _conditional_means(self, before: Tensor) -> Tensor:
        """(..., c + 1, M, H, W): the means of channels 0 ... c given the levels (..., c, 1, H, W) of the first c."""
        x = self._scaled(before.to(self.means.dtype)).unbind(-4)
        means = [conditional_mean(channel, self.means, self.coefficients, x) for channel in range(len(x) + 1)]
        return torch.stack(torch.broadcast_tensors(*means), dim=-4)

    def _scaled(self, level: Tensor) -> Tensor:
        return (2 * level - (self.levels - 1)) / (self.levels - 1)


def gumbel_and_logistic(uniforms: Tensor, mixtures: int) -> Tensor:
    """M Gumbel numbers, then logistic ones, all finite, from uniforms (..., M + C) in [0, 1), float64.

    Uniforms are multiples of 2 ** -53, and 0 stands for all numbers up to the next: the middle is taken.
    """
    choice, place = uniforms.clamp(min=2.0**-54).tensor_split([mixtures], dim=-1)
    return torch.cat([gumbel(choice), place.logit()], dim=-1)


@dataclass(frozen=True)
class LogisticMixture:
    """The head of images: C channels jointly, L ordered levels, M logistics a pixel. For codes use Categorical.

    Parameters, in groups of M: the logits of the weights; then for each channel its means, its log-scales (at least
    -7), and its share of the raw coefficients k = tanh(raw). The coefficients 0 -> 1; 0 -> 2, 1 -> 2; 0 -> 3, ... are
    dealt to the channels like cards: number p lies in the block of channel p mod C. With C = 3 that is the original's
    layout: R's block holds R -> G, G's R -> B, B's G -> B.
    """

    channels: int
    levels: int
    mixtures: int = 10

    joint: ClassVar[bool] = True
    logits: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise WrongValueError(f"A LogisticMixture head needs at least 2 levels, not {self.levels}.")
        if self.mixtures < 1:
            raise WrongValueError(f"A LogisticMixture head needs at least 1 mixture component, not {self.mixtures}.")

    @property
    def size(self) -> int:
        """Parameters per pixel: M (1 + 2 C + C (C - 1) / 2); 10 M for 3 channels."""
        return self.mixtures * sum(self._groups)

    @property
    def noise_size(self) -> int:
        """Random numbers that decide a pixel: M + C."""
        return self.mixtures + self.channels

    def noise(self, uniforms: Tensor) -> Tensor:
        """Gumbel numbers for the component (Gumbel-max), logistic numbers for the channels; finite, also at 0."""
        return gumbel_and_logistic(uniforms, self.mixtures)

    def distribution(self, parameters: Tensor, temperature: float = 1.0) -> LogisticMixturePixels:
        """(B, P, H, W) -> batch (B, H, W), event (C,).

        A temperature divides the logits and multiplies every scale, so that low ones tend to the mean of the likeliest
        component. At 0 the likeliest level is certain, which another component, or several together, may have.
        """
        groups = at_least_float32(parameters).unflatten(1, (-1, self.mixtures)).unbind(1)
        sorted_groups = torch.stack([groups[place] for place in self._places], dim=1)  # (B, P / M, M, H, W)
        logits, means, log_scales, raw = sorted_groups.split(self._groups, dim=1)
        log_scales = log_scales.clamp(LEAST_LOG_SCALE, WIDEST_LOG_SCALE)
        logits = logits[:, 0]
        if temperature != 1 and temperature >= CERTAIN:
            logits = logits / temperature
            log_scales = (log_scales + math.log(temperature)).clamp(max=WIDEST_LOG_SCALE)
        pixels = LogisticMixturePixels(logits.log_softmax(1), means, log_scales, raw.tanh(), self.levels)
        return pixels.certain() if temperature < CERTAIN else pixels

    @property
    def _groups(self) -> list[int]:
        """How many groups of M are logits, means, log-scales, coefficients."""
        return [1, self.channels, self.channels, self.channels * (self.channels - 1) // 2]

    @property
    def _places(self) -> list[int]:
        """Where the parameters hold each group, in the order of `_groups`."""
        kinds = [(0, 0)]
        for channel in range(self.channels):
            dealt = range(channel, self._groups[-1], self.channels)
            kinds += [(1, channel), (2, channel), *((3, number) for number in dealt)]
        return sorted(range(len(kinds)), key=kinds.__getitem__)
