"""Sequential Monte Carlo as a source of the walk: draws that agree with known pixels which come late.

N particles of an image are drawn side by side. Where a pixel is unknown, each draws it from its own distribution; where
it is known, each keeps it, and its weight is multiplied by how probable it finds it. Weights that have become unequal
are made equal again by resampling: likely particles are copied, unlikely ones dropped (Gordon, Salmond, Smith 1993;
Doucet & Johansen 2009, a tutorial on particle filtering and smoothing). As N grows, weighted particles become draws
from p(unknown | known); the mean of the weights estimates p(known) without bias for every N (Del Moral 2004).
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixelsnail.distributions import Head, PixelDistribution
from pixelsnail.engine import noise
from pixelsnail.engine.sources import Decisions, Drawing, Keeping, standing
from pixelsnail.nn import Cache, Segment


@dataclass
class Particles:
    """`count` particles for each image of x (B, C, H, W), whose `known` pixels (B, 1, H, W) weigh them.

    Image i has the number `images[i]`; the noise of particle p is a function of (seed, that number, p), and resampling
    of (seed, that number). A cache has the particles of an image next to each other: B * count images.
    """

    x: Tensor
    known: Tensor
    count: int
    seed: int
    images: tuple[int, ...]

    def start(self, head: Head, cache: Cache) -> "Weighing":
        """Weighs all particles equally. What it finds is kept as `weighing`."""
        device = cache.canvas.device
        keys = [noise.key(self.seed, image, particle) for image in self.images for particle in range(self.count)]
        known, x = (h.to(device).repeat_interleave(self.count, 0) for h in (self.known, self.x))
        known = known.expand(cache.canvas.shape)
        drawing = Drawing(keys, head, torch.zeros_like(cache.canvas))
        decided = int(known.all(0).all(0).flatten().long().cumprod(0).sum())
        keeping = Keeping(known, torch.where(known, x, drawing.levels), drawing, decided)
        stops = [stops_of(mask) for mask in self.known[:, 0].flatten(1)]
        self.weighing = Weighing(self, keeping, stops)
        return self.weighing


@dataclass
class Weighing:
    """`Particles` at work.

    log_weights   (B * N,), float64: since the last resampling
    log_evidence  (B,), float64: the estimate of log p(known pixels, without the `decided` first ones) up to there
    least         (B,): the smallest effective sample size at a stop
    resampled     (B,): how often particles were resampled
    """

    particles: Particles
    keeping: Keeping
    stops: list[list[int]]
    """Of each image: where a run of known pixels ends. No particle goes on before all others are there."""
    log_weights: Tensor = field(init=False)
    log_evidence: Tensor = field(init=False)
    least: Tensor = field(init=False)
    resampled: Tensor = field(init=False)

    def __post_init__(self) -> None:
        images, device = len(self.stops), self.levels.device
        self.log_weights = torch.zeros(len(self.levels), dtype=torch.float64, device=device)
        self.log_evidence = torch.zeros(images, dtype=torch.float64)
        self.least = torch.full((images,), float(self.particles.count), dtype=torch.float64)
        self.resampled = torch.zeros(images, dtype=torch.long)
        self.next = self._next()

    @property
    def levels(self) -> Tensor:
        """What the canvas holds first."""
        return self.keeping.levels

    @property
    def decided(self) -> int:
        """The first pixels that are known in every image."""
        return self.keeping.decided

    def guess(self, segment: Segment, above: Tensor) -> Tensor:
        """The known levels, and guesses elsewhere."""
        return self.keeping.guess(segment, above)

    def decide(self, segment: Segment, distribution: PixelDistribution, guesses: Tensor) -> tuple[Tensor, Tensor]:
        """Levels as a completion has them, no further than the next stop; what is known and stands, weighs."""
        levels, _ = self.keeping.decide(segment, distribution, guesses)
        slots, undecided = segment.images, segment.undecided()
        left = self.next[slots] - segment.cache.position[segment.members]
        stand = torch.minimum(standing(levels, guesses, segment), left)
        known = self.keeping.known[:, 0].flatten(1)[slots[:, None], segment.positions]
        counted = undecided & (undecided.cumsum(-1) <= stand[:, None]) & known
        nats = distribution.log_prob(levels.permute(0, 2, 3, 1))[:, 0].double()
        self.log_weights[slots] += torch.where(counted, nats, 0.0).sum(-1)
        return levels, stand

    def survivors(self, cache: Cache) -> Tensor | None:
        """Which of a cache's images go on, each as often as it is named; None where all do.

        Images whose particles all stand at their stop go on to the next one. Below an effective sample size of N / 2
        their particles are resampled first.
        """
        count = self.particles.count
        row_of = torch.full_like(self.next, -1)
        row_of[cache.images] = cache.all
        arrived = torch.zeros_like(self.next, dtype=torch.bool)
        arrived[cache.images] = (cache.position == self.next[cache.images]) & (cache.position < cache.pixels)
        index, chosen = cache.all.clone(), False
        for image in arrived.view(-1, count).all(1).nonzero()[:, 0].tolist():
            slots = slice(image * count, (image + 1) * count)
            effective = effective_size(self.log_weights[slots]).item()
            self.least[image] = min(self.least[image].item(), effective)
            if effective < count / 2:
                stop, rows = self.stops[image][0], row_of[slots]
                number = self.particles.images[image]
                u = noise.single(self.particles.seed, number, stop)
                index[rows] = rows[systematic(self.log_weights[slots], count, u)]
                self.log_evidence[image] += _log_mean(self.log_weights[slots])
                self.log_weights[slots], chosen = 0.0, True
                self.resampled[image] += 1
            self.stops[image].pop(0)
        if bool(arrived.any()):
            self.next = self._next()
        return index if chosen else None

    def close(self) -> Tensor:
        """The normalised log weights (B, N) of the finished particles; the evidence is then of all known pixels."""
        weights = self.log_weights.view(-1, self.particles.count).cpu()
        self.log_evidence += _log_mean(weights)
        self.log_weights = torch.zeros_like(self.log_weights)
        return weights - weights.logsumexp(1, keepdim=True)

    def _next(self) -> Tensor:
        """The next stop of each particle."""
        stops = torch.tensor([stops[0] for stops in self.stops], device=self.levels.device)
        return stops.repeat_interleave(self.particles.count)


def stops_of(known: Tensor) -> list[int]:
    """Where runs of known pixels end in a mask (H * W,) in raster order, after the first unknown one; H * W last.

    Within a run nothing is drawn, so that resampling earlier than at its end only loses particles.
    """
    late = known & (~known).cumsum(0).bool()
    ends = late[:-1] & ~known[1:]
    return [*(ends.nonzero()[:, 0] + 1).tolist(), len(known)]


def resample(cache: Cache, decisions: Decisions) -> Tensor | None:
    """Goes on with the particles that survive, each in the place, and with the noise, of the one that it replaces.

    Returns which images of the cache they are; None where nothing was resampled, as for every other source.
    """
    if not isinstance(decisions, Weighing):
        return None
    index = decisions.survivors(cache)
    if index is not None:
        places = cache.images
        cache.take(index)
        cache.images = places
    return index


def effective_size(log_weights: Tensor) -> Tensor:
    """(sum w) ** 2 / sum w ** 2 over the last dimension: N for equal weights, 1 where one has all."""
    return (2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)).exp()


def systematic(log_weights: Tensor, count: int, u: float) -> Tensor:
    """`count` places in log weights (N,), each on average as often as its weight says, from one number u in [0, 1).

    One point in each count-th of the summed weights (Kitagawa 1996): a place is named floor or ceil of its share.
    """
    summed = torch.softmax(log_weights, -1).cumsum(-1)
    points = (torch.arange(count, dtype=summed.dtype, device=summed.device) + u) / count
    return torch.searchsorted(summed, points).clamp(max=len(log_weights) - 1)


def _log_mean(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(-1) - math.log(log_weights.shape[-1])
