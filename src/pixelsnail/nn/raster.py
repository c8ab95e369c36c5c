"""Where pixels lie: what follows from the size of an image alone.

A pixel's position is t = row * W + column, its place in raster order. H * W, the place after the last pixel, stands for
what is outside of the image: buffers of features hold zeros there.
"""

import torch
from torch import Tensor

Offsets = tuple[tuple[int, int], ...]
"""Places around a pixel, as (rows, columns) to it; none may come after it in raster order."""


def window(above: int, left: int, right: int, step: int = 1) -> Offsets:
    """The places that a kernel sees, in raster order; its taps are `step` pixels apart."""
    return tuple((r * step, c * step) for r in range(-above, 1) for c in range(-left, right + 1))


def neighbours(
    height: int, width: int, offsets: Offsets, node: int = 1, behind: int = 0, device: torch.device | None = None
) -> Tensor:
    """The position at each of `offsets` from each pixel, H * W where that is outside: (H * W, offsets), int64.

    With `node` pixels are squares of `node` pixels' width, and offsets are in pixels from the square's first one. With
    `behind` 1 the features of pixel t lie at t + 1, and that is the position given; offsets still refer to t.
    """
    t = torch.arange(height * width, device=device)
    row, column = (n // node * node for n in (t[:, None] // width, t[:, None] % width))
    moves = torch.tensor(offsets, device=device)
    rows, columns = row + moves[:, 0], column + moves[:, 1]
    inside = (rows >= 0) & (columns >= 0) & (columns < width)
    return torch.where(inside, rows * width + columns + behind, height * width)


def previous(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The raster-previous position of each pixel, H * W for the first one: (H * W,), int64."""
    t = torch.arange(height * width, device=device) - 1
    return torch.where(t < 0, height * width, t)


def quarters(height: int, width: int, node: int, device: torch.device | None = None) -> Tensor:
    """Which quarter of the square around it a square of `node` pixels' width is, for each pixel: 0 ... 3, (H * W,)."""
    t = torch.arange(height * width, device=device)
    return t // width // node % 2 * 2 + t % width // node % 2


def coarse(height: int, width: int, ratio: int, device: torch.device | None = None) -> Tensor:
    """The position of each pixel on a map of 1 / ratio of the height and width: (H * W,), int64."""
    t = torch.arange(height * width, device=device)
    return t // width // ratio * (width // ratio) + t % width // ratio


def following(position: Tensor, length: int, longest: int, pixels: int) -> Tensor:
    """The next `length` positions from each of `position` (B,): (B, length).

    Segments do not go over a multiple of `longest` (H * W, or W where rows are apart). Near one they begin earlier, so
    that they have their length.
    """
    end = (position.clamp(max=pixels - 1) // longest + 1) * longest
    return torch.minimum(position, end - length)[:, None] + torch.arange(length, device=position.device)


def orders(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The eight raster orders of an image: the position that each of them visits n-th, (8, H * W), int64.

    Order k begins at the right where k & 1, at the bottom where k & 2, and goes along columns where k & 4, else along
    rows: the group of flips and transposes. Order 0 is the raster order.
    """
    t = torch.arange(height * width, device=device).view(height, width)
    flipped = [t, t.flip(1), t.flip(0), t.flip(0, 1)]
    return torch.stack([*(h.flatten() for h in flipped), *(h.t().flatten() for h in flipped)])


def turned(x: Tensor, order: Tensor, columns: bool) -> Tensor:
    """Images (B, C, H, W), each as its order (B,) visits it: (B, C, H, W), or (B, C, W, H) with `columns`.

    `columns` says that orders go along columns: all or none of them, unless H = W, where it does not matter.
    """
    height, width = x.shape[2:]
    return _taken(x, orders(height, width, x.device)[order], (width, height) if columns else (height, width))


def turned_back(x: Tensor, order: Tensor, columns: bool) -> Tensor:
    """The images that `turned` made x of."""
    height, width = (x.shape[3], x.shape[2]) if columns else x.shape[2:]
    return _taken(x, orders(height, width, x.device).argsort(1)[order], (height, width))


def _taken(x: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixels of x (B, C, ., .) at places (B, H * W), as images of `size`."""
    return x.flatten(2).gather(2, places[:, None].expand(-1, x.shape[1], -1)).view(*x.shape[:2], *size)
