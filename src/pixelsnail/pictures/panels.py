"""The one figure of maps: pictures in rows and columns, with words around them and a colour bar for each scale.

The layout counts dots of the figure, so that a pixel is a square of whole dots, as sharp as the data.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelsnail.pictures.figures import DPI, FONT, frame, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPACE, LINE, LETTER = 20, 27, 12
"""Dots between pictures, and what a line of words is high and a letter wide."""
BAR, LABELS = 16, 112
"""The width of a colour bar, and of its numbers and its label's first line."""
LOWEST = 160
"""The least height of a colour bar."""
TARGET, LATER = "#D55E00", "#d0d0d0"
"""Okabe and Ito's vermillion for a pixel that is marked; grey for pixels from it on."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The colours of values from `least` to `most`, which a bar with this label explains. Values outside are cut."""

    label: str
    least: float
    most: float
    colours: str = "viridis"
    logarithmic: bool = False

    def norm(self) -> Any:
        """As matplotlib has it."""
        from matplotlib.colors import LogNorm, Normalize

        return (LogNorm if self.logarithmic else Normalize)(self.least, self.most, clip=True)


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture: an image (H, W, 3), or values (H, W) in the colours of a scale.

    A `pixel` (row, column) is marked and, where the panel is `covered`, all pixels from it on are grey.
    """

    values: NDArray[Any]
    scale: Scale | None = None
    title: str = ""
    caption: str = ""
    pixel: tuple[int, int] | None = None
    covered: bool = True


Rows = Sequence[Sequence[Panel | None]]


def draw(
    rows: Rows,
    path: str | Path,
    supported: tuple[str, ...],
    *,
    inches: float,
    names: Sequence[str] = (),
    legend: Mapping[str, str] | None = None,
) -> None:
    """Writes a figure: the longer side of every picture about `inches` long, `names` beside rows, colours below."""
    sizes = [[_size(one, inches) for one in row] for row in rows]
    left = SPACE + LINE * bool(names)
    lefts = [left]
    for column in range(len(rows[0])):
        lefts.append(lefts[-1] + SPACE + max(_width(row, size, column) for row, size in zip(rows, sizes, strict=True)))
    tops, heights, bottom = [], [], 0
    for row, size in zip(rows, sizes, strict=True):
        tops.append(bottom + 10 + LINE * _lines(one.title for one in row if one))
        heights.append(max([LOWEST * any(one and one.scale for one in row), *(height for height, _ in size)]))
        bottom = tops[-1] + heights[-1] + 10 + LINE * _lines(one.caption for one in row if one)
    scales = {one.scale: None for row in rows for one in row if one and one.scale}  # each once, in order
    across = lefts[-1] + (BAR + LABELS + LINE * max(scale.label.count("\n") for scale in scales) if scales else 0)
    ends = [
        lefts[column] + LETTER * max(map(len, one.title.split("\n")))
        for row in rows for column, one in enumerate(row) if one
    ]  # fmt: skip
    whole = (max(across, SPACE + max(ends)), bottom + 10 + 2 * LINE * bool(legend))
    figure = new_figure(whole[0] / DPI, whole[1] / DPI, "maps")
    for row, size, top, height in zip(rows, sizes, tops, heights, strict=True):
        for place, one in enumerate(row):
            if one is not None:
                high, wide = size[place]
                axes = _axes(figure, whole, lefts[place], top + (height - high) // 2, wide, high)
                _show(axes, one)
    for name, top, height in zip(names, tops, heights, strict=False):
        at = (left - LINE / 2) / whole[0], 1 - (top + height / 2) / whole[1]
        figure.text(*at, name, fontsize=FONT, rotation=90, ha="center", va="center")
    for scale in scales:
        of = [place for place, row in enumerate(rows) if any(one and one.scale is scale for one in row)]
        high = tops[of[-1]] + heights[of[-1]] - tops[of[0]]
        _bar(figure, scale, _axes(figure, whole, lefts[-1], tops[of[0]], BAR, high))
    if legend:
        _legend(figure, legend)
    save_figure(figure, path, supported)


def _size(panel: Panel | None, inches: float) -> tuple[int, int]:
    """Height and width in dots."""
    if panel is None:
        return 0, 0
    dots = max(1, round(inches * DPI / max(panel.values.shape[:2])))
    return dots * panel.values.shape[0], dots * panel.values.shape[1]


def _width(row: Sequence[Panel | None], sizes: Sequence[tuple[int, int]], column: int) -> int:
    """Of a column for one row: its picture's, or its words', but for a title that has room beside it."""
    panel = row[column]
    if panel is None:
        return 0
    beside = row[column + 1] if column + 1 < len(row) else None
    words = panel.caption.split("\n") + (panel.title.split("\n") if beside and beside.title else [])
    return max(sizes[column][1], LETTER * max(map(len, words)))


def _lines(texts: Any) -> int:
    return max((text.count("\n") + 1 for text in texts if text), default=0)


def _axes(figure: "Figure", whole: tuple[int, int], left: int, top: int, width: int, height: int) -> "Axes":
    """Axes at a place counted in dots from the top left."""
    across, down = whole
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def _show(axes: "Axes", panel: Panel) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    options: dict[str, Any] = {"interpolation": "nearest", "aspect": "auto"}
    if panel.scale is None:
        axes.imshow(panel.values, **options)
    else:
        axes.imshow(panel.values, cmap=panel.scale.colours, norm=panel.scale.norm(), **options)
    if panel.pixel is not None:
        (row, column), (height, width) = panel.pixel, panel.values.shape[:2]
        cover = np.zeros((height, width, 4))
        cover.reshape(-1, 4)[row * width + column :] = to_rgba(LATER) if panel.covered else 0.0
        axes.imshow(cover, **options)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=TARGET, edgecolor="none"))
    frame(axes)
    axes.set_title(panel.title, fontsize=FONT, loc="left", pad=4)
    axes.set_xlabel(panel.caption, fontsize=FONT - 1, labelpad=2)


def _bar(figure: "Figure", scale: Scale, axes: "Axes") -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import MaxNLocator

    ticks = None if scale.logarithmic else MaxNLocator(5, steps=[1, 2, 5, 10])
    extend = "min" if scale.logarithmic else "neither"
    bar = figure.colorbar(ScalarMappable(scale.norm(), scale.colours), cax=axes, ticks=ticks, extend=extend)
    bar.set_label(scale.label, fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT - 1, length=2, width=0.5)
    bar.ax.minorticks_off()
    bar.outline.set_linewidth(0.5)


def _legend(figure: "Figure", meanings: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=c, edgecolor="#8c8c8c", linewidth=0.5, label=name) for name, c in meanings.items()]
    columns = max(1, min(len(patches), math.floor(figure.get_figwidth())))
    figure.legend(handles=patches, loc="lower center", ncols=columns, fontsize=FONT - 1, frameon=False, handlelength=1)
