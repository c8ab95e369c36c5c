"""Data-dependent initialisation of weight-normalised layers (Salimans & Kingma 2016, arXiv 1602.07868, section 3)."""

from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.nn.segment import Context


@torch.no_grad()
def initialize(model: nn.Module, x: Tensor, context: Context | None = None, eps: float = 1e-10) -> int:
    """Sets gains and biases so that every weight-normalised layer's outputs on levels x (B, C, H, W) are standardised.

    In the order in which one forward pass, in evaluation mode, calls the layers, each with
        y = its response, v / |v| applied to what the layers before it, already initialised, make of x,
        gain = init_scale / sqrt(var(y) + eps),   bias = -mean(y) gain,
    over batch and positions, for each output channel: outputs have mean 0 and standard deviation init_scale.
    A weight-normalised layer is one with a `gain`, a `response` and an `init_scale`. Returns how many there were;
    without any, nothing is done. An output that is the same everywhere gets a gain of init_scale / sqrt(eps), so give
    images that vary.
    The authors' own code has an eps of 1e-8 for convolutions and 1e-10 for those of single pixels.
    """
    layers = [layer for layer in model.modules() if _is_normalized(layer)]
    if not layers:
        return 0
    done = set[nn.Module]()

    def before(layer: Any, inputs: tuple[Any, ...]) -> None:
        if layer not in done:  # one that is called again keeps what its first output was computed with
            done.add(layer)
            _standardize(layer, layer.response(*inputs), eps)

    handles = [layer.register_forward_pre_hook(before) for layer in layers]
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()(x, context=context)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return len(done)


def _is_normalized(layer: nn.Module) -> bool:
    """Whether data set a layer's gain; one whose gain was merged into its weights has none any more."""
    return all(getattr(layer, name, None) is not None for name in ("response", "gain", "init_scale"))


def _standardize(layer: Any, response: Tensor, eps: float) -> None:
    """Sets gain and bias by the mean and the population variance of a response (B, out, h, w)."""
    variance, mean = torch.var_mean(response, dim=(0, 2, 3), correction=0)
    layer.gain.copy_(layer.init_scale / torch.sqrt(variance + eps))
    layer.bias.copy_(-mean * layer.gain)
