"""Numbers against numbers, as lines that are told apart without colour too."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import FONT, new_figure, save_figure
from pixelsnail.pictures.png import check_suffix

COLOURS = ("#0072B2", "#D55E00", "#000000", "#E69F00", "#56B4E9", "#CC79A7", "#009E73")
"""Okabe and Ito's, without yellow, which is too faint for a line on white."""
STYLES = ("-", "--", "-.", ":")
FEW = 25
"""Up to so many points, each is marked."""
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
) -> None:
    """Writes curves, name -> (x, y), as PNG or SVG by the suffix of `path`. Labels should say the unit.

    `bands`, name -> (least, most) at the curve's x, are shaded.
    Raises ImportError without matplotlib, ValueError for another suffix and for x and y of different lengths.
    """
    check_suffix(path, SUPPORTED)
    _check(series)
    figure = new_figure(4.8, 3.0, "curves")
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    for index, (name, (x, y)) in enumerate(series.items()):
        axes.plot(
            x, y, label=name, color=COLOURS[index % len(COLOURS)], linestyle=STYLES[index % len(STYLES)], linewidth=1.4,
            marker="o" if len(x) <= FEW else "", markersize=3,
        )  # fmt: skip
        if bands and name in bands:
            axes.fill_between(x, *bands[name], color=COLOURS[index % len(COLOURS)], alpha=0.2, linewidth=0)
    axes.set_axisbelow(True)
    axes.grid(color="#d9d9d9", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT)
    axes.set_xlabel(xlabel, fontsize=FONT + 1)
    axes.set_ylabel(ylabel, fontsize=FONT + 1)
    entries = max(1, min(4, LINE // (max(map(len, series)) + HANDLE)))
    figure.legend(loc="outside upper left", ncols=entries, fontsize=FONT, frameon=False, handlelength=3)
    save_figure(figure, path, SUPPORTED)


def _check(series: Mapping[str, Series]) -> None:
    if not series:
        raise WrongValueError("There is no curve to draw; expected at least one, as name: (x, y).")
    for name, (x, y) in series.items():
        if len(x) != len(y) or len(x) == 0:
            raise WrongValueError(
                f"The curve {name!r} has {len(x)} x and {len(y)} y; expected as many, and at least one."
            )
