"""The gated residual layer of PixelCNN++ and of the paper's PixelSNAIL."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.models.conditioning import Conditioning, conditioned
from pixelsnail.nn import Given, NormalizedConv, Segment, elu, gate

Activation = Literal["elu", "relu", "concat_elu"]
Convolution = Callable[..., NormalizedConv]
"""A kind of convolution: (inputs, outputs, init_scale=...) -> layer."""


def activate(name: Activation, h: Tensor) -> Tensor:
    """elu, relu or concat_elu(h) = elu([h, -h]), which has twice the channels."""
    if name == "elu":
        return elu(h)
    return F.relu(h) if name == "relu" else elu(torch.cat([h, -h], dim=1))


class GatedResidual(nn.Module):
    """h + a * sigmoid(b), [a, b] = conv_out(dropout(phi(conv_in(phi(h)) + skip(phi(beside)))))

    Salimans, Karpathy, Chen, Kingma 2017 (arXiv 1701.05517, section 2.4; sigmoid gates from van den Oord et al. 2016).
    `beside` is the number of channels of a second input, 0 for none; what images are conditioned on is added before the
    gate, at nodes of `node` pixels' width.
    """

    def __init__(
        self,
        channels: int,
        convolution: Convolution,
        activation: Activation,
        dropout: float,
        *,
        beside: int = 0,
        conditioning: Conditioning = Conditioning(),
        node: int = 1,
    ) -> None:
        super().__init__()
        double = 2 if activation == "concat_elu" else 1
        self.activation, self.dropout = activation, nn.Dropout(dropout)
        self.conv_in = convolution(double * channels, channels)
        self.skip = NormalizedConv(double * beside, channels) if beside else None
        self.conv_out = convolution(double * channels, 2 * channels, init_scale=0.1)
        self.map, self.label = conditioning.map_bias(2 * channels, node), conditioning.class_bias(2 * channels)

    def forward(self, h: Tensor, segment: Segment | None, given: Given, beside: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) -> the same."""
        hidden = self.conv_in(activate(self.activation, h), segment)
        if self.skip is not None and beside is not None:
            hidden = hidden + self.skip(activate(self.activation, beside), segment)
        hidden = self.conv_out(self.dropout(activate(self.activation, hidden)), segment)
        return h + gate(conditioned(hidden, self.map, self.label, given, segment))
