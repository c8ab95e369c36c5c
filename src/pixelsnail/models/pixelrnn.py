"""PixelRNN with Row LSTMs, the recurrent family that the paper starts from.

A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu: Pixel recurrent neural networks, 2016, arXiv 1601.06759, sections 3.1
and 3.5.
"""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.models.model import Head, Levels, Model, Shape, at_least
from pixelsnail.nn import CausalConv, PixelConv, Pointwise, RowLSTM, Segment, UnitScale


class PixelRNN(Model):
    """x -> stem -> [h + up(lstm(h))] * layers -> relu -> out_0 -> relu -> out_1 -> parameters of every pixel

    The stem is a 7 x 7 masked convolution (mask A) to 2 * channels; a Row LSTM has `channels` hidden units a pixel.
    What a pixel sees widens by a column on each side with every row up, in every layer, and all of it has to pass
    through the states of the row above. The defaults are the paper's MNIST model as far as it tells (7 layers of 16
    units): 57,345 parameters; it reports 80.54 nats, on the *static* binarisation. Works at any height and width.
    """

    by_rows = True
    edges: ClassVar[tuple[str, ...]] = ("stem", "out.1")

    def __init__(
        self,
        shape: Shape = (1, 28, 28),
        levels: Levels = 2,
        channels: Annotated[int, "hidden units of a Row LSTM at a pixel, half the width of the residual stream"] = 16,
        layers: Annotated[int, "residual Row LSTMs"] = 7,
        head_channels: Annotated[int, "width of the last hidden layer"] = 32,
        head: Head = None,
    ) -> None:
        super().__init__(shape, levels, head)
        channels, head_channels = at_least(1, channels=channels, head_channels=head_channels)
        (layers,) = at_least(0, layers=layers)
        self.stem = PixelConv(UnitScale(levels), CausalConv.masked(shape[0], 2 * channels, 7, centre=False))
        self.layers = nn.ModuleList(RowLSTM(2 * channels, channels) for _ in range(layers))
        self.ups = nn.ModuleList(Pointwise(channels, 2 * channels) for _ in range(layers))
        self.out = nn.ModuleList([Pointwise(2 * channels, head_channels), Pointwise(head_channels, self.head.size)])

    def forward(self, x: Tensor, segment: Segment | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        h = self.stem(x, segment)
        for layer, up in zip(self.layers, self.ups, strict=True):
            h = h + up(layer(h, segment))
        for out in self.out:
            h = out(F.relu(h))
        parameters: Tensor = h
        return parameters
