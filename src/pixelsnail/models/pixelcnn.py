"""PixelCNN, the baseline of pytorch-generative.

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu: Pixel recurrent neural networks, 2016, arXiv 1601.06759, section 3.5
and figure 5; as in E. Hotaj's pytorch-generative (github.com/EugenHotaj/pytorch-generative,
models/autoregressive/pixel_cnn.py), which adds every layer's input twice.
"""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.models.model import Head, Levels, Model, Shape, at_least
from pixelsnail.nn import CausalConv, PixelConv, Pointwise, Segment, UnitScale


class PixelCNN(Model):
    """x -> stem -> [2 h + layer(h)] * layers -> relu -> out_0 -> relu -> out_1 -> parameters of every pixel

    The stem is a 7 x 7 masked convolution (mask A), each layer has a 3 x 3 one (mask B). Such squares leave a blind
    spot: pixels above and further to the right that no depth reaches. The features double in every layer, 2 ** 15 fold
    by default: float16 may overflow, bfloat16 does not. The defaults are those of the reference, 3,223,617 parameters;
    its MNIST model has 16 channels: 53,569 parameters, 81.45 nats. Works at any height and width.
    """

    edges: ClassVar[tuple[str, ...]] = ("stem", "out.1")

    def __init__(
        self,
        shape: Shape = (1, 28, 28),
        levels: Levels = 2,
        channels: Annotated[int, "width of a layer's masked convolution, half that of the residual stream"] = 128,
        layers: Annotated[int, "residual layers, a masked convolution each"] = 15,
        head_channels: Annotated[int, "width of the last hidden layer"] = 32,
        head: Head = None,
    ) -> None:
        super().__init__(shape, levels, head)
        channels, head_channels = at_least(1, channels=channels, head_channels=head_channels)
        (layers,) = at_least(0, layers=layers)
        self.stem = PixelConv(UnitScale(levels), CausalConv.masked(shape[0], 2 * channels, 7, centre=False))
        self.layers = nn.ModuleList(Layer(channels) for _ in range(layers))
        self.out = nn.ModuleList([Pointwise(2 * channels, head_channels), Pointwise(head_channels, self.head.size)])

    def forward(self, x: Tensor, segment: Segment | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        h = self.stem(x, segment)
        for layer in self.layers:
            h = 2 * h + layer(h, segment)
        for out in self.out:
            h = out(F.relu(h))
        parameters: Tensor = h
        return parameters


class Layer(nn.Module):
    """narrow -> masked 3 x 3 -> wide, each after a relu; both sums with h are the model's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Pointwise(2 * channels, channels)
        self.masked = CausalConv.masked(channels, channels, 3, centre=True)
        self.wide = Pointwise(channels, 2 * channels)

    def forward(self, h: Tensor, segment: Segment | None) -> Tensor:
        """(B, 2 channels, H, W) -> the same."""
        h = self.masked(F.relu(self.narrow(F.relu(h))), segment)
        widened: Tensor = self.wide(F.relu(h))
        return widened
