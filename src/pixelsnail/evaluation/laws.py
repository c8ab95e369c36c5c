"""The laws of a model, tried on a tiny image: what everything here relies on, and `forward` alone decides."""

import copy
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelsnail.engine.agreement import disagreement
from pixelsnail.errors import UserError, WrongTypeError, reason
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images

SIZES = ((4, 5), (4, 4), (8, 8))
"""Sizes that are tried for all laws but one: the first that the model allows, else its own."""
LISTED = 2**12
"""Images up to which all are listed, to sum their probabilities."""
PIXELS = 64
"""Pixels of an image of which each is changed; of a larger image so many, spread over it."""
ROUNDING = 1e-8
"""The difference of two computations in float64, relative to the largest number, that is rounding."""


@dataclass(frozen=True)
class Laws:
    """What was found of each law: None where it holds, else where it fails, in words.

    causal      a pixel's parameters depend on earlier pixels in raster order alone
    sums        the probabilities of all images sum to one
    segments    a segment's parameters are those of the whole image
    draws       every engine draws the image that the naive one does, a forward pass for each pixel

    `left_out` says why a law was not tried.
    """

    causal: str | None
    sums: str | None
    segments: str | None
    draws: str | None
    left_out: tuple[str, ...] = ()

    @property
    def hold(self) -> bool:
        """Whether nothing failed."""
        return not any((self.causal, self.sums, self.segments, self.draws))

    def __str__(self) -> str:
        lines = [
            f"{law:9} {'holds' if found is None else 'FAILS: ' + found}"
            for law, found in (
                ("causal", self.causal),
                ("sums", self.sums),
                ("segments", self.segments),
                ("draws", self.draws),
            )
        ]
        return "\n".join([*lines, *(f"{'':9} {text}" for text in self.left_out)])


def check(model: Model, *, seed: int = 0) -> Laws:
    """Tries the laws on a model of one's own, and says which fail and where: `print(pixelsnail.check(model))`.

    On images of 4 x 5 pixels where the model allows that size, in float64, on a copy whose weights are moved a little
    at random, since zeros obey any law. Raises TypeError for what is no `pixelsnail.Model`.
    """
    if not isinstance(model, Model):
        raise WrongTypeError(f"model is a {type(model).__name__}; expected a subclass of pixelsnail.Model.")
    generator = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(model).cpu().double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            spread = weight.std(correction=0).clamp(min=0.1)
            weight.add_(0.3 * spread * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    size = next((size for size in SIZES if _allows(model, size)), model.shape[1:])
    left_out: list[str] = []
    found: dict[str, str | None] = {}
    for law, test in (("causal", _causal), ("segments", _segments), ("draws", _draws)):
        with _failing(law, found):
            found[law] = test(model, size, generator)
    with _failing("sums", found):
        found["sums"] = _sums(model, left_out)
    return Laws(**found, left_out=tuple(left_out))


@contextmanager
def _failing(law: str, found: dict[str, str | None]) -> Iterator[None]:
    """What a stranger's layers raise is a law that fails."""
    try:
        yield
    except UserError as error:
        found[law] = str(error).rstrip(".")
    except Exception as error:
        found[law] = f"{type(error).__name__}: {reason(error)}"


def _allows(model: Model, size: tuple[int, int]) -> bool:
    try:
        model.check_size(*size)
    except ValueError:
        return False
    return True


@torch.inference_mode()
def _causal(model: Model, size: tuple[int, int], generator: torch.Generator) -> str | None:
    pixels, width = size[0] * size[1], size[1]
    x = _levels(model, 1, size, generator)
    context = model.condition.example(1, size)
    moved = range(0, pixels, max(1, pixels // PIXELS))
    before = model(x, context=context).flatten(2)[0]  # (P, H * W)
    scale = max(1.0, before.abs().max().item())
    for u in moved:
        for channel in range(model.shape[0]):
            other = x.clone()
            other.flatten(2)[0, channel, u] = (other.flatten(2)[0, channel, u] + 1) % model.levels
            change = (model(other, context=context).flatten(2)[0] - before).abs().amax(0)
            early = (change[: u + 1] > ROUNDING * scale).nonzero()
            if len(early):
                t = int(early[0])
                which = "that pixel itself" if t == u else f"the later pixel {u // width},{u % width}"
                return f"the parameters of pixel {t // width},{t % width} change with {which}"
    return None


def _sums(model: Model, left_out: list[str]) -> str | None:
    listed = [
        size
        for size in ((2, 3), (3, 2), (2, 2), (1, 3), (1, 2), (4, 4), model.shape[1:])
        if _allows(model, size) and model.levels ** (model.shape[0] * math.prod(size)) <= LISTED
    ]
    if not listed:
        left_out.append(f"sums was not tried: more than {LISTED} images have the smallest size of the model.")
        return None
    (height, width), places = listed[0], model.shape[0] * math.prod(listed[0])
    images = torch.tensor(list(itertools.product(range(model.levels), repeat=places)))
    images = images.view(-1, model.shape[0], height, width)
    context = model.condition.example(1, (height, width))
    with torch.inference_mode():
        nats = torch.cat(
            [model.log_prob(part, of_images(context, torch.zeros(len(part)).long())) for part in images.split(512)]
        )
    total = nats.exp().sum().item()
    if abs(total - 1) < 1e-6:
        return None
    return f"the probabilities of all {len(images):,} images of {height} x {width} pixels sum to {total:.6g}"


def _segments(model: Model, size: tuple[int, int], generator: torch.Generator) -> str | None:
    x, context = _levels(model, 2, size, generator), model.condition.example(2, size)
    for length in (1, 3, size[1]):
        for wrong in (False, True):
            found = disagreement(model, x, context, length, ROUNDING, wrong=wrong)
            if found is not None:
                return found + (", where later pixels were guessed wrong before" if wrong else "")
    return None


def _draws(model: Model, size: tuple[int, int], generator: torch.Generator) -> str | None:
    from pixelsnail.engine import Draw, Plan, naive_walk, walk

    context = model.condition.example(4, size)
    caches = [model.start(4, size=size, context=context) for _ in range(2)]
    naive = naive_walk(model, Draw(1), caches[0], context=context)
    drawn = walk(model, Draw(1), caches[1], Plan())
    differs = (naive != drawn).any(1).flatten(1).nonzero()
    if not len(differs):
        return None
    t = int(differs[:, 1].min())
    return f"the image of the naive engine has another level at pixel {t // size[1]},{t % size[1]}"


def _levels(model: Model, batch: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    return torch.randint(0, model.levels, (batch, model.shape[0], *size), generator=generator)
