"""Where an image surprised a model: -log p of each pixel beside the image itself."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import DPI, FONT, frame, new_figure, save_figure
from pixelsnail.pictures.grey import check_picture, colours
from pixelsnail.pictures.png import check_suffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The layout counts dots of the figure, so that a pixel is a square of whole dots, as sharp as the data.
SPACE = 20
TITLE = 50
BAR = 16
LABELS = 112
"""The width of the colour bar's numbers and of its unit."""
LOWEST = 160
"""The least height of the row with the colour bar."""


def surprise_map(
    nats: Tensor,
    x: Tensor | None,
    levels: int,
    path: str | Path,
    title: str | None = None,
    *,
    upper: float | None = None,
) -> None:
    """Writes a PNG of an image x (C, H, W) and, beside it, -log p of each of its pixels: nats (H, W).

    x may be None: the map alone. The title is the image's nats and bits/dim unless one is given. `upper` is where the
    colour bar ends, the map's own maximum by default: give maps that are to be compared one value.
    Raises ImportError without matplotlib, ValueError for shapes that do not fit and for nats that are not finite.
    """
    images = None if x is None else x[None]
    _check(nats[None], images, "H, W", levels, path)
    if title is None:
        title = _total(nats)
        if x is not None:
            title += f", {float(nats.double().sum()) / (math.log(2) * x.numel()):.3f} bits/dim"
    panels = [] if images is None else [_Panel(0, 0, colours(images, levels)[0])]
    panels.append(_Panel(0, len(panels), _values(nats)))
    _draw(panels, _dots(nats, inches=1.6), path, {0: title}, upper)


def surprise_maps(nats: Tensor, x: Tensor, levels: int, path: str | Path, *, upper: float | None = None) -> None:
    """Writes a PNG of images x (n, C, H, W) above their maps, nats (n, H, W), with one colour bar for all.

    Each image is headed by its nats. `upper` and errors are those of `surprise_map`.
    """
    _check(nats, x, "n, H, W", levels, path)
    panels = [_Panel(0, column, pixels) for column, pixels in enumerate(colours(x, levels))]
    panels += [_Panel(1, column, _values(one)) for column, one in enumerate(nats)]
    _draw(panels, _dots(nats, inches=1.0), path, {column: _total(one) for column, one in enumerate(nats)}, upper)


@dataclass(frozen=True)
class _Panel:
    """An image (H, W, 3) or a map (H, W), and its place in the figure."""

    row: int
    column: int
    values: NDArray[Any]

    @property
    def is_map(self) -> bool:
        return self.values.ndim == 2


def _check(nats: Tensor, x: Tensor | None, axes: str, levels: int, path: str | Path) -> None:
    """Raises ValueError for what no figure can be made of, before one is begun."""
    check_suffix(path, (".png",))
    if nats.dim() != 3 or nats.numel() == 0:
        shape = tuple(nats.shape if axes.startswith("n") else nats.shape[1:])
        raise WrongValueError(f"nats has shape {shape}; expected ({axes}), at least one of each.")
    if not bool(nats.isfinite().all()):
        raise WrongValueError("nats holds a value that is not finite; expected -log p of each pixel.")
    if x is None:
        return
    check_picture("x", x, "n, C, H, W", levels)
    if (x.shape[0], *x.shape[2:]) != tuple(nats.shape):
        raise WrongValueError(
            f"x holds {x.shape[0]} x {tuple(x.shape[2:])} pixels, but nats {nats.shape[0]} x {tuple(nats.shape[1:])}; "
            "expected one number for each pixel."
        )


def _draw(panels: list[_Panel], dots: int, path: str | Path, titles: dict[int, str], upper: float | None) -> None:
    """Writes a figure of panels, each pixel `dots` wide, a title above each column, the colour bar beside the maps."""
    columns, rows = (1 + max(place) for place in zip(*((p.column, p.row) for p in panels), strict=True))
    height = dots * panels[0].values.shape[0]
    widths = [max(dots * p.values.shape[1] for p in panels if p.column == column) for column in range(columns)]
    lefts = [SPACE + sum(widths[:column]) + SPACE * column for column in range(columns + 1)]
    last = max(height, LOWEST)
    size = (_wide(lefts[-1] + BAR + LABELS, titles[0]), TITLE + (rows - 1) * (height + SPACE) + last + SPACE)
    figure = new_figure(size[0] / DPI, size[1] / DPI, "maps")
    if upper is None:
        upper = max(float(p.values.max()) for p in panels if p.is_map)
    for panel in panels:
        top = TITLE + panel.row * (height + SPACE) + (last - height) // 2 * (panel.row == rows - 1)
        axes = _axes(figure, size, lefts[panel.column], top, dots * panel.values.shape[1], height)
        # An image in colour ignores the limits and the colours of a map.
        shown = axes.imshow(
            panel.values, cmap="viridis", vmin=0.0, vmax=upper or 1.0, interpolation="nearest", aspect="auto"
        )
        frame(axes)
        if panel.row == 0 and panel.column in titles:
            axes.set_title(titles[panel.column], fontsize=FONT, loc="left", pad=4)
    bar = _axes(figure, size, lefts[-1], size[1] - SPACE - last, BAR, last)
    _colour_bar(figure, shown, bar)
    save_figure(figure, path, (".png",))


def _axes(figure: "Figure", size: tuple[int, int], left: int, top: int, width: int, height: int) -> "Axes":
    """Axes at a place counted in dots from the top left."""
    across, down = size
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def _colour_bar(figure: "Figure", shown: Any, axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    bar = figure.colorbar(shown, cax=axes, ticks=MaxNLocator(5, steps=[1, 2, 5, 10]))
    bar.set_label("nats", fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT - 1, length=2, width=0.5)
    bar.outline.set_linewidth(0.5)


def _dots(nats: Tensor, inches: float) -> int:
    """How many dots wide a pixel is, for the longer side of an image to be about so long."""
    return max(1, round(inches * DPI / max(nats.shape[-2:])))


def _wide(width: int, title: str) -> int:
    """The figure's width in dots: a long title above a narrow image has room too."""
    return max(width, 2 * SPACE + math.ceil(0.6 * FONT * DPI / 72 * len(title)))


def _total(nats: Tensor) -> str:
    return f"{float(nats.double().sum()):.1f} nats"


def _values(nats: Tensor) -> NDArray[Any]:
    return np.asarray(nats.detach().cpu().double().numpy())
