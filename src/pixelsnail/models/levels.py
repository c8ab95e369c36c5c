"""The check of levels at every public door, before any kernel runs."""

import torch
from torch import Tensor

from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.nn.derivatives import transformed


def as_levels(x: Tensor) -> Tensor:
    """Levels in a type that torch computes with: uint8 as it is, other integers as int64; what is none, as it is."""
    integers = isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
    return x.long() if integers and x.dtype != torch.uint8 else x


def check_levels(x: Tensor, levels: int, shape: tuple[int, int, int] | None = None) -> Tensor:
    """x as `as_levels` has it. Raises TypeError unless x is an integer tensor, ValueError unless it is (B, C, H, W)
    with levels in [0, L).

    Of `shape` (C, H, W) only C is compared: models work at other sizes than the one they were built for. Under the
    transforms of torch.func, which let nobody look at values, levels are taken as they are.
    """
    if not isinstance(x, Tensor):
        raise WrongTypeError(f"x is a {type(x).__name__}; expected a tensor of integer levels (B, C, H, W).")
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise WrongTypeError(
            f"x has dtype {x.dtype}{_first_fraction(x)}; expected integer levels 0 ... {levels - 1}, of any integer "
            f"type. {_conversion(x, levels)}"
        )
    channels = "C" if shape is None else f"C = {shape[0]}"
    if x.dim() != 4:
        hint = " For a batch of grey images pass x.unsqueeze(1)." if x.dim() == 3 else ""
        raise WrongValueError(f"x has shape {tuple(x.shape)}; expected levels (B, {channels}, H, W).{hint}")
    if shape is not None and x.shape[1] != shape[0]:
        hint = " Channels come second: pass x.permute(0, 3, 1, 2)." if x.shape[3] == shape[0] else ""
        raise WrongValueError(f"x has shape {tuple(x.shape)}; expected levels (B, {channels}, H, W).{hint}")
    if x.numel() == 0:
        raise WrongValueError(f"x has shape {tuple(x.shape)}, which holds no pixel; expected at least one image.")
    x = as_levels(x)
    if transformed():
        return x
    wrong = _outside(x, levels)
    if bool(wrong.any()):
        raise WrongValueError(
            f"x holds level {_first(x, wrong)}, but this model has L = {levels} levels (0 ... {levels - 1}). "
            f"{_remedy(x, levels)}"
        )
    return x


def check_labels(context: object, classes: int, count: int) -> None:
    """Raises TypeError or ValueError unless context is a class label in [0, classes) for each of `count` images."""
    expected = f"expected a class label 0 ... {classes - 1} for each of {count} images, (B,)"
    if context is None:
        raise WrongValueError(f"The model is conditional and context is missing; {expected}.")
    if not isinstance(context, Tensor) or context.is_floating_point() or context.dtype == torch.bool:
        kind = f"dtype {context.dtype}" if isinstance(context, Tensor) else f"type {type(context).__name__}"
        raise WrongTypeError(f"context has {kind}; {expected}, as integers.")
    if context.shape != (count,):
        raise WrongValueError(f"context has shape {tuple(context.shape)}; {expected}.")
    if transformed():
        return
    context = as_levels(context)
    wrong = (context < 0) | (context >= classes)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise WrongValueError(f"context holds label {context[first].item()} at image {first}; {expected}.")


def check_map(context: object, levels: int, shape: tuple[int, int, int, int], ratio: int) -> None:
    """Raises TypeError or ValueError unless context is a map of codes in [0, levels) of this shape (B, C, h, w)."""
    expected = f"expected codes 0 ... {levels - 1}, (B, C, H / {ratio}, W / {ratio}) = {shape}, one map for each image"
    if not isinstance(context, Tensor) or context.is_floating_point() or context.dtype == torch.bool:
        kind = f"dtype {context.dtype}" if isinstance(context, Tensor) else f"type {type(context).__name__}"
        raise WrongTypeError(f"context has {kind}; {expected}, as integers.")
    if context.shape != shape:
        hint = " Pass context.unsqueeze(1)." if context.dim() == 3 else ""
        raise WrongValueError(f"context has shape {tuple(context.shape)}; {expected}.{hint}")
    if transformed():
        return
    wrong = _outside(as_levels(context), levels)
    if bool(wrong.any()):
        raise WrongValueError(f"context holds code {_first(context, wrong)}; {expected}.")


def mask_like(name: str, mask: Tensor, x: Tensor) -> Tensor:
    """The mask (B, 1 or C, H, W) for images x (B, C, H, W). Raises for what is none."""
    if mask.dtype != torch.bool:
        raise WrongTypeError(f"{name} has dtype {mask.dtype}; expected a boolean mask, true where a pixel is in it.")
    if x.dim() != 4:
        return mask  # check_levels says what is wrong with x
    batch, channels, height, width = x.shape
    if mask.shape == (height, width):
        return mask.expand(batch, 1, height, width)
    if mask.shape not in ((batch, 1, height, width), (batch, channels, height, width)):
        raise WrongValueError(
            f"{name} has shape {tuple(mask.shape)}; expected (H, W) = ({height}, {width}) or (B, 1 or C, H, W) = "
            f"({batch}, 1 or {channels}, {height}, {width})."
        )
    return mask


def check_some_known(known: Tensor) -> None:
    """Raises ValueError where a mask (B, 1 or C, H, W) leaves nothing of an image to draw, or nothing to agree with."""
    for image, mask in enumerate(known):
        if bool(mask.all()):
            raise WrongValueError(
                f"known tells all of image {image}, so that nothing is left to draw; expected some pixels unknown."
            )
        if not bool(mask.any()):
            raise WrongValueError(
                f"known tells nothing of image {image}; expected some pixels known, or draw whole images with sample."
            )


def _outside(x: Tensor, levels: int) -> Tensor:
    """Where x is below 0, or `levels` or above."""
    if levels > torch.iinfo(x.dtype).max:
        return x < 0  # a limit that the dtype cannot hold would wrap around in a comparison: 512 is 0 as uint8
    return (x < 0) | (x >= levels)


def _remedy(x: Tensor, levels: int) -> str:
    if bool((x < 0).any()):
        return "Levels start at 0."
    if levels == 2:
        return "Binarise first (binarize='threshold'), or load a model with more levels."
    return "Load a model with more levels."


def _first_fraction(x: Tensor) -> str:
    """The first value of x that is no whole number, NaN before others: what a caller should look at."""
    if not x.is_floating_point():
        return ""
    for wrong in (x.isnan(), x != x.floor()):
        if bool(wrong.any()):
            return f" and holds {_first(x, wrong)}"
    return ""


def _conversion(x: Tensor, levels: int) -> str:
    if x.is_floating_point():
        return "Convert images in [0, 1] with (x * (levels - 1)).round().long()."
    return "Convert it with x.long()." if x.dtype == torch.bool else "Convert it first."


def _first(x: Tensor, wrong: Tensor) -> str:
    """The first value of x where `wrong` is true, and its place."""
    position = [int(i) for i in wrong.nonzero()[0]]
    value = x[tuple(position)].item()
    if x.dim() != 4:
        return f"{value} at position {tuple(position)}"
    image, channel, row, column = position
    plane = f"channel {channel}, " if x.shape[1] > 1 else ""
    return f"{value} at image {image}, {plane}row {row}, column {column}"
