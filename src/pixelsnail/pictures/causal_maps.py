"""Maps over the pixels before one: receptive fields and attention, on one logarithmic scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.grey import check_picture, colours
from pixelsnail.pictures.panels import LATER, TARGET, Panel, Scale, draw
from pixelsnail.pictures.png import check_suffix

SUPPORTED = (".png", ".svg")
LOWEST = 1e-4
"""Where the colour bar begins; what is less has its lowest colour."""
SEEN, BLIND = "#56B4E9", "#FFFFFF"
"""Okabe and Ito's sky blue for what can matter."""


@dataclass(frozen=True, eq=False)
class CausalMap:
    """A map (H, W) over the pixels before `pixel` (row, column), and a few words below it.

    Boolean values tell what can matter, floats are on the colour bar's scale, 0 ... 1. With `levels` they are an image
    instead, (C, H, W), which is shown whole.
    """

    values: Tensor
    pixel: tuple[int, int]
    caption: str = ""
    levels: int | None = None

    def panel(self, scale: Scale, title: str) -> Panel:
        """As a picture."""
        if self.levels is not None:
            image = colours(self.values, self.levels)
            return Panel(image, None, title, self.caption, self.pixel, covered=False)
        values = self.values.detach().cpu()
        if not values.is_floating_point():
            both = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (BLIND, SEEN)], np.uint8)
            return Panel(both[values.long().numpy()], None, title, self.caption, self.pixel)
        return Panel(values.double().numpy().clip(LOWEST, 1.0), scale, title, self.caption, self.pixel)


def causal_maps(
    columns: Mapping[str, Sequence[CausalMap | None]], path: str | Path, rows: Sequence[str], label: str
) -> None:
    """Writes a figure of maps, heading -> one for each of `rows` or None, as PNG or SVG by the suffix of `path`.

    All maps of floats share one logarithmic colour bar, 1e-4 ... 1, whose meaning is `label`. Pixels from a map's own
    on are grey, and that pixel is vermillion. Maps may be of different sizes.
    Raises ImportError without matplotlib, ValueError for another suffix, no map and maps that cannot be shown.
    """
    check_suffix(path, SUPPORTED)
    _check(columns, rows)
    scale = Scale(label, LOWEST, 1.0, logarithmic=True)
    found: list[list[Panel | None]] = [[] for _ in rows]
    for heading, maps in columns.items():
        for row, one in zip(found, maps, strict=True):
            row.append(None if one is None else one.panel(scale, heading if row is found[0] else ""))
    meanings = {"the pixel": TARGET, "later pixels": LATER}
    if any(one is not None and one.values.dtype == torch.bool for maps in columns.values() for one in maps):
        meanings |= {"can matter": SEEN, "cannot matter": BLIND}
    draw(found, path, SUPPORTED, inches=1.3, names=rows, legend=meanings)


def attention_maps(
    weights: Tensor, x: Tensor, levels: int, pixels: Sequence[tuple[int, int]], path: str | Path
) -> None:
    """Writes a figure of attention weights (pixels, blocks, heads, H, W), a row a pixel, beside the image x (C, H, W).

    Of several heads the mean is shown. Format and errors are those of `causal_maps`.
    """
    mean = weights.mean(2)
    columns = {"image": [CausalMap(x, pixel, levels=levels) for pixel in pixels]}
    for block in range(mean.shape[1]):
        columns[f"block {block + 1}"] = [
            CausalMap(one[block], pixel) for one, pixel in zip(mean, pixels, strict=True)
        ]  # fmt: skip
    causal_maps(columns, path, [f"pixel {row},{column}" for row, column in pixels], "attention weight")


def _check(columns: Mapping[str, Sequence[CausalMap | None]], rows: Sequence[str]) -> None:
    if not any(one is not None for maps in columns.values() for one in maps):
        raise WrongValueError("There is no map to draw; expected at least one.")
    for heading, maps in columns.items():
        if len(maps) != len(rows):
            raise WrongValueError(
                f"{heading!r} has {len(maps)} maps; expected one for each of the {len(rows)} rows, or None."
            )
        for one in maps:
            if one is None:
                continue
            if one.levels is not None:
                check_picture(f"The image of {heading!r}", one.values, "C, H, W", one.levels)
            elif one.values.dim() != 2 or not bool(one.values.isfinite().all()):
                raise WrongValueError(
                    f"A map of {heading!r} has shape {tuple(one.values.shape)}; expected finite (H, W)."
                )
