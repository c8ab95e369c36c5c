"""Images into streams and back, in the two numerics: how encoder and decoder come to the same tables.

portable   Both compute in float64, however they like: the encoder whole images at once, the decoder in a walk. Their
           tables are rounded to a grid, and the encoder lists every symbol whose table another evaluation might round
           otherwise (`grid`). It takes the bound on that from the model itself: computed in float32 too, which rounds
           2 ** 29 times as coarsely, probabilities differ by some amount; `MARGIN` times what that is in float64 is
           what two machines may differ by. The bound is the encoder's alone: a decoder follows the list.
fast       Both make the same calls, in float32, in the same order on the same machine: the encoder is a walk too.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelsnail.codec import grid
from pixelsnail.codec.range_coder import Reader, Writer, weights
from pixelsnail.codec.source import Array, Coding, Pen, Reading, Shifts, Telling, Writing
from pixelsnail.distributions import PixelDistribution
from pixelsnail.engine import Engine, Plan, Progress, Rule
from pixelsnail.engine.agreement import agreed
from pixelsnail.errors import StoppedError
from pixelsnail.models import Model
from pixelsnail.nn import Context

MARGIN = 2.0**9
"""How many times the float64 error that was seen is allowed for."""
LEAST_ERROR = 2.0**-40
"""Of a probability, whatever was seen: a thousand times what adding up 512 levels does."""
AT_ONCE = 2**22
"""Probabilities in memory at a time."""


def in_floats(model: Model, dtype: torch.dtype) -> Model:
    """The model computed in `dtype`, in evaluation mode; the model itself stays as it is."""
    return copy.deepcopy(model).to(dtype).eval()


@dataclass(frozen=True)
class Portable:
    """The encoder that computes whole images: the model in float64 and, for the bound, in float32."""

    model: Model
    narrow: Model

    def encode(
        self, x: Tensor, context: Context | None, writers: Sequence[Writer], progress: Progress | None
    ) -> list[Shifts]:
        """Writes images x (B, C, H, W), each with its writer; what must be listed of each."""
        channels, width = x.shape[1], x.shape[3]
        found: list[dict[int, int]] = [{} for _ in x]
        with torch.inference_mode():
            parameters, rough = (model(x, context=context) for model in (self.model, self.narrow))
        rows = max(1, AT_ONCE // (len(x) * width * channels * self.model.levels))
        for first in range(0, x.shape[2], rows):
            band = slice(first, first + rows)
            levels = x[:, :, band].permute(0, 2, 3, 1)  # (B, h, W, C)
            scaled, other = (_scaled(self.model, h[:, :, band], levels) for h in (parameters, rough))
            coded = levels.flatten().cpu().numpy().astype(np.int64)
            edges = grid.beside(scaled, coded)
            shifts = grid.safe_shifts(edges, bound(self.model.levels, edges - grid.beside(other, coded)))
            tables = weights(grid.counts(scaled, grid.SHIFTS[shifts])).reshape(len(x), -1, self.model.levels)
            for writer, own, rest in zip(writers, coded.reshape(len(x), -1), tables, strict=True):
                writer.write(own, rest)
            for place in np.flatnonzero(shifts).tolist():
                image, symbol = divmod(place, levels[0].numel())
                found[image][first * width * channels + symbol] = int(shifts[place])
            if progress is not None:
                progress(min(first + rows, x.shape[2]), x.shape[2])
        return list(found)


def _scaled(model: Model, parameters: Tensor, levels: Tensor) -> Array:
    """v of every table of images, in the order of symbols: (B * h * W * C, L), from levels (B, h, W, C)."""
    with torch.inference_mode():
        distribution: PixelDistribution = model.head.distribution(parameters)
        channels = range(levels.shape[-1])
        tables = [distribution.table(c, levels[..., :c] if c else None) for c in channels]
        probabilities = torch.stack(tables, dim=-2).flatten(0, 3).double().cpu().numpy()
    return grid.scaled(probabilities)


def bound(levels: int, differences: Array) -> float:
    """How far v may lie apart in two float64 evaluations, from how far it does in float64 and float32.

    Raises RuntimeError where that is too far.
    """
    seen = float(np.abs(differences).max())
    found = max(LEAST_ERROR * 2 ** grid.bits(levels), MARGIN * 2.0**-29 * seen)
    if found > grid.LARGEST_BOUND:
        raise StoppedError(
            f"In float32 and float64 this model's probabilities differ by {seen / 2 ** grid.bits(levels):.2g}, too "
            "much to be sure of them on another processor; compress with numerics='fast'."
        )
    return found


@dataclass(frozen=True)
class Walks:
    """A model, in the floats that it computes in, whose walks code images."""

    model: Model
    batch: int

    def plan(self, size: tuple[int, int], context: Context | None) -> Plan:
        """Coupled channels are coded a pixel at a time: the table of one depends on the levels of those before it."""
        joint = self.model.head.joint and self.model.shape[0] > 1
        plan = Plan(segment=1 if joint else None, batch=self.batch, engine="eager")
        return agreed(self.model, plan, size, 1, context)

    def walk(self, source: Coding, size: tuple[int, int], context: Context | None, progress: Progress | None) -> Tensor:
        """The levels of the source's images: (B, C, H, W), int64."""
        count = len(source.pens)
        with torch.inference_mode():
            engine = Engine(self.model, self.plan(size, context), size)
            return engine.decide(source, count, 0, context, Rule(), progress)

    def encode(
        self, x: Tensor, context: Context | None, writers: Sequence[Writer], progress: Progress | None
    ) -> list[Shifts]:
        """Writes images x (B, C, H, W), each with its writer, by the calls that decode them; nothing is listed."""
        pens = [Writing(symbols(image), writer) for image, writer in zip(x, writers, strict=True)]
        self.walk(Coding(pens), (x.shape[2], x.shape[3]), context, progress)
        return [{} for _ in x]

    def decode(
        self,
        readers: Sequence[Reader | Array],
        listed: Sequence[Shifts],
        size: tuple[int, int],
        context: Context | None,
        progress: Progress | None,
    ) -> Tensor:
        """Images (B, C, H, W), each by its reader; in the place of one may be the levels of an image that is known.

        Raises ValueError for a damaged stream.
        """
        pens: list[Pen] = [Reading(r) if isinstance(r, Reader) else Telling(r) for r in readers]
        return self.walk(Coding(pens, listed), size, context, progress)


def symbols(image: Tensor) -> Array:
    """The levels of an image (C, H, W) in the order that they are coded in: pixel by pixel, then by channel."""
    return np.asarray(image.permute(1, 2, 0).flatten().cpu().numpy().astype(np.int64))


def image_of(symbols: Array, shape: tuple[int, int, int]) -> Tensor:
    """The image (C, H, W), int64, of levels in that order."""
    channels, height, width = shape
    return torch.from_numpy(symbols.reshape(height, width, channels)).permute(2, 0, 1).contiguous()
