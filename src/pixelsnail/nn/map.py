"""What a map of codes adds to features: the same at all pixels of a square of `ratio` x `ratio`."""

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.layout import channels_first
from pixelsnail.nn.normalization import Normalized
from pixelsnail.nn.segment import Given, Segment


class CentredConv(Normalized):
    """A weight-normalised size x size convolution around each place of a whole map (size odd). Starts as torch's do."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        fresh = nn.Conv2d(inputs, outputs, size)
        self.weight, self.bias, self.size = fresh.weight, fresh.bias, size
        self.normalize(None)

    def forward(self, h: Tensor, segment: None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        return F.conv2d(h, self.kernel(), self.bias, padding=self.size // 2)


class MapBias(Normalized):
    """A weight-normalised linear map of a map's features, without bias, read at the place over each pixel.

    It is computed before the features are repeated `ratio` times in both directions: pointwise maps may be. Layers of a
    lower resolution add it at their nodes, `node` pixels wide.
    """

    def __init__(self, features: int, channels: int, ratio: int, node: int = 1) -> None:
        super().__init__()
        self.weight, self.bias = nn.Conv2d(features, channels, 1).weight, None
        self.name, self.ratio, self.repeated = ("map", ratio, ratio) if node == 1 else (f"map_{node}", node, 1)
        self.normalize(None)

    def forward(self, given: Given, segment: Segment | None = None) -> Tensor:
        """The features (B, H / ratio, W / ratio, D) in `given` -> (B, channels, H, W), or a segment of them."""
        if segment is not None:
            here = segment.place(channels_first(given[self.name]), self.ratio)
            matrix = segment.cache.once((self, "matrix"), lambda: self.kernel().flatten(1))
            return channels_first(F.linear(here.permute(0, 2, 3, 1), matrix))
        h = F.linear(given[self.name], self.kernel().flatten(1))
        batch, rows, columns, channels = h.shape
        r = self.repeated
        h = h[:, :, None, :, None].expand(batch, rows, r, columns, r, channels)
        return channels_first(h.reshape(batch, rows * r, columns * r, channels))
