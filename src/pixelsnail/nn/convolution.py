"""Convolutions: over earlier pixels only, and over single pixels."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.nn.derivatives import transformed
from pixelsnail.nn.layout import channels_first, channels_last
from pixelsnail.nn.raster import window
from pixelsnail.nn.segment import Segment


class CausalConv(nn.Conv2d):
    """A convolution that sees `above` rows up, `left` columns back, and `right` columns ahead.

    Without a mask the kernel is (above + 1, left + 1 + right): the pixel itself, its neighbours in the row and those
    above them. Seeing to the right in its own row is for streams that know the rows above alone (`Above`).
    `CausalConv.masked` is the k x k masked convolution of van den Oord et al. 2016 (arXiv 1601.06759, section 3.4): the
    rows above whole, the current one up to the centre, which mask A hides and mask B keeps. Masked taps are parameters
    without effect, as in every implementation of it, so that parameters count and initialise alike.

    `stride` 2 halves the resolution. `node` is the side, in pixels, of the square that one feature stands for; in a
    segment that feature is repeated at each of its pixels. With `behind` 1 the input at pixel t contains pixel t
    already (`Behind`), so the kernel must leave t out: `right` is -1, or the kernel lies in the row above.
    """

    mask: Tensor | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        above: int,
        left: int,
        right: int = 0,
        stride: int = 1,
        node: int = 1,
        behind: int = 0,
    ) -> None:
        super().__init__(inputs, outputs, (above + 1, left + 1 + right), stride=stride)
        self.above, self.left, self.right, self.node, self.behind = above, left, right, node, behind
        self.register_buffer("mask", None, persistent=False)
        self.offsets = window(above, left, right, node // stride)

    @classmethod
    def masked(cls, inputs: int, outputs: int, size: int, *, centre: bool) -> "CausalConv":
        """The size x size masked convolution (size odd); `centre` tells whether a pixel sees itself (mask B) or not."""
        middle = size // 2
        layer = cls(inputs, outputs, above=size - 1, left=size - 1)  # initialises by the full kernel, as published
        layer.above, layer.left, layer.right = middle, middle, middle
        mask = torch.ones(middle + 1, size)
        mask[middle, middle + centre :] = 0
        layer.register_buffer("mask", mask, persistent=False)
        layer.offsets = tuple((int(r) - middle, int(c) - middle) for r, c in mask.nonzero())
        return layer

    def kernel(self) -> Tensor:
        """The weights in effect, masked or not: (outputs, inputs, rows, columns)."""
        return self.weight

    def taps(self) -> Tensor:
        """The weights in effect: (outputs, inputs, above + 1, left + 1 + right)."""
        if self.mask is None:
            return self.kernel()
        return self.kernel()[:, :, : self.above + 1] * self.mask

    def matrix(self) -> Tensor:
        """The weights at `offsets`: (offsets * inputs, outputs)."""
        kernel = self.kernel()[:, :, : self.above + 1].flatten(2)  # (outputs, inputs, places)
        if self.mask is not None:
            kernel = kernel[:, :, self.mask.flatten().bool()]
        return kernel.permute(2, 1, 0).flatten(0, 1).contiguous()

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride); a segment -> a segment."""
        if segment is None:
            return convolve(h, self.taps(), self.bias, (self.left, self.right, self.above, 0), self.stride[0])
        if self.offsets == ((0, 0),):  # sees nothing but the pixel itself
            return self.combine(channels_last(h).flatten(0, 2), segment)
        return self.combine(segment.around(self, h, self.offsets, self.node, self.behind), segment)

    def combine(self, seen: Tensor, segment: Segment) -> Tensor:
        """What the taps make of the features at `offsets`: (B * n, offsets * inputs) -> (B, outputs, 1, n)."""
        matrix: Tensor = segment.cache.once((self, "matrix"), self.matrix)
        out = seen @ matrix if self.bias is None else torch.addmm(self.bias, seen, matrix)
        return channels_first(out.view(segment.batch, 1, -1, self.out_channels))


class RowAboveConv(CausalConv):
    """A 1 x (2 side + 1) convolution of the row above, over a stream that is one pixel behind.

    The first row, which has none above it, gets zero (and not the bias).
    """

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__(inputs, outputs, above=0, left=side, right=side, behind=1)
        self.offsets = tuple((-1, column) for _, column in self.offsets)

    def forward(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W); a segment -> a segment."""
        out = super().forward(h, segment)
        if segment is None:
            return F.pad(out, (0, 0, 1, -1))
        return out * segment.later(out.dtype, segment.cache.width)


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution. Given several inputs, that of their concatenation along channels, which it never makes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, *inputs: Tensor) -> Tensor:
        """(B or 1, inputs_i, H, W) for each -> (B, outputs, H, W)."""
        product = _by_convolution if torch.is_grad_enabled() else _by_matrix
        if len(inputs) == 1:
            return product(inputs[0], self.weight, self.bias)
        parts = self.weight.split([h.shape[1] for h in inputs], dim=1)
        out = sum(product(h, part, None) for h, part in zip(inputs[1:], parts[1:], strict=True))
        return product(inputs[0], parts[0], self.bias) + out


def _by_matrix(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1 x 1 convolution as one matrix product: the faster forwards, above all for few pixels."""
    return channels_first(F.linear(channels_last(h), weight.flatten(1), bias))


def _by_convolution(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1 x 1 convolution as one: the faster backwards, where the bias's gradient comes with that of the weight."""
    return F.conv2d(h, weight, bias)


def convolve(
    h: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int, int, int], stride: int = 1
) -> Tensor:
    """The convolution of h with (left, right, above, below) zeros around it, which keeps h and not its padded copy.

    A padding of -1 cuts a row or column off. In training h is an activation's output, which that activation keeps
    anyway.
    """
    if not any(padding):
        return F.conv2d(h, weight, bias, stride)
    plain = stride > 1 or min(padding) < 0 or not torch.is_grad_enabled()
    if plain or torch.compiler.is_compiling() or transformed():
        return F.conv2d(F.pad(h, padding), weight, bias, stride)
    if torch.is_autocast_enabled(h.device.type):  # a Function sees to its own dtype
        dtype = torch.get_autocast_dtype(h.device.type)
        h, weight, bias = h.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    return _Convolve.apply(h, weight, bias, padding)  # type: ignore[no-untyped-call]


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int, int, int]) -> Tensor:
        ctx.save_for_backward(h, weight)
        ctx.padding, ctx.biases = padding, None if bias is None else [len(bias)]
        return F.conv2d(F.pad(h, padding), weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        h, weight = ctx.saved_tensors
        needs = list(ctx.needs_input_grad[:3])
        grad_h, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            grads[0], F.pad(h, ctx.padding), weight, ctx.biases, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, needs
        )
        if grad_h is not None:
            left, _, above, _ = ctx.padding
            grad_h = grad_h[:, :, above : above + h.shape[2], left : left + h.shape[3]]
        return grad_h, grad_weight, grad_bias, None
