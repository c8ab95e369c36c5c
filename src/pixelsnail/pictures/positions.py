"""Where in the image a model spends its nats, and where it spends fewer than another."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import FONT, frame, new_figure, save_figure
from pixelsnail.pictures.png import check_suffix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUPPORTED = (".png", ".svg")
WIDTH, ROW = 1.5, 1.75
"""Inches of a map's column and of a row."""


def position_maps(maps: Mapping[str, Tensor], path: str | Path) -> None:
    """Writes maps of mean nats at each position, name -> (H, W), side by side as PNG or SVG.

    Below, each map minus the first: violet where the model spends fewer nats than the first, orange where more.
    Raises ImportError without matplotlib, ValueError for another suffix, no map, maps of different shapes and nats
    that are not finite.
    """
    check_suffix(path, SUPPORTED)
    _check(maps)
    names, values = list(maps), [one.detach().cpu().double().numpy() for one in maps.values()]
    rows = 1 + (len(values) > 1)
    figure = new_figure(1.1 + WIDTH * len(values), 0.2 + ROW * rows, "maps")
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, len(values), squeeze=False)
    most = max(float(one.max()) for one in values)
    for place, (name, one) in enumerate(zip(names, values, strict=True)):
        shown = axes[0][place].imshow(one, cmap="viridis", vmin=0.0, vmax=most or 1.0, interpolation="nearest")
        axes[0][place].set_title(f"{name}\n{one.sum():.2f} nats", fontsize=FONT)
    _bar(figure, shown, axes[0], "nats")
    if rows == 2:
        differences = [one - values[0] for one in values]
        far = max(float(abs(one).max()) for one in differences) or 1.0
        for place, one in enumerate(differences):
            if place:
                shown = axes[1][place].imshow(one, cmap="PuOr_r", vmin=-far, vmax=far, interpolation="nearest")
                axes[1][place].set_title(f"{one.sum():+.2f}", fontsize=FONT)
        axes[1][0].set_visible(False)
        _bar(figure, shown, axes[1], f"nats minus those of\n{names[0]}")
    for one in axes.flat:
        frame(one)
    save_figure(figure, path, SUPPORTED)


def _check(maps: Mapping[str, Tensor]) -> None:
    if not maps:
        raise WrongValueError("There is no map to draw; expected at least one, as name: (H, W).")
    first = next(iter(maps.values())).shape
    for name, one in maps.items():
        if one.dim() != 2 or one.shape != first:
            raise WrongValueError(
                f"The map {name!r} has shape {tuple(one.shape)}; expected (H, W), the same for all: {tuple(first)}."
            )
        if not bool(one.isfinite().all()):
            raise WrongValueError(f"The map {name!r} holds a value that is not finite; expected nats.")


def _bar(figure: "Figure", shown: Any, axes: Any, label: str) -> None:
    bar = figure.colorbar(shown, ax=list(axes), shrink=0.9, pad=0.02)
    bar.set_label(label, fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT - 1, length=2, width=0.5)
    bar.outline.set_linewidth(0.5)
