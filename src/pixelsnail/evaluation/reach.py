"""What a model sees: its receptive fields for any weights, for initial ones and for the trained ones, in a figure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from pixelsnail import pictures
from pixelsnail.engine import Progress
from pixelsnail.evaluation.receptive_field import Pixel, ReceptiveField, connectivity, fresh, receptive_field
from pixelsnail.models import Model
from pixelsnail.nn import Context

ROWS = ("connectivity", "at initialisation", "after training")


@dataclass(frozen=True, eq=False)
class Reach:
    """The receptive fields of one model at one pixel.

    model           the model's class, by name
    connectivity    (H, W), boolean: the pixels that can matter for some weights
    initial         the field with initial weights
    trained         the field with the model's own; None where they are not trained
    """

    model: str
    connectivity: Tensor
    initial: ReceptiveField
    trained: ReceptiveField | None

    @property
    def reached(self) -> int:
        """How many earlier pixels can matter."""
        return int(self.connectivity.sum())

    def as_dict(self, threshold: float = 0.01) -> dict[str, Any]:
        """All numbers, for JSON; None where there is no trained model, and where nothing has any influence."""
        earlier = self.initial.earlier
        return {
            "model": self.model,
            "pixel": list(self.initial.pixel),
            "images": self.initial.images,
            "earlier_pixels": earlier,
            "can_matter_pixels": self.reached,
            "cannot_matter_pixels": earlier - self.reached,
            "initial": _numbers(self.initial, threshold),
            "trained": None if self.trained is None else _numbers(self.trained, threshold),
        }


def reach(
    model: Model,
    x: Tensor,
    pixel: Pixel | None = None,
    *,
    trained: bool = True,
    context: Context | None = None,
    seed: int = 0,
    batch: int = 4,
    progress: Progress | None = None,
) -> Reach:
    """Measures the three receptive fields over images x, levels (B, C, H, W); only the first two of an untrained model.

    `seed` is that of the initial weights and of the signs in `receptive_field`, whose other arguments and errors these
    are. `progress` is called with (images done, images in all) over all fields.
    """
    fields: list[ReceptiveField] = []
    models = [fresh(model, x, seed=seed, context=context), *([model] if trained else [])]
    for place, one in enumerate(models):
        tell = None if progress is None else partial(_tell, progress, place * len(x), len(models) * len(x))
        fields.append(receptive_field(one, x, pixel, context=context, seed=seed, batch=batch, progress=tell))
    seen = connectivity(model, fields[0].pixel, size=(x.shape[2], x.shape[3]))
    return Reach(type(model).__name__, seen, fields[0], fields[1] if trained else None)


def draw_reach(found: Mapping[str, Reach], path: str | Path, threshold: float = 0.01) -> None:
    """Writes a figure, PNG or SVG: a column a model under its name; a row of trained ones only where there is one."""
    rows = ROWS if any(one.trained for one in found.values()) else ROWS[:2]
    columns: dict[str, list[pictures.CausalMap | None]] = {}
    for name, one in found.items():
        caption = f"{one.reached} of {one.initial.earlier} pixels"
        column: list[pictures.CausalMap | None] = [pictures.CausalMap(one.connectivity, one.initial.pixel, caption)]
        for field in (one.initial, one.trained)[: len(rows) - 1]:
            column.append(None if field is None else _drawn(field, threshold))
        columns[name if name == one.model else f"{name}\n{one.model}"] = column
    pictures.causal_maps(columns, path, rows, "|gradient| / its maximum")


def _drawn(field: ReceptiveField, threshold: float) -> pictures.CausalMap:
    share, distance = field.words(threshold)
    return pictures.CausalMap(field.relative, field.pixel, f"{share} above {threshold:g},\nhalf within {distance}")


def _numbers(field: ReceptiveField, threshold: float) -> dict[str, float | None]:
    half = None if math.isnan(field.half_distance) else field.half_distance
    return {"share_above_threshold": field.share(threshold), "half_distance_pixels": half}


def _tell(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)
