"""How probable each level of one pixel is, beside the image that it is a pixel of."""

from pathlib import Path

from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.figures import FONT, frame, new_figure, save_figure
from pixelsnail.pictures.grey import check_picture, colours
from pixelsnail.pictures.png import check_suffix

SUPPORTED = (".png", ".svg")
BAR, OWN, MARK = "#56b4e9", "#d55e00", "#d55e00"
"""Okabe and Ito's blue and vermilion."""


def pixel_levels(probabilities: Tensor, x: Tensor, levels: int, pixel: tuple[int, int], path: str | Path) -> None:
    """Writes an image x (C, H, W) with a pixel framed, and the probabilities (C, L) of its levels, as PNG or SVG.

    A row of bars a channel; the level that the image has is vermilion. Raises ImportError without matplotlib,
    ValueError for another suffix and for shapes that do not fit.
    """
    from matplotlib.patches import Rectangle

    check_suffix(path, SUPPORTED)
    check_picture("x", x, "C, H, W", levels)
    if probabilities.shape != (len(x), levels):
        raise WrongValueError(
            f"probabilities has shape {tuple(probabilities.shape)}; expected (C, L) = ({len(x)}, {levels})."
        )
    row, column = pixel
    figure = new_figure(4.6, max(1.8, 1.1 * len(x)), "a pixel's levels")
    figure.set_layout_engine("constrained")
    grid = figure.add_gridspec(len(x), 2, width_ratios=(1, 1.6))
    picture = figure.add_subplot(grid[:, 0])
    picture.imshow(colours(x[None], levels)[0], interpolation="nearest")
    picture.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=MARK, linewidth=1.2))
    picture.set_title(f"pixel {row},{column}", fontsize=FONT)
    frame(picture)
    for channel, (values, level) in enumerate(zip(probabilities.tolist(), x[:, row, column].tolist(), strict=True)):
        axes = figure.add_subplot(grid[channel, 1])
        axes.bar(range(levels), values, width=1.0 if levels > 16 else 0.7, color=BAR)
        axes.bar([level], [values[level]], width=1.0 if levels > 16 else 0.7, color=OWN)
        axes.set(ylim=(0, 1) if levels == 2 else None, xticks=range(levels) if levels <= 16 else [0, levels - 1])
        axes.tick_params(labelsize=FONT - 1, length=2, width=0.5)
        axes.set_ylabel("probability", fontsize=FONT)
    axes.set_xlabel("level", fontsize=FONT)
    save_figure(figure, path, SUPPORTED)
