"""PixelSNAIL with skip connections, the variant of pytorch-generative.

X. Chen, N. Mishra, M. Rohaninejad, P. Abbeel: PixelSNAIL: An improved autoregressive generative model, 2017, arXiv
1712.09763, figure 3; as simplified by E. Hotaj's pytorch-generative (github.com/EugenHotaj/pytorch-generative,
models/autoregressive/pixel_snail.py): a residual sum over blocks, ELU, one 3 x 3 masked convolution as the stem, keys
four channels wide, no weight normalisation and no dropout.
"""

from typing import ClassVar

from torch import Tensor, nn

from pixelsnail.models.model import Model, at_least
from pixelsnail.nn import (
    Cache,
    CausalConv,
    Delay,
    PixelConv,
    PixelDelay,
    Pointwise,
    Positions,
    StrictAttention,
    UnitScale,
    elu,
    gate,
)


class PixelSNAIL(Model):
    """x -> stem -> [h + block(h)] * blocks -> out_0 -> out_1 -> parameters of every pixel

    block:  h -> residual * residuals -+-> attention over (position, h, x) of all earlier pixels -+-> sum -> out
                                       +----------------------------------------------------------+

    The defaults are the published MNIST model: 905,889 parameters, 78.61 nats on dynamically binarised digits.
    `key` and `value` are the channels of the attention's keys and values, `stem` the size of the first kernel. Works at
    any height and width.
    For ablations: without `attention` a block is its residual convolutions and what follows them; with `residuals=0`
    only the stem looks at neighbours, and attention at all else.
    """

    meanings: ClassVar[dict[str, str]] = {
        **Model.meanings,
        "channels": "width of the residual stream",
        "blocks": "blocks, each with one attention",
        "residuals": "residual layers of a block, two causal convolutions each",
        "key": "channels of the attention's queries and keys",
        "value": "channels of the attention's values",
        "attention": "whether blocks attend at all",
        "stem": "rows and columns of the stem's masked kernel, an odd number of at least 3",
    }
    edges: ClassVar[tuple[str, ...]] = ("stem", "out.1")

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 28, 28),
        levels: int = 2,
        channels: int = 64,
        blocks: int = 8,
        residuals: int = 2,
        key: int = 4,
        value: int = 32,
        attention: bool = True,
        stem: int = 3,
        head: str | None = None,
    ) -> None:
        super().__init__(shape, levels, head)
        at_least(2, channels=channels)
        at_least(1, key=key, value=value)
        at_least(0, blocks=blocks, residuals=residuals)
        at_least(3, stem=stem)
        if stem % 2 == 0:
            raise ValueError(f"stem is {stem}; expected an odd number: a kernel has its pixel in the middle.")
        scale = UnitScale(levels)
        self.stem = PixelConv(scale, CausalConv.masked(shape[0], channels, stem, centre=False))
        self.position, self.position_before = Positions(), Positions(delay=True)
        self.pixel_before = PixelDelay(scale)
        self.blocks = nn.ModuleList(
            Block(shape[0], channels, residuals, key, value) if attention else ConvolutionBlock(channels, residuals)
            for _ in range(blocks)
        )
        self.out = nn.Sequential(Pointwise(channels, channels // 2), Pointwise(channels // 2, self.head.size))

    def forward(self, x: Tensor, cache: Cache | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); with a cache, a segment of each. Does not check levels."""
        h = self.stem(x, cache)
        position, position_before = self.position(h, cache), self.position_before(h, cache)
        pixel_before = self.pixel_before(x, h, cache)
        for block in self.blocks:
            h = h + block(h, position, position_before, pixel_before, cache)
        parameters: Tensor = self.out(h)
        return parameters


class Block(nn.Module):
    """Residual convolutions, then attention over all earlier pixels, then both merged (the paper's figure 2)."""

    def __init__(self, image: int, channels: int, residuals: int, key: int, value: int) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(channels) for _ in range(residuals))
        self.delay = Delay()
        self.query = Pointwise(2 + channels, key)
        self.key_value = Pointwise(2 + channels + image, key + value)
        self.attention = StrictAttention()
        self.project = Pointwise(value, value)
        self.residual_out = Pointwise(channels, channels)
        self.attention_out = Pointwise(value, channels)
        self.out = Pointwise(channels, channels)
        self.widths = (key, value)

    def forward(
        self, h: Tensor, position: Tensor, position_before: Tensor, pixel_before: Tensor, cache: Cache | None
    ) -> Tensor:
        """(B, channels, H, W) -> the same; the block's own sum with h is the model's."""
        for residual in self.residuals:
            h = residual(h, cache)
        queries = self.query(position, h)
        keys, values = self.key_value(position_before, self.delay(h, cache), pixel_before).split(self.widths, dim=1)
        attended = self.project(self.attention(queries, keys, values, cache))
        merged: Tensor = self.out(elu(elu(self.residual_out(elu(h))) + elu(self.attention_out(elu(attended)))))
        return elu(merged)


class ConvolutionBlock(nn.Module):
    """A block whose attention is left out, with its outermost layers kept."""

    def __init__(self, channels: int, residuals: int) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(channels) for _ in range(residuals))
        self.residual_out = Pointwise(channels, channels)
        self.out = Pointwise(channels, channels)

    def forward(
        self, h: Tensor, position: Tensor, position_before: Tensor, pixel_before: Tensor, cache: Cache | None
    ) -> Tensor:
        """(B, channels, H, W) -> the same; positions and pixels are those that attention would read."""
        for residual in self.residuals:
            h = residual(h, cache)
        merged: Tensor = self.out(elu(elu(self.residual_out(elu(h)))))
        return elu(merged)


class Residual(nn.Module):
    """h + gate(conv(elu(conv(elu(h))))), both convolutions 2 x 2 and causal."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input_conv = CausalConv(channels, channels, above=1, left=1)
        self.output_conv = CausalConv(channels, 2 * channels, above=1, left=1)

    def forward(self, h: Tensor, cache: Cache | None) -> Tensor:
        """(B, channels, H, W) -> the same."""
        return h + gate(self.output_conv(elu(self.input_conv(elu(h), cache)), cache))
