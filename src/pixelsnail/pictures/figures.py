"""matplotlib, when it is needed: its object interface alone, so that no global state is touched."""

from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.errors import MissingPackageError
from pixelsnail.files import write_atomically
from pixelsnail.pictures.png import check_suffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 200
FONT = 8.0
"""Points."""
FRAME = "#8c8c8c"


def require_matplotlib(purpose: str = "maps") -> None:
    """Raises ImportError, in one sentence, when matplotlib is not installed: call it before long work."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"Drawing {purpose} needs matplotlib; install it with: pip install 'pixelsnail[plots]'."
        ) from error


def new_figure(width: float, height: float, purpose: str) -> "Figure":
    """A white figure of this size in inches. Raises ImportError as `require_matplotlib` does."""
    require_matplotlib(purpose)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: "Figure", path: str | Path, supported: tuple[str, ...]) -> None:
    """Writes a figure, complete or not at all, in the format of its suffix and without a date."""
    form = check_suffix(path, supported)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})


def frame(axes: "Axes") -> None:
    """A thin grey frame without ticks: an image's edge, white on white too."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.5)
