"""The paper's own PixelSNAIL.

X. Chen, N. Mishra, M. Rohaninejad, P. Abbeel: PixelSNAIL: An improved autoregressive generative model, 2017, arXiv
1712.09763, as in its authors' code (github.com/neocxi/pixelsnail-public, pixel_cnn_pp/model.py, the small-key family:
h12_noup_smallkey_spec is the published model).
"""

import math
from functools import partial
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from pixelsnail.models.conditioning import (
    Classes,
    Conditioning,
    LabelDropout,
    MapChannels,
    MapFeatures,
    MapKernel,
    MapLevels,
    MapRatio,
    MapResiduals,
    map_of,
)
from pixelsnail.models.gated import Activation, GatedResidual, activate
from pixelsnail.models.model import Levels, Model, Shape, at_least
from pixelsnail.nn import (
    Context,
    Delay,
    Given,
    NormalizedConv,
    PixelDelay,
    PooledStrictAttention,
    Positions,
    Segment,
    ShiftedPixelConv,
    StrictAttention,
    SymmetricScale,
    laid_out,
)


class PixelSNAILOriginal(Model):
    """x -> above + left -> block * blocks -> elu -> out -> parameters of every pixel

    block:  h -> residual * residuals -+-> attention over (x, h, position) of all earlier pixels -+-> merge -> h
                                       +----------------------------------------------------------+

    The defaults are the published CIFAR-10 model: 46,180,788 parameters, 2.85 bits/dim. Every convolution is weight
    normalised; `key` is the channels of queries and keys, values have half of `channels`. With `attention_downsample` f
    keys and values are the maxima of f x f pixels, and only blocks that lie before a pixel are seen. Works at any
    height and width that f divides. With `classes`, `context` is a class label of every image (B,), which adds a bias
    to every residual layer, as in PixelCNN++.
    """

    edges: ClassVar[tuple[str, ...]] = ("above", "left", "out")

    def __init__(
        self,
        shape: Shape = (3, 32, 32),
        levels: Levels = 256,
        channels: Annotated[int, "width of the residual stream"] = 256,
        blocks: Annotated[int, "blocks, each with one attention (12 in the published model)"] = 12,
        residuals: Annotated[int, "residual layers of a block, two causal convolutions each"] = 4,
        mixtures: Annotated[int, "components of the LogisticMixture"] = 10,
        key: Annotated[int, "channels of the attention's queries and keys"] = 16,
        attention_downsample: Annotated[int, "side of the squares of pixels that share a key and value"] = 1,
        activation: Annotated[Activation, "elu, relu or concat_elu"] = "elu",
        dropout: Annotated[float, "dropout in residual layers, while training"] = 0.5,
        classes: Classes = 0,
        label_dropout: LabelDropout = 0.0,
        map_levels: MapLevels = 0,
        map_ratio: MapRatio = 2,
        map_channels: MapChannels = 1,
        map_residuals: MapResiduals = 3,
        map_features: MapFeatures = 256,
        map_kernel: MapKernel = 3,
        head: Annotated[str | None, "Bernoulli, Categorical or LogisticMixture; null: LogisticMixture"] = None,
    ) -> None:
        head = head or "LogisticMixture"
        given_map = map_of(
            map_levels, ratio=map_ratio, channels=map_channels, residuals=map_residuals, features=map_features,
            kernel=map_kernel, dropout=dropout,
        )  # fmt: skip
        super().__init__(
            shape, levels, head, mixtures if head == "LogisticMixture" else None, classes, label_dropout, given_map
        )
        (channels,) = at_least(2, channels=channels)
        key, attention_downsample = at_least(1, key=key, attention_downsample=attention_downsample)
        blocks, residuals = at_least(0, blocks=blocks, residuals=residuals)
        conditioning = self.conditioning(map_features, blocks)
        self.granularity = math.lcm(self.granularity, attention_downsample)
        self.check_size(*shape[1:])
        image, scale = shape[0], SymmetricScale(levels)
        self.above = ShiftedPixelConv(scale, NormalizedConv(image + 1, channels, left=1, right=1), down=1, right=0)
        self.left = ShiftedPixelConv(scale, NormalizedConv(image + 1, channels, above=1), down=0, right=1)
        self.position, self.position_before = Positions(), Positions(delay=True)
        self.pixel_before = PixelDelay(scale)
        self.blocks = nn.ModuleList(
            Block(image, channels, residuals, key, attention_downsample, activation, dropout, conditioning)
            for _ in range(blocks)
        )
        self.out = NormalizedConv(channels, self.head.size)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        given = self.given(segment, context)
        h = laid_out(self.above(x, segment) + self.left(x, segment))
        pixel_before = self.pixel_before(x, h, segment)
        position, position_before = (
            planes(h, segment).repeat_interleave(x.shape[1], dim=1).expand(h.shape[0], -1, -1, -1)
            for planes in (self.position, self.position_before)
        )
        for block in self.blocks:
            h = block(h, position, position_before, pixel_before, segment, given)
        parameters: Tensor = self.out(activate("elu", h), segment)
        return parameters


class Block(nn.Module):
    """Residual layers, then attention over all earlier pixels, then both merged (the paper's figure 2)."""

    def __init__(
        self,
        image: int,
        channels: int,
        residuals: int,
        key: int,
        factor: int,
        activation: Activation,
        dropout: float,
        conditioning: Conditioning,
    ) -> None:
        super().__init__()
        residual = partial(GatedResidual, activation=activation, dropout=dropout, conditioning=conditioning)
        causal = partial(NormalizedConv, above=1, left=1)
        seen, asking = channels + 3 * image, channels + 2 * image
        self.residuals = nn.ModuleList(residual(channels, causal) for _ in range(residuals))
        self.delay = Delay()
        self.key_value_residual = residual(seen, NormalizedConv)
        self.key_value = NormalizedConv(seen, key + channels // 2)
        self.query_residual = residual(asking, NormalizedConv)
        self.query = NormalizedConv(asking, key)
        self.attention = StrictAttention() if factor == 1 else PooledStrictAttention(factor)
        self.merge = residual(channels, NormalizedConv, beside=channels // 2)
        self.widths = (key, channels // 2)

    def forward(
        self,
        h: Tensor,
        position: Tensor,
        position_before: Tensor,
        pixel_before: Tensor,
        segment: Segment | None,
        given: Given,
    ) -> Tensor:
        """(B, channels, H, W) -> the same."""
        for residual in self.residuals:
            h = residual(h, segment, given)
        known = torch.cat([pixel_before, self.delay(h, segment), position_before], dim=1)
        keys, values = self.key_value(self.key_value_residual(known, segment, given), segment).split(self.widths, dim=1)
        queries = self.query(self.query_residual(torch.cat([h, position], dim=1), segment, given), segment)
        merged: Tensor = self.merge(h, segment, given, self.attention(queries, keys, values, segment))
        return merged
