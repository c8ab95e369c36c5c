"""Maps over the pixels before one: receptive fields and attention, on one logarithmic scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import FONT, frame, new_figure, save_figure
from pixelsnail.pictures.grey import check_picture, colours
from pixelsnail.pictures.png import check_suffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUPPORTED = (".png", ".svg")
SIDE, CAPTION, GAP = 1.3, 0.4, 0.08
"""Inches of a panel's side, of the words below it, and of the space where there are none."""
MARGIN, LEGEND = 1.2, 0.5
"""Inches that names of rows and the colour bar take, and headings and the legend."""
LOWEST = 1e-4
"""Where the colour bar begins; what is less has its lowest colour."""
TARGET, LATER, SEEN, BLIND = "#D55E00", "#d0d0d0", "#56B4E9", "#FFFFFF"
"""Okabe and Ito's vermillion for the pixel itself and sky blue for what can matter; grey for pixels from it on."""


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
    every = [one for maps in columns.values() for one in maps if one is not None]
    tall = SIDE * max(one.values.shape[-2] / one.values.shape[-1] for one in every)
    row_height = min(tall, 2 * SIDE) + (CAPTION if any(one.caption for one in every) else GAP)
    figure = new_figure(MARGIN + SIDE * len(columns), LEGEND + row_height * len(rows), "receptive fields")
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03)
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for place, (heading, maps) in enumerate(columns.items()):
        axes[0][place].set_title(heading, fontsize=FONT)
        for row, one in enumerate(maps):
            frame(axes[row][place])
            if one is None:
                axes[row][place].spines[:].set_visible(False)
            else:
                _draw(axes[row][place], one)
    for row, name in enumerate(rows):
        axes[row][0].set_ylabel(name, fontsize=FONT)
    _bar(figure, axes, label)
    _legend(figure, any(one.values.dtype == torch.bool for one in every), min(4, 2 * len(columns)))
    save_figure(figure, path, SUPPORTED)


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


def _draw(axes: "Axes", one: CausalMap) -> None:
    """A map, or an image; the pixels that are not before the map's own are covered."""
    from matplotlib.colors import ListedColormap, LogNorm, to_rgba
    from matplotlib.patches import Rectangle

    row, column = one.pixel
    height, width = one.values.shape[-2:]
    options: dict[str, Any] = {"interpolation": "nearest"}
    if one.levels is not None:
        axes.imshow(colours(one.values, one.levels), **options)
    else:
        values = one.values.detach().cpu().double().numpy()
        if one.values.is_floating_point():
            axes.imshow(values.clip(LOWEST, 1.0), cmap="viridis", norm=LogNorm(LOWEST, 1.0), **options)
        else:
            axes.imshow(values, cmap=ListedColormap([BLIND, SEEN]), vmin=0, vmax=1, **options)
        cover = np.zeros((height, width, 4))
        cover.reshape(-1, 4)[row * width + column :] = to_rgba(LATER)
        axes.imshow(cover, **options)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=TARGET, edgecolor="none"))
    axes.set_xlabel(one.caption, fontsize=FONT - 1, labelpad=2)


def _bar(figure: Any, axes: Any, label: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    scale = ScalarMappable(LogNorm(LOWEST, 1.0), "viridis")
    bar = figure.colorbar(scale, ax=list(axes.flat), shrink=min(1.0, 2 / len(axes)), pad=0.02, extend="min", aspect=25)
    bar.set_label(label, fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT - 1, length=2, width=0.5)
    bar.ax.minorticks_off()
    bar.outline.set_linewidth(0.5)


def _legend(figure: Any, exact: bool, entries: int) -> None:
    from matplotlib.patches import Patch

    meanings = {"the pixel": TARGET, "later pixels": LATER}
    if exact:
        meanings |= {"can matter": SEEN, "cannot matter": BLIND}
    patches = [Patch(facecolor=c, edgecolor="#8c8c8c", linewidth=0.5, label=name) for name, c in meanings.items()]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=entries, fontsize=FONT - 1, frameon=False, handlelength=1
    )
