"""Whether segments of a model are its whole image: what every walk relies on, and a stranger's model may not keep."""

import warnings
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pixelsnail.engine.plan import Plan
from pixelsnail.nn import Context


@torch.inference_mode()
def disagreement(
    model: Any, x: Tensor, context: Context | None, length: int, tolerance: float, *, wrong: bool = False
) -> str | None:
    """Where the parameters of segments differ from those of the whole images x (B, C, H, W), in words; None if nowhere.

    Segments of `length` pixels of levels x, each decided before the next. With `wrong` all but the first pixel of each
    are wrong guesses, and one is decided at a time. Differences count from `tolerance` times the largest parameter on.
    """
    whole = model(x, context=context).flatten(2)
    size, scale = (x.shape[2], x.shape[3]), max(1.0, whole.abs().max().item())
    cache = model.start(len(x), size=size, context=context)
    while cache.least < cache.pixels:
        segment = cache.segment(min(length, cache.longest, cache.pixels))
        right = x.flatten(2).gather(2, segment.positions[:, None].expand(-1, x.shape[1], -1))[:, :, None].long()
        first = segment.undecided() & (segment.undecided().long().cumsum(-1) == 1)  # of each image
        known = (first | ~segment.undecided() if wrong else torch.ones_like(first))[:, None, None]
        guesses = torch.where(known, right, (right + 1) % model.levels)
        segment.put(guesses)
        parameters = model(guesses, segment)
        expected = whole.gather(2, segment.positions[:, None].expand(-1, whole.shape[1], -1))[:, :, None]
        if parameters.shape != expected.shape:
            return f"a segment gives parameters {tuple(parameters.shape)} instead of {tuple(expected.shape)}"
        error = (parameters - expected).abs().amax(1)[:, 0].masked_fill(~known[:, 0, 0], 0.0)  # (B, n)
        if not bool((error <= tolerance * scale).all()):
            t = int(segment.positions.flatten()[int(error.nan_to_num(torch.inf).argmax())])
            return (
                f"at pixel {t // size[1]},{t % size[1]} parameters differ by {error.max().item():.3g} between a "
                f"segment of {segment.length} pixels and the whole image"
            )
        cache.commit(segment, right, torch.ones_like(cache.position) if wrong else None)
    return None


def agreed(model: Any, plan: Plan, size: tuple[int, int], count: int, context: Context | None) -> Plan:
    """The plan; that of the naive engine, with a warning, for a model whose segments are not its whole image.

    Any model of the package keeps that law. One that it does not know is tried on `count` images
    of random levels with this context.
    """
    if plan.engine == "naive" or type(model).__module__.startswith("pixelsnail."):
        return plan
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        return plan  # of such weights nothing is equal to anything
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, model.levels, (count, model.shape[0], *size), generator=generator).to(model.device)
    try:
        found = disagreement(model, x, context, 64, 1e-3)
    except Exception as error:  # whatever a stranger's layers raise in a segment
        found = f"a segment raises {type(error).__name__}"
    if found is None:
        return plan
    warnings.warn(
        f"{type(model).__name__} draws by the naive engine, a forward pass for every pixel: {found}. Layers that look "
        "at other pixels must be those of pixelsnail.nn, and be given the segment; pixelsnail.check says more.",
        stacklevel=4,
    )
    return replace(plan, engine="naive")
