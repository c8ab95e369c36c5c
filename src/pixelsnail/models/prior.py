"""The PixelSNAIL prior over the codes of a VQ-VAE-2.

A. Razavi, A. van den Oord, O. Vinyals: Generating diverse high-fidelity images with VQ-VAE-2, 2019, arXiv 1906.00446;
as in K. Seonghyeon's vq-vae-2-pytorch (github.com/rosinality/vq-vae-2-pytorch, pixelsnail.py).
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pixelsnail.errors import WrongValueError
from pixelsnail.models.conditioning import (
    Classes,
    Gated,
    LabelDropout,
    MapChannels,
    MapFeatures,
    MapKernel,
    MapLevels,
    MapRatio,
    MapResiduals,
    check_odd,
    map_of,
    pointwise,
)
from pixelsnail.models.model import Levels, Model, Shape, at_least
from pixelsnail.nn import CodeConv, Context, Delay, Given, Positions, Segment, StrictAttention, StrictConv, elu
from pixelsnail.nn.derivatives import transformed

AT_ONCE = 2**23
"""Logits that are in memory at once where likelihoods alone are asked for: 32 MB in float32."""


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
        map_levels: MapLevels = 0,
        map_ratio: MapRatio = 2,
        map_channels: MapChannels = 1,
        map_residuals: MapResiduals = 3,
        map_features: MapFeatures = 256,
        map_kernel: MapKernel = 3,
        classes: Classes = 0,
        label_dropout: LabelDropout = 0.0,
        head: Annotated[str | None, "Bernoulli, Categorical or LogisticMixture; null: Categorical"] = None,
    ) -> None:
        given_map = map_of(
            map_levels, ratio=map_ratio, channels=map_channels, residuals=map_residuals, features=map_features,
            kernel=map_kernel, dropout=dropout,
        )  # fmt: skip
        super().__init__(
            shape, levels, head or "Categorical", classes=classes, label_dropout=label_dropout, given_map=given_map
        )
        at_least(1, channels=channels, residual_channels=residual_channels, heads=heads)
        at_least(0, blocks=blocks, residuals=residuals, out_residuals=out_residuals)
        check_odd(3, kernel=kernel)
        if attention and channels % (2 * heads):
            raise WrongValueError(
                f"channels is {channels} and heads {heads}; expected channels that twice the heads divide: attention "
                "has half of them."
            )
        conditioning = self.conditioning(map_features, blocks * residuals)
        self.stem = CodeConv(shape[0], levels, channels, kernel)
        self.position = Positions()
        residual = partial(
            Gated, channels, residual_channels, partial(StrictConv, size=kernel), dropout, conditioning=conditioning
        )
        self.blocks = nn.ModuleList(
            Block(channels, residuals, residual, heads if attention else 0, dropout) for _ in range(blocks)
        )
        self.out_residuals = nn.ModuleList(
            Gated(channels, residual_channels, pointwise, dropout) for _ in range(out_residuals)
        )
        self.out = pointwise(channels, self.head.size)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        return self.parameters_of(self.features(x, segment, context), segment)

    def features(self, x: Tensor, segment: Segment | None, context: Context | None) -> Tensor:
        """What the parameters of every pixel are made of, by a layer of single pixels: (B, channels, H, W)."""
        given = self.given(segment, context)
        h = self.stem(x, segment)
        position = self.position(h, segment).expand(h.shape[0], -1, -1, -1)
        for block in self.blocks:
            h = block(h, position, segment, given)
        for residual in self.out_residuals:
            h = residual(h, segment, given)
        return h

    def parameters_of(self, h: Tensor, segment: Segment | None = None) -> Tensor:
        """Features -> parameters (B, P, H, W)."""
        parameters: Tensor = self.out(elu(h), segment)
        return parameters

    def pixel_nats(self, x: Tensor, context: Context | None = None) -> Tensor:
        """As every model's. Of a large codebook the logits are never there at once: rows of pixels are scored one part
        after another, and a part's logits are computed again for its gradients. Not in compiled training."""
        width = len(x) * self.head.size * x.shape[3]  # logits of a row of pixels
        if width * x.shape[2] <= AT_ONCE or transformed() or torch.compiler.is_compiling():
            return super().pixel_nats(x, context)
        self.condition.present(context)
        parts = zip(
            *(h.split(max(1, AT_ONCE // width), dim=2) for h in (self.features(x, None, context), x)), strict=True
        )
        if not torch.is_grad_enabled():
            return torch.cat([self._nats(*part) for part in parts], dim=1)
        again = partial(checkpoint, self._nats, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([again(*part) for part in parts], dim=1)

    def _nats(self, h: Tensor, x: Tensor) -> Tensor:
        """-log p of the pixels whose features and levels these are: (B, h, W)."""
        return -self.head.distribution(self.parameters_of(h)).log_prob(x.permute(0, 2, 3, 1))


class Block(nn.Module):
    """Gated causal convolutions, then attention over all earlier pixels, then both merged; without heads no attention.

    Keys and values of a pixel, which depend on the pixels before it alone, are delayed by one pixel, since no pixel
    attends to its own.
    """

    def __init__(
        self, channels: int, residuals: int, residual: Callable[[], Gated], heads: int, dropout: float
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
