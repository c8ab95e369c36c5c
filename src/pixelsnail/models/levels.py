"""The check of levels at every public door, before any kernel runs."""

import torch
from torch import Tensor


def check_levels(x: Tensor, levels: int, shape: tuple[int, int, int] | None = None) -> None:
    """Raises TypeError unless x is an integer tensor, ValueError unless it is (B, C, H, W) with levels in [0, L).

    Of `shape` (C, H, W) only C is compared: models work at other sizes than the one they were built for.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"x is a {type(x).__name__}; expected a tensor of integer levels (B, C, H, W).")
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        nan = " and holds NaN" if x.is_floating_point() and bool(x.isnan().any()) else ""
        raise TypeError(
            f"x has dtype {x.dtype}{nan}; expected integer levels 0 ... {levels - 1}, as uint8 or int64. "
            "Convert images in [0, 1] with (x * (levels - 1)).round().long()."
        )
    channels = "C" if shape is None else f"C = {shape[0]}"
    if x.dim() != 4:
        hint = " For a batch of grey images pass x.unsqueeze(1)." if x.dim() == 3 else ""
        raise ValueError(f"x has shape {tuple(x.shape)}; expected levels (B, {channels}, H, W).{hint}")
    if shape is not None and x.shape[1] != shape[0]:
        hint = " Channels come second: pass x.permute(0, 3, 1, 2)." if x.shape[3] == shape[0] else ""
        raise ValueError(f"x has shape {tuple(x.shape)}; expected levels (B, {channels}, H, W).{hint}")
    if x.numel() == 0:
        raise ValueError(f"x has shape {tuple(x.shape)}, which holds no pixel; expected at least one image.")
    wrong = (x < 0) | (x >= levels)
    if bool(wrong.any()):
        image, channel, row, column = (int(i) for i in wrong.nonzero()[0])
        place = f"image {image}, row {row}, column {column}"
        if x.shape[1] > 1:
            place = f"image {image}, channel {channel}, row {row}, column {column}"
        hint = "Binarise first (binarize='threshold'), or load" if levels == 2 else "Load"
        raise ValueError(
            f"x holds level {int(x[image, channel, row, column])} at {place}, but this model has L = {levels} levels "
            f"(0 ... {levels - 1}). {hint} a model with more levels."
        )
