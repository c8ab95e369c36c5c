"""Where in an image a model spends its nats: -log p of each pixel, of single images and on the average."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.grey import check_picture, colours
from pixelsnail.pictures.panels import Panel, Scale, draw
from pixelsnail.pictures.png import check_suffix

SUPPORTED = (".png", ".svg")


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
    row = [Panel(_values(nats), _scale([nats], upper), "" if x is not None else title)]
    if images is not None:
        row.insert(0, Panel(colours(images, levels)[0], title=title))
    draw([row], path, (".png",), inches=1.6)


def surprise_maps(nats: Tensor, x: Tensor, levels: int, path: str | Path, *, upper: float | None = None) -> None:
    """Writes a PNG of images x (n, C, H, W) above their maps, nats (n, H, W), with one colour bar for all.

    Each image is headed by its nats. `upper` and errors are those of `surprise_map`.
    """
    _check(nats, x, "n, H, W", levels, path)
    scale = _scale([nats], upper)
    images = [Panel(pixels, title=_total(one)) for pixels, one in zip(colours(x, levels), nats, strict=True)]
    draw([images, [Panel(_values(one), scale) for one in nats]], path, (".png",), inches=1.0)


def position_maps(maps: Mapping[str, Tensor], path: str | Path) -> None:
    """Writes maps of mean nats at each position, name -> (H, W), side by side as PNG or SVG.

    Below, each map minus the first: violet where the model spends fewer nats than the first, orange where more.
    Raises ImportError without matplotlib, ValueError for another suffix, no map, maps of different shapes and nats
    that are not finite.
    """
    check_suffix(path, SUPPORTED)
    if not maps:
        raise WrongValueError("There is no map to draw; expected at least one, as name: (H, W).")
    (name, first), *_ = maps.items()
    for other, one in maps.items():
        if one.dim() != 2 or one.shape != first.shape:
            raise WrongValueError(
                f"The map {other!r} has shape {tuple(one.shape)}; expected (H, W), the same for all: "
                f"{tuple(first.shape)}."
            )
        _check_finite(f"The map {other!r}", one)
    scale = _scale(list(maps.values()))
    rows: list[list[Panel | None]] = [
        [Panel(_values(one), scale, f"{key}\n{float(one.double().sum()):.2f} nats") for key, one in maps.items()]
    ]
    if len(maps) > 1:
        differences = [_values(one) - _values(first) for one in maps.values()]
        far = max(float(abs(one).max()) for one in differences) or 1.0
        minus = Scale(f"nats minus those of\n{name}", -far, far, "PuOr_r")
        rows.append([None, *(Panel(one, minus, f"{one.sum():+.2f}") for one in differences[1:])])
    draw(rows, path, SUPPORTED, inches=1.3)


def _scale(nats: Sequence[Tensor], upper: float | None = None) -> Scale:
    """From 0 to the greatest of all."""
    return Scale("nats", 0.0, (max(float(one.max()) for one in nats) if upper is None else upper) or 1.0)


def _check(nats: Tensor, x: Tensor | None, axes: str, levels: int, path: str | Path) -> None:
    """Raises ValueError for what no figure can be made of, before one is begun."""
    check_suffix(path, (".png",))
    if nats.dim() != 3 or nats.numel() == 0:
        shape = tuple(nats.shape if axes.startswith("n") else nats.shape[1:])
        raise WrongValueError(f"nats has shape {shape}; expected ({axes}), at least one of each.")
    _check_finite("nats", nats)
    if x is None:
        return
    check_picture("x", x, "n, C, H, W", levels)
    if (x.shape[0], *x.shape[2:]) != tuple(nats.shape):
        raise WrongValueError(
            f"x holds {x.shape[0]} x {tuple(x.shape[2:])} pixels, but nats {nats.shape[0]} x {tuple(nats.shape[1:])}; "
            "expected one number for each pixel."
        )


def _check_finite(name: str, nats: Tensor) -> None:
    if not bool(nats.isfinite().all()):
        raise WrongValueError(f"{name} holds a value that is not finite; expected -log p of each pixel.")


def _total(nats: Tensor) -> str:
    return f"{float(nats.double().sum()):.1f} nats"


def _values(nats: Tensor) -> NDArray[Any]:
    return np.asarray(nats.detach().cpu().double().numpy())
