"""What the attention of a model looks at: the weights a[t, u] of earlier pixels u."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pixelsnail.errors import WrongTypeError
from pixelsnail.evaluation.receptive_field import Pixel, check_pixel, raster
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.levels import check_levels
from pixelsnail.models.model import evaluating
from pixelsnail.nn import CausalAttention, Context


def attention_weights(model: Model, x: Tensor, pixels: Sequence[Pixel], *, context: Context | None = None) -> Tensor:
    """The weights by which pixels attend to earlier ones in one image x (C, H, W): (pixels, blocks, heads, H, W).

        a[t, u] = softmax over u < t of q[t] . k[u] / sqrt(K)        (Vaswani et al. 2017, arXiv 1706.03762, eq. 1)

    Of every attention in the order of the blocks, float64: sums to one over u, and is zero from the pixel itself on. Of
    an `ImageGPT` that pixel has a weight too: its features there hold earlier pixels alone.
    In evaluation mode; `context` is that of the image, (1,). Raises TypeError for a model without attention to single
    earlier pixels, otherwise as `receptive_field` does.
    """
    x = check_levels(x[None], model.levels, model.shape)[0]
    model.check_size(*x.shape[1:])
    model.condition.check(context, 1, (x.shape[1], x.shape[2]))
    positions = [raster(check_pixel(pixel, x), x) for pixel in pixels]
    attentions = [layer for layer in model.modules() if isinstance(layer, CausalAttention)]
    if not attentions:
        raise WrongTypeError(
            f"This {type(model).__name__} has no attention to single earlier pixels; a PixelSNAIL or an ImageGPT has."
        )
    maps: list[Tensor] = []

    def look(layer: CausalAttention, inputs: tuple[Tensor, ...]) -> None:
        maps.append(_weights(layer, inputs[0], inputs[1], positions))

    handles = [layer.register_forward_pre_hook(look) for layer in attentions]
    try:
        with torch.inference_mode(), evaluating(model):
            model(x[None].to(model.device), context=of_images(context, slice(None), model.device))
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(maps, dim=1).unflatten(-1, x.shape[1:]).clone()


def _weights(layer: CausalAttention, queries: Tensor, keys: Tensor, positions: Sequence[int]) -> Tensor:
    """(1, K, H, W) each -> (positions, heads, H * W). Keys that are delayed hold that of pixel u at place u + 1."""
    q, k = (h[0].flatten(1).double().unflatten(0, (layer.heads, -1)).cpu() for h in (queries, keys))
    maps = q.new_zeros(len(positions), layer.heads, q.shape[-1])
    for index, t in enumerate(positions):
        scores = torch.einsum("hk,hku->hu", q[:, :, t], k[:, :, layer.first : t + 1]) * k.shape[1] ** -0.5
        maps[index, :, : t + 1 - layer.first] = scores.softmax(-1)
    return maps
