"""Numbers against numbers, as lines that are told apart without colour too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import FONT, new_figure, save_figure
from pixelsnail.pictures.png import check_suffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#000000", "#E69F00", "#56B4E9", "#CC79A7", "#009E73")
"""Okabe and Ito's, without yellow, which is too faint for a line on white."""
STYLES = (
    "-",
    (0, (5, 2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (1, 1.5)),
    (0, (9, 2)),
    (0, (8, 2, 1, 2, 1, 2)),
    (0, (3, 1, 1, 1)),
)
MARKERS = "os^DvPX*"
"""Seven kinds of line and eight of marker: no two of 56 curves are alike in grey."""
FEW = 25
"""Up to so many points, each is marked; of more, one each 1 / SPARSE of the figure along the curve."""
SPARSE = 8
LINE = 80
"""Letters that a line of the legend holds, of which a curve's sample takes HANDLE."""
HANDLE = 13
SUPPORTED = (".png", ".svg")

Series = tuple[Sequence[float], Sequence[float]]


def curves(
    series: Mapping[str, Series],
    path: str | Path,
    xlabel: str,
    ylabel: str,
    *,
    bands: Mapping[str, Series] | None = None,
    upto: float | None = None,
) -> None:
    """Writes curves, name -> (x, y), as PNG or SVG by the suffix of `path`. Labels should say the unit.

    `bands`, name -> (least, most) at the curve's x, are shaded. What lies above `upto` is cut off, and the figure says
    so and names the curves of which nothing is left.
    Raises ImportError without matplotlib, ValueError for another suffix and for x and y of different lengths.
    """
    check_suffix(path, SUPPORTED)
    _check(series)
    figure = new_figure(4.8, 3.0, "curves")
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    for index, (name, (x, y)) in enumerate(series.items()):
        every = 1 if len(x) <= FEW else (index / SPARSE / len(series), 1 / SPARSE)
        axes.plot(
            x, y, label=name, color=COLOURS[index % len(COLOURS)], linestyle=STYLES[index % len(STYLES)], linewidth=1.4,
            marker=MARKERS[index % len(MARKERS)], markersize=3, markevery=every,
        )  # fmt: skip
        if bands and name in bands:
            axes.fill_between(x, *bands[name], color=COLOURS[index % len(COLOURS)], alpha=0.2, linewidth=0)
    if upto is not None:
        _cut(axes, series, bands or {}, upto)
    axes.set_axisbelow(True)
    axes.grid(color="#d9d9d9", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT)
    axes.set_xlabel(xlabel, fontsize=FONT + 1)
    axes.set_ylabel(ylabel, fontsize=FONT + 1)
    entries = max(1, min(4, LINE // (max(map(len, series)) + HANDLE)))
    figure.legend(loc="outside upper left", ncols=entries, fontsize=FONT, frameon=False, handlelength=3)
    save_figure(figure, path, SUPPORTED)


def _cut(axes: "Axes", series: Mapping[str, Series], bands: Mapping[str, Series], upto: float) -> None:
    """Ends the axis at `upto`, and says in the figure what is not shown."""
    above = [name for name, (_, y) in series.items() if max(y) > upto]
    if not above:
        return
    lowest = min(min(y) for y in [*(y for _, y in series.values()), *(least for least, _ in bands.values())])
    axes.set_ylim(min(lowest, upto) - 0.05 * abs(upto - lowest), upto)
    gone = [name for name in above if min(series[name][1]) > upto]
    note = f"above {upto:.4g}: not shown" + (f", nor {', '.join(gone)}" if gone else "")
    axes.annotate(note, (1, 1), (-2, -2), "axes fraction", "offset points", ha="right", va="top", fontsize=FONT - 1)


def _check(series: Mapping[str, Series]) -> None:
    if not series:
        raise WrongValueError("There is no curve to draw; expected at least one, as name: (x, y).")
    for name, (x, y) in series.items():
        if len(x) != len(y) or len(x) == 0:
            raise WrongValueError(
                f"The curve {name!r} has {len(x)} x and {len(y)} y; expected as many, and at least one."
            )
