"""The loss of the paper's own code (discretized_mix_logistic_loss), which is not quite a distribution: for tests."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def official_nats(levels: Tensor, parameters: Tensor) -> Tensor:
    """Nats of each image: (B,) from levels (B, H, W, 3) and parameters (B, H, W, 10 M)."""
    x = (levels.to(parameters.dtype) - 127.5) / 127.5
    mixtures = parameters.shape[-1] // 10
    logits = parameters[..., :mixtures]
    means, raw_scales, raw = parameters[..., mixtures:].unflatten(-1, (3, 3 * mixtures)).split(mixtures, dim=-1)
    # The gradient of max is 1 where its first argument is the larger one or equal, as TensorFlow's.
    log_scales = torch.where(raw_scales >= -7, raw_scales, torch.full_like(raw_scales, -7))
    k = raw.tanh()
    red, green = x[..., 0, None], x[..., 1, None]
    means = torch.stack(
        [
            means[..., 0, :],
            means[..., 1, :] + k[..., 0, :] * red,
            means[..., 2, :] + k[..., 1, :] * red + k[..., 2, :] * green,
        ],
        dim=-2,
    )
    x = x[..., None]
    plus, minus, middle = ((x - means + half) * (-log_scales).exp() for half in (1 / 255, -1 / 255, 0))
    mass = plus.sigmoid() - minus.sigmoid()
    narrow = middle - log_scales - 2 * F.softplus(middle) - math.log(127.5)
    inner = torch.where(mass > 1e-5, mass.clamp(min=1e-12).log(), narrow)
    each = torch.where(x < -0.999, plus - F.softplus(plus), torch.where(x > 0.999, -F.softplus(minus), inner))
    return -(each.sum(-2) + logits.log_softmax(-1)).logsumexp(-1).sum((1, 2))
