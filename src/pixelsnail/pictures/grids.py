"""Images of levels in rows and columns, enlarged without smoothing, on white."""

import math

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.pictures.grey import Pixels, beside, check_picture, colours
from pixelsnail.whole import whole

GUTTER = 2
"""White pixels between tiles and around them."""
GAP = 10
"""White pixels that part what was given from what was drawn."""
LINE, HEAD = 1, 12
"""Pixels between the channels of an image that is neither grey nor in colour, and above them, for their numbers."""
TILE = 84
"""Pixels that the longer side of an enlarged image comes near to: within 56 ... 112, unless it is larger by itself."""
UNKNOWN = (176, 198, 222)
"""The light blue-grey of a pixel that is not known; no grey level looks like it."""


def grid(x: Tensor, levels: int, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Levels (B, C, H, W) as a picture, image 0 top left, row by row.

    Level l is grey l * 255 / (levels - 1), whatever else the images hold. One channel is grey, three are red, green,
    blue; the channels of any other number stand side by side, parted by a line and headed by their numbers.
    `columns` makes the picture about square by default; `scale`, how many pixels wide a pixel becomes, makes small
    images 56 to 112 pixels large.
    Raises TypeError when x is not integer, ValueError when it is not (B, C, H, W) or holds a level outside [0, L).
    """
    check_picture("x", x, "B, C, H, W", levels)
    many = x.shape[1] not in (1, 3)
    tiles = _enlarge(colours(x, levels), _scale(scale, x))
    tiles = _parted(tiles, x.shape[1]) if many else tiles
    count, height, width, _ = tiles.shape
    columns = _columns(columns, count, height, width)
    rows = math.ceil(count / columns)
    paper = _paper(rows * (height + GUTTER) + GUTTER, columns * (width + GUTTER) + GUTTER)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        _paste(paper, tile, GUTTER + row * (height + GUTTER), GUTTER + column * (width + GUTTER))
    return _headed(paper, x.shape[1], width) if many else _picture(paper, x)


def _parted(tiles: Pixels, channels: int) -> Pixels:
    """Channels side by side with a line between each two."""
    parts = np.split(tiles, channels, axis=2)
    line = np.broadcast_to(np.asarray(UNKNOWN, np.uint8), (*parts[0].shape[:2], LINE, 3))
    return np.concatenate([piece for part in parts for piece in (line, part)][1:], axis=2)


def _headed(paper: Pixels, channels: int, width: int) -> Image.Image:
    """The picture below the numbers of its channels, at the left of each in every column of tiles."""
    picture = Image.fromarray(np.concatenate([_paper(HEAD, paper.shape[1]), paper]))
    draw, step = ImageDraw.Draw(picture), (width + LINE) // channels
    for left in range(GUTTER, paper.shape[1] - GUTTER, width + GUTTER):
        for channel in range(channels):
            draw.text((left + channel * step, 0), str(channel), fill=(0, 0, 0))
    return picture


def image(x: Tensor, levels: int) -> Image.Image:
    """Levels (C, H, W) as a picture of as many pixels; colours and errors are those of `grid`."""
    check_picture("x", x, "C, H, W", levels)
    return _picture(colours(x, levels), x[None])


def completions(
    originals: Tensor, known: Tensor, completed: Tensor, levels: int, scale: int | None = None
) -> Image.Image:
    """One row for each image: the original, what was given of it, then its completions.

    `originals` (n, C, H, W) and `completed` (n, k, C, H, W) are levels, drawn as `grid` draws them; `known` is a
    boolean mask (H, W) or (n, 1 or C, H, W). What is not known is light blue-grey. Raises as `grid` does.
    """
    check_picture("originals", originals, "n, C, H, W", levels)
    check_picture("completed", completed, "n, k, C, H, W", levels)
    if completed.shape[:1] + completed.shape[2:] != originals.shape:
        raise WrongValueError(
            f"completed has shape {tuple(completed.shape)} and originals {tuple(originals.shape)}; "
            "expected (n, k, C, H, W) and (n, C, H, W)."
        )
    factor = _scale(scale, originals)
    original = colours(originals, levels)
    given = np.where(_mask(known, originals)[..., None], original, np.asarray(UNKNOWN, np.uint8))
    parts = [_enlarge(part, factor) for part in (original, given, *colours(completed, levels).swapaxes(0, 1))]
    count, height, width, _ = parts[0].shape
    paper = _paper(count * (height + GUTTER) + GUTTER, len(parts) * (width + GUTTER) + GUTTER + 2 * GAP)
    for column, tiles in enumerate(parts):
        left = GUTTER + column * (width + GUTTER) + min(column, 2) * GAP
        for row, tile in enumerate(tiles):
            _paste(paper, tile, GUTTER + row * (height + GUTTER), left)
    return Image.fromarray(paper)


def _mask(known: Tensor, x: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where the picture of x (n, C, H, W) is known: (n, H, W), or (n, H, C W) for channels side by side."""
    count, channels, height, width = x.shape
    shapes = ((height, width), (count, 1, height, width), (count, channels, height, width))
    if known.dtype != torch.bool or known.shape not in shapes:
        raise WrongValueError(
            f"known is {known.dtype} of shape {tuple(known.shape)}; expected a boolean mask (H, W) = ({height}, "
            f"{width}) or (n, 1 or C, H, W) = ({count}, 1 or {channels}, {height}, {width})."
        )
    planes = known.cpu().expand(count, channels, height, width)
    return np.asarray((planes.all(1) if channels == 3 else beside(planes)).numpy())


def _scale(scale: int | None, x: Tensor) -> int:
    if scale is None:
        return max(1, round(TILE / max(x.shape[-2:])))
    return whole("scale", scale, 1, ", or None")


def _columns(columns: int | None, count: int, height: int, width: int) -> int:
    def longer_by_shorter(columns: int) -> float:
        sides = math.ceil(count / columns) * (height + GUTTER), columns * (width + GUTTER)
        return max(sides) / min(sides)

    if columns is None:
        return min(range(count, 0, -1), key=longer_by_shorter)
    return whole("columns", columns, 1, ", or None")


def _enlarge(pixels: Pixels, scale: int) -> Pixels:
    """Nearest neighbour: (..., H, W, 3) to (..., scale * H, scale * W, 3)."""
    return pixels.repeat(scale, axis=-3).repeat(scale, axis=-2)


def _picture(paper: Pixels, x: Tensor) -> Image.Image:
    """Three channels are a picture in colour; all else is grey, and its file says so."""
    picture = Image.fromarray(paper)
    return picture if x.shape[1] == 3 else picture.convert("L")


def _paper(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), 255, dtype=np.uint8)


def _paste(paper: Pixels, tile: Pixels, top: int, left: int) -> None:
    paper[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
