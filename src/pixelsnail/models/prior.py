"""The PixelSNAIL prior over the codes of a VQ-VAE-2.

A. Razavi, A. van den Oord, O. Vinyals: Generating diverse high-fidelity images with VQ-VAE-2, 2019, arXiv 1906.00446;
as in K. Seonghyeon's vq-vae-2-pytorch (github.com/rosinality/vq-vae-2-pytorch, pixelsnail.py).
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import Labels, Map, conditions
from pixelsnail.models.model import Levels, Model, Shape, at_least
from pixelsnail.nn import (
    CentredCodeConv,
    CentredConv,
    ClassBias,
    CodeConv,
    Context,
    Delay,
    Given,
    MapBias,
    NormalizedConv,
    Positions,
    Segment,
    StrictAttention,
    StrictConv,
    elu,
    gate,
)

Convolution = Callable[[int, int], nn.Module]
"""A kind of convolution: (inputs, outputs) -> layer."""
pointwise = partial(NormalizedConv, init_scale=None)


class PixelSNAILPrior(Model):
    """codes -> stem -> block * blocks -> gated * out_residuals -> elu -> out -> parameters of every pixel

    block:  h -> gated * residuals -+-> attention over (h, that, position) of all earlier pixels -+-> merge -> h
                                    +-------------------------------------------------------------+

    The defaults are the published top model, 84,873,280 parameters; the bottom one has `attention=False` and
    `map_levels=512`, 89,762,816. Codes are read from tables, every convolution is weight normalised and none sees its
    own pixel; attention has half of `channels`. Without `attention` a block ends in a convolution of single pixels.

    With `map_levels` images are conditioned on a map of codes of another level: `context` is then
    (B, map_channels, H / map_ratio, W / map_ratio), and a stack of convolutions of it adds to every residual layer of
    the blocks. With `classes` it is a class label of every image (B,), which adds a bias there. Works at any height and
    width that `map_ratio` divides. Dropout acts in gated layers; the reference drops weights of attention as
    well. The first pixels of a row do not see the end of the row above through the stem, as in the reference.
    """

    edges: ClassVar[tuple[str, ...]] = ("stem", "out")

    def __init__(
        self,
        shape: Shape = (1, 32, 32),
        levels: Levels = 512,
        channels: Annotated[int, "width of the residual stream"] = 256,
        kernel: Annotated[int, "height and width of the causal convolutions, odd"] = 5,
        blocks: Annotated[int, "blocks, each with one attention"] = 4,
        residuals: Annotated[int, "gated layers of a block, two causal convolutions each"] = 4,
        residual_channels: Annotated[int, "width between the two convolutions of a gated layer"] = 256,
        attention: Annotated[bool, "whether blocks attend at all"] = True,
        heads: Annotated[int, "heads of each attention"] = 8,
        out_residuals: Annotated[int, "gated layers of single pixels after the blocks"] = 0,
        dropout: Annotated[float, "dropout in gated layers, while training"] = 0.1,
        map_levels: Annotated[int, "levels of the map of codes that images are conditioned on; 0: none"] = 0,
        map_ratio: Annotated[int, "pixels for one place of the map, in height and width"] = 2,
        map_channels: Annotated[int, "codes at a place of the map"] = 1,
        map_residuals: Annotated[int, "gated layers that the map passes through"] = 3,
        map_features: Annotated[int, "width of the layers that the map passes through"] = 256,
        map_kernel: Annotated[int, "height and width of their convolutions, odd"] = 3,
        classes: Annotated[int, "number of classes that images may be conditioned on; 0: unconditional"] = 0,
        head: Annotated[str | None, "Bernoulli, Categorical or LogisticMixture; null: Categorical"] = None,
    ) -> None:
        super().__init__(shape, levels, head or "Categorical", classes=classes)
        at_least(1, channels=channels, residual_channels=residual_channels, heads=heads)
        at_least(0, blocks=blocks, residuals=residuals, out_residuals=out_residuals, map_levels=map_levels)
        _check_odd(3, kernel=kernel)
        if attention and channels % (2 * heads):
            raise WrongValueError(
                f"channels is {channels} and heads {heads}; expected channels that twice the heads divide: attention "
                "has half of them."
            )
        if (map_levels or classes) and not blocks * residuals:
            raise WrongValueError("What images are conditioned on acts in residual layers, and there are none.")
        if map_levels:
            at_least(2, map_levels=map_levels)
            at_least(1, map_ratio=map_ratio, map_channels=map_channels, map_features=map_features)
            at_least(0, map_residuals=map_residuals)
            _check_odd(1, map_kernel=map_kernel)
            stack = ConditioningStack(map_channels, map_levels, map_features, map_residuals, map_kernel, dropout)
            labels = Labels(classes) if classes else None
            self.condition = conditions(labels=labels, map=Map(map_channels, map_levels, map_ratio, stack))
            self.granularity = map_ratio
            self.check_size(*shape[1:])
        self.stem = CodeConv(shape[0], levels, channels, kernel)
        self.position = Positions()
        residual = partial(
            Gated, channels, residual_channels, partial(StrictConv, size=kernel), dropout, classes=classes,
            features=map_features if map_levels else 0, ratio=map_ratio,
        )  # fmt: skip
        self.blocks = nn.ModuleList(
            Block(channels, residuals, residual, heads if attention else 0, dropout) for _ in range(blocks)
        )
        self.out_residuals = nn.ModuleList(
            Gated(channels, residual_channels, pointwise, dropout) for _ in range(out_residuals)
        )
        self.out = pointwise(channels, self.head.size)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        given = self.given(segment, context)
        h = self.stem(x, segment)
        position = self.position(h, segment).expand(h.shape[0], -1, -1, -1)
        for block in self.blocks:
            h = block(h, position, segment, given)
        for residual in self.out_residuals:
            h = residual(h, segment, given)
        parameters: Tensor = self.out(elu(h), segment)
        return parameters


class Block(nn.Module):
    """Gated causal convolutions, then attention over all earlier pixels, then both merged; without heads no attention.

    Keys and values of a pixel, which depend on the pixels before it alone, are delayed by one pixel, since no pixel
    attends to its own.
    """

    def __init__(
        self, channels: int, residuals: int, residual: Callable[[], "Gated"], heads: int, dropout: float
    ) -> None:
        super().__init__()
        half, asking, seen = channels // 2, channels + 2, 2 * channels + 2
        self.residuals = nn.ModuleList(residual() for _ in range(residuals))
        self.attention = StrictAttention(heads) if heads else None
        if not heads:
            self.out = pointwise(asking, channels)
            return
        self.key_residual = Gated(seen, channels, pointwise, dropout)
        self.query_residual = Gated(asking, channels, pointwise, dropout)
        self.query, self.key, self.value = pointwise(asking, half), pointwise(seen, half), pointwise(seen, half)
        self.delay = Delay()
        self.merge = Gated(channels, channels, pointwise, dropout, beside=half)

    def forward(self, h: Tensor, position: Tensor, segment: Segment | None, given: Given) -> Tensor:
        """(B, channels, H, W) -> the same."""
        r = h
        for residual in self.residuals:
            r = residual(r, segment, given)
        asking = torch.cat([r, position], dim=1)
        merged: Tensor
        if self.attention is None:
            merged = self.out(asking, segment)
            return merged
        seen = self.key_residual(torch.cat([h, asking], dim=1), segment, given)
        pairs = torch.cat([self.key(seen, segment), self.value(seen, segment)], dim=1)
        keys, values = self.delay(pairs, segment).chunk(2, dim=1)
        queries = self.query(self.query_residual(asking, segment, given), segment)
        merged = self.merge(r, segment, given, self.attention(queries, keys, values, segment))
        return merged


class Gated(nn.Module):
    """h + a * sigmoid(b), [a, b] = conv_out(dropout(elu(conv_in(elu(h)) + skip(elu(beside))))) + map + class

    `hidden` is the width between the two convolutions, `beside` that of a second input, `features` that of the map's
    features and `classes` the number of class labels; 0 for none.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        convolution: Convolution,
        dropout: float,
        *,
        beside: int = 0,
        features: int = 0,
        ratio: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.conv_in, self.conv_out = convolution(channels, hidden), convolution(hidden, 2 * channels)
        self.dropout = nn.Dropout(dropout)
        self.skip = pointwise(beside, hidden) if beside else None
        self.map = MapBias(features, 2 * channels, ratio) if features else None
        self.label = ClassBias(classes, 2 * channels) if classes else None

    def forward(self, h: Tensor, segment: Segment | None, given: Given, beside: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) -> the same."""
        hidden = self.conv_in(elu(h), segment)
        if self.skip is not None and beside is not None:
            hidden = hidden + self.skip(elu(beside), segment)
        opened = self.conv_out(self.dropout(elu(hidden)), segment)
        if self.map is not None:
            opened = opened + self.map(given, segment)
        if self.label is not None:
            opened = opened + self.label(given)
        return h + gate(opened)


class ConditioningStack(nn.Module):
    """map of codes -> stem -> gated * residuals -> features. Convolutions see all around: the map is known."""

    def __init__(self, channels: int, levels: int, features: int, residuals: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.stem = CentredCodeConv(channels, levels, features, kernel)
        convolution = partial(CentredConv, size=kernel)
        self.residuals = nn.ModuleList(Gated(features, features, convolution, dropout) for _ in range(residuals))

    def forward(self, context: Tensor) -> Tensor:
        """Levels (B, C, H, W) -> (B, features, H, W)."""
        h: Tensor = self.stem(context)
        for residual in self.residuals:
            h = residual(h, None, {})
        return h


def _check_odd(least: int, **arguments: int) -> None:
    at_least(least, **arguments)
    for name, value in arguments.items():
        if value % 2 == 0:
            raise WrongValueError(f"{name} is {value}; expected an odd number: kernels have a middle.")
