"""The reference sampler: a whole forward pass for every pixel, without a cache. Slow, and right by definition."""

import torch
from torch import Tensor

from pixelsnail.engine.sources import Source
from pixelsnail.engine.walk import Progress, Walkable


@torch.inference_mode()
def naive_walk(
    model: Walkable,
    source: Source,
    batch: int,
    *,
    size: tuple[int, int] | None = None,
    context: Tensor | None = None,
    temperature: float = 1.0,
    progress: Progress | None = None,
) -> Tensor:
    """What `walk` gives, from the definition: levels (B, C, H, W), int64, at the cost of H * W forward passes."""
    canvas = model.start(batch, size=size, context=context).canvas
    channels, height, width = canvas.shape[1:]
    decisions = source.start(model.head, batch, (channels, height, width), canvas.device)
    flat = canvas.flatten(2)
    flat.copy_(decisions.guess)
    images = torch.arange(batch, device=canvas.device)
    for t in range(decisions.given, height * width):
        parameters = model(canvas, context=context).flatten(2)[:, :, None, t : t + 1]
        position = torch.full((batch, 1), t, device=canvas.device)
        flat[..., t : t + 1] = decisions.decide(images, position, model.head.distribution(parameters, temperature))[
            :, :, 0
        ]
        if progress is not None:
            progress(t + 1, height * width)
    return canvas
