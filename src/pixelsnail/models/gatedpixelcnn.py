"""Gated PixelCNN, the baseline of pytorch-generative.

A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu: Conditional image generation with
PixelCNN decoders, 2016, arXiv 1606.05328, section 2.2 and figure 2; as in E. Hotaj's pytorch-generative
(github.com/EugenHotaj/pytorch-generative, models/autoregressive/gated_pixel_cnn.py), with skip connections, and 1 x n
and n x 1 convolutions in place of n x n.
"""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.models.model import Head, Levels, Model, Shape, at_least
from pixelsnail.nn import (
    Behind,
    CausalConv,
    PixelsBehind,
    Pointwise,
    RowAboveConv,
    Segment,
    UnitScale,
    laid_out,
    tanh_gate,
)


class GatedPixelCNN(Model):
    """Two stacks of gated layers: the vertical one sees the rows above, the horizontal one its row and what that gives.

    vertical:    x -> first -> layer -> ... -> layer
                        |        |               |
    horizontal:  x -> first -> layer -> ... -> layer       the skips of all, summed -> relu -> out_0 -> relu -> out_1

    The vertical stack's features of a pixel hold that pixel too. The horizontal one does not see it, since it reads
    rows above alone; in a segment the vertical stack is one pixel behind (`Behind`). As that stack looks to the sides
    in rows strictly above alone, the reference has the blind spot of PixelCNN, which the paper's does not. The defaults
    are the published MNIST model: 3,364,161 parameters, 81.50 nats. Works at any height and width.
    """

    edges: ClassVar[tuple[str, ...]] = ("first", "out.1")

    def __init__(
        self,
        shape: Shape = (1, 28, 28),
        levels: Levels = 2,
        channels: Annotated[int, "width of both stacks"] = 128,
        layers: Annotated[int, "gated layers after the first, which reads the image"] = 10,
        head_channels: Annotated[int, "width of the last hidden layer"] = 32,
        head: Head = None,
    ) -> None:
        super().__init__(shape, levels, head)
        channels, head_channels = at_least(1, channels=channels, head_channels=head_channels)
        (layers,) = at_least(0, layers=layers)
        self.pixels = PixelsBehind(UnitScale(levels))
        self.first = Layer(shape[0], channels, 7, first=True)
        self.layers = nn.ModuleList(Layer(channels, channels, 3, first=False) for _ in range(layers))
        self.out = nn.ModuleList([Pointwise(channels, head_channels), Pointwise(head_channels, self.head.size)])
        # Nothing reads what the last layer hands on. The reference keeps those weights, which get no gradient. Where it
        # is said that they need none, processes that share gradients (DDP) do not wait for it.
        last = [self.first, *self.layers][-1]
        for unread in (last.own, last.residual):
            unread.requires_grad_(False)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        image = laid_out(self.pixels(x, self.out[0].weight, segment))
        vertical, horizontal, h = self.first(image, image, segment)
        for layer in self.layers:
            vertical, horizontal, skip = layer(vertical, horizontal, segment)
            h = h + skip
        for out in self.out:
            h = out(F.relu(h))
        parameters: Tensor = h
        return parameters


class Layer(nn.Module):
    """A layer of both stacks (the paper's figure 2). The first one's horizontal stack must not see the pixel itself.

    vertical:    v -> row above -> column -> u -> + own(v) -> gate -> v
                                             |
    horizontal:                     s -> row + link(u) -> gate -+-> skip
                                                                +-> residual (+ s, but in the first) -> s
    """

    def __init__(self, inputs: int, channels: int, size: int, *, first: bool) -> None:
        super().__init__()
        side = size // 2
        self.first = first
        self.row_above = RowAboveConv(inputs, channels, side)
        self.column = CausalConv(channels, 2 * channels, above=side, left=0)
        self.own = Pointwise(inputs, 2 * channels)
        self.behind = Behind()
        self.link = Pointwise(2 * channels, 2 * channels)
        self.row = CausalConv(inputs, 2 * channels, above=0, left=side + first, right=-first, behind=int(first))
        self.residual = Pointwise(channels, channels)
        self.skip = Pointwise(channels, channels)

    def forward(self, v: Tensor, s: Tensor, segment: Segment | None) -> tuple[Tensor, Tensor, Tensor]:
        """Vertical and horizontal stack (B, inputs, H, W) -> both and the skip, (B, channels, H, W) each."""
        u = self.column(self.row_above(v, segment), segment)
        h = tanh_gate(self.link(u) + self.row(s, segment))
        v = tanh_gate(self.behind(u, segment) + self.own(v))
        residual: Tensor = self.residual(h)
        return v, residual if self.first else s + residual, self.skip(h)
