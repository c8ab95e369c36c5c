"""Weight normalisation: w = g v / |v|, with the norm of each output's weights (Salimans & Kingma 2016, eq. 2)."""

import copy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.convolution import CausalConv, convolve
from pixelsnail.nn.layout import channels_first
from pixelsnail.nn.raster import window
from pixelsnail.nn.segment import Segment


class Normalized(nn.Module):
    """What weight-normalised layers share: `weight` holds v, with outputs first, `gain` g, and `bias` b.

    Fresh weights are N(0, 0.05), gains 1 and biases 0, until `initialize` sets gains and biases from data, so that
    outputs have mean 0 and standard deviation `init_scale`. With an `init_scale` of None a layer starts as the one that
    is not normalised, its gains the norms of its weights, and no data set them. A merged layer has no gain: its weights
    are w.
    """

    weight: Tensor
    bias: Tensor | None
    gain: nn.Parameter | None
    init_scale: float | None

    def normalize(self, init_scale: float | None) -> None:
        """Makes the layer a fresh weight-normalised one."""
        self.init_scale = init_scale
        if init_scale is None:
            self.gain = nn.Parameter(torch.linalg.vector_norm(self.weight.detach(), dim=(1, 2, 3)))
            return
        self.gain = nn.Parameter(torch.ones(len(self.weight)))
        nn.init.normal_(self.weight, std=0.05)
        self.bias = nn.Parameter(torch.zeros(len(self.weight)))

    def kernel(self) -> Tensor:
        """The weights in effect, w."""
        return self.weight if self.gain is None else self.scaled(self.gain / self.norm())

    def direction(self) -> Tensor:
        """v / |v|."""
        return self.scaled(1 / self.norm())

    def norm(self) -> Tensor:
        """|v| of each output, (outputs,)."""
        return torch.linalg.vector_norm(self.weight, dim=(1, 2, 3))

    def scaled(self, factors: Tensor) -> Tensor:
        """v with each output's weights times a number (outputs,): one copy of them, and no other kept for gradients."""
        return self.weight * factors[:, None, None, None]


def merged(model: nn.Module) -> nn.Module:
    """The model with w in place of v and g, for inference; shares all other weights. The model itself without any."""
    if not any(isinstance(layer, Normalized) and layer.gain is not None for layer in model.modules()):
        return model
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    model = copy.deepcopy(model, cast(dict[int, object], shared))
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, Normalized):
                layer.weight, layer.gain = nn.Parameter(layer.kernel(), requires_grad=False), None
    return model


class NormalizedConv(Normalized, CausalConv):
    """A weight-normalised causal convolution."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        above: int = 0,
        left: int = 0,
        right: int = 0,
        stride: int = 1,
        node: int = 1,
        init_scale: float | None = 1.0,
    ) -> None:
        CausalConv.__init__(self, inputs, outputs, above=above, left=left, right=right, stride=stride, node=node)
        self.normalize(init_scale)

    def response(self, h: Tensor, segment: None = None) -> Tensor:
        """What v / |v| makes of a whole image, without gain and bias."""
        return convolve(h, self.direction(), None, (self.left, self.right, self.above, 0), self.stride[0])


class StrictConv(NormalizedConv):
    """A weight-normalised k x k convolution of the k - 1 rows above and of the pixels to the left (k odd).

    It does not see the pixel itself. The other taps of the last row are parameters without effect: they are zero before
    the norm is taken, which is that of the taps in effect (van den Oord et al. 2016, arXiv 1601.06759, mask A).
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        middle = size // 2
        super().__init__(inputs, outputs, above=size - 1, left=middle, right=middle, init_scale=None)
        mask = torch.ones(size, size)
        mask[-1, middle:] = 0
        self.register_buffer("mask", mask, persistent=False)
        self.offsets = tuple(offset for offset in self.offsets if offset < (0, 0))

    def taps(self) -> Tensor:
        """The weights in effect: (outputs, inputs, size, size)."""
        return self.kernel()

    def norm(self) -> Tensor:
        """|v| of each output's taps in effect, (outputs,)."""
        above, beside = self.weight[:, :, :-1], self.weight[:, :, -1, : self.left]
        return torch.hypot(
            *(torch.linalg.vector_norm(part, dim=tuple(range(1, part.dim()))) for part in (above, beside))
        )

    def scaled(self, factors: Tensor) -> Tensor:
        """v with each output's weights times a number (outputs,), zero at taps without effect."""
        return self.weight * (factors[:, None, None, None] * self.mask)


class NormalizedUpsampling(Normalized):
    """A weight-normalised transposed convolution that doubles the resolution; its outputs are nodes of `node` pixels.

    Output (2i + a, 2j + d - side) gets W[a, d] from input (i, j), cut to the image: for a kernel of (2, 2) `side` is 0
    and taps do not overlap, for one of (2, 3) it is 1, and every second column sees the input to its right too.
    """

    def __init__(self, channels: int, columns: int, node: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 2, columns))
        self.node, self.side = node, columns - 2
        self.offsets = window(0, 0, self.side, 2 * node)
        self.normalize(1.0)

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, C, H, W) -> (B, C, 2 H, 2 W); a segment -> a segment."""
        if segment is None:
            return F.conv_transpose2d(
                h, self.kernel().transpose(0, 1), self.bias, 2, padding=(0, self.side), output_padding=(0, self.side)
            )
        matrix, channels = segment.cache.once((self, "matrix"), self.matrix), len(self.weight)
        every = (segment.around(self, h, self.offsets, 2 * self.node) @ matrix).view(-1, 4, channels)
        quarter = segment.quarter(self.node)[:, None, None].expand(-1, 1, channels)
        out = every.gather(1, quarter)[:, 0]
        out = out if self.bias is None else out + self.bias
        return channels_first(out.view(segment.batch, 1, -1, channels))

    def matrix(self) -> Tensor:
        """The weights of the four outputs of an input: (offsets * C, 4 * C)."""
        kernel = self.kernel().permute(2, 3, 1, 0)  # (a, d, inputs, outputs)
        left, right = kernel.unbind(1)[:2] if not self.side else (kernel[:, 1], kernel[:, 2])
        own = torch.stack([left, right], dim=1).flatten(0, 1)  # (4, inputs, outputs)
        if not self.side:
            return own.transpose(0, 1).flatten(1).contiguous()
        ahead = torch.stack([torch.zeros_like(left), kernel[:, 0]], dim=1).flatten(0, 1)
        return torch.cat([own, ahead], dim=1).transpose(0, 1).flatten(1).contiguous()

    def response(self, h: Tensor, segment: None = None) -> Tensor:
        """What v / |v| makes of a whole image, uncut, with the row and column of zeros that the original has."""
        return F.pad(F.conv_transpose2d(h, self.direction().transpose(0, 1), stride=2), (0, 1, 0, 1))
