"""ImageGPT, the baseline of pytorch-generative.

M. Chen, A. Radford, R. Child, J. Wu, H. Jun, D. Luan, I. Sutskever: Generative pretraining from pixels, 2020, section
2.2; as in E. Hotaj's pytorch-generative (github.com/EugenHotaj/pytorch-generative,
models/autoregressive/image_gpt.py): a masked convolution of pixels in place of an embedding of colours, and every
block's input added twice.
"""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.models.model import Head, Levels, Model, Shape, at_least
from pixelsnail.nn import CausalAttention, CausalConv, LayerNorm, Pointwise, PositionedPixelConv, Segment, UnitScale


class ImageGPT(Model):
    """x + position -> stem -> [h + block(h)] * blocks -> norm -> out -> parameters of every pixel

    block:  h -> [h + attention(norm(h))] -> [h + wide(norm(h))]

    The stem is a 3 x 3 masked convolution, so that attention may include the pixel's own place. Every pixel has a
    learned position, so a model has one size of images. The defaults are those of the reference, 27,233 parameters; its
    MNIST model has 64 channels and 2 heads: 401,489 parameters, 79.17 nats.
    """

    edges: ClassVar[tuple[str, ...]] = ("stem", "out")

    def __init__(
        self,
        shape: Shape = (1, 28, 28),
        levels: Levels = 2,
        channels: Annotated[int, "width of the residual stream, of keys and of values, which the heads share"] = 16,
        blocks: Annotated[int, "transformer blocks"] = 8,
        heads: Annotated[int, "heads of each attention"] = 4,
        head: Head = None,
    ) -> None:
        super().__init__(shape, levels, head)
        channels, heads = at_least(1, channels=channels, heads=heads)
        (blocks,) = at_least(0, blocks=blocks)
        if channels % heads:
            raise WrongValueError(f"channels is {channels} and heads {heads}; expected channels that heads divides.")
        conv = CausalConv.masked(shape[0], channels, 3, centre=False)
        self.stem = PositionedPixelConv(UnitScale(levels), conv, self.shape)
        self.blocks = nn.ModuleList(Block(channels, heads) for _ in range(blocks))
        self.norm = LayerNorm(channels)
        self.out = Pointwise(channels, self.head.size)

    def check_size(self, height: int, width: int) -> None:
        """Raises ValueError for any size but the model's own."""
        if (height, width) != self.shape[1:]:
            own = "{} x {}".format(*self.shape[1:])
            raise WrongValueError(
                f"Images are {height} x {width}, but this ImageGPT has learned the positions of {own} pixels; "
                "resize or crop them, or train a model of their size."
            )

    def forward(self, x: Tensor, segment: Segment | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        h = self.stem(x, segment)
        for block in self.blocks:
            h = h + block(h, segment)
        parameters: Tensor = self.out(self.norm(h))
        return parameters


class Block(nn.Module):
    """A pre-norm transformer block: attention over all earlier places, then two 1 x 1 convolutions, each with a sum."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(channels)
        self.query = Pointwise(channels, channels)
        self.key_value = Pointwise(channels, 2 * channels)
        self.attention = CausalAttention(heads)
        self.project = Pointwise(channels, channels)
        self.wide_norm = LayerNorm(channels)
        self.wide_in, self.wide_out = Pointwise(channels, 4 * channels), Pointwise(4 * channels, channels)

    def forward(self, h: Tensor, segment: Segment | None) -> Tensor:
        """(B, channels, H, W) -> the same; the block's own sum with h is the model's."""
        normed = self.attention_norm(h)
        keys, values = self.key_value(normed).chunk(2, dim=1)
        h = h + self.project(self.attention(self.query(normed), keys, values, segment))
        widened: Tensor = self.wide_out(F.gelu(self.wide_in(self.wide_norm(h))))
        return h + widened
