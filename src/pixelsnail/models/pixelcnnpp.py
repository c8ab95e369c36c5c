"""PixelCNN++.

T. Salimans, A. Karpathy, X. Chen, D. P. Kingma: PixelCNN++: Improving the PixelCNN with discretized logistic mixture
likelihood and other modifications, 2017, arXiv 1701.05517, as in its authors' code (github.com/openai/pixel-cnn,
pixel_cnn_pp/model.py, model_spec).
"""

from collections.abc import Sequence
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
    Above,
    Context,
    Given,
    NormalizedConv,
    NormalizedUpsampling,
    Segment,
    ShiftedPixelConv,
    SymmetricScale,
    laid_out,
)

NODES = (1, 2, 4)
"""Width in pixels of the nodes of the three resolutions."""


class PixelCNNpp(Model):
    """Two streams of residual layers, to a quarter of the resolution and back, n layers (or n + 1) at each resolution:

    rows:    x -> n -> halve -> n -> halve -> n -> n -> double -> n + 1 -> double -> n + 1
                  |             |             |    |              |                  |
    pixels:  x -> n -> halve -> n -> halve -> n -> n -> double -> n + 1 -> double -> n + 1 -> out

    Rows see all rows above; pixels see those and their own row to the left, and each layer of pixels takes what its
    fellow among rows gives. On the way back every layer also takes what its stream had at that point on the way there.
    The defaults are the published CIFAR-10 model: 53,659,080 parameters, 2.92 bits/dim. Height and width are divisible
    by 4. With `classes`, `context` is a class label of every image (B,).
    """

    by_rows = True
    granularity = 4
    edges: ClassVar[tuple[str, ...]] = ("rows.stream.stem", "above", "left", "out")

    def __init__(
        self,
        shape: Shape = (3, 32, 32),
        levels: Levels = 256,
        channels: Annotated[int, "width of both streams"] = 160,
        residuals: Annotated[int, "residual layers at each of the three resolutions, on the way down"] = 5,
        mixtures: Annotated[int, "components of the LogisticMixture"] = 10,
        activation: Annotated[Activation, "elu, relu or concat_elu"] = "concat_elu",
        dropout: Annotated[float, "dropout in residual layers, while training"] = 0.5,
        classes: Classes = 0,
        label_dropout: LabelDropout = 0.0,
        map_levels: MapLevels = 0,
        map_ratio: MapRatio = 2,
        map_channels: MapChannels = 1,
        map_residuals: MapResiduals = 3,
        map_features: MapFeatures = 160,
        map_kernel: MapKernel = 3,
        head: Annotated[str | None, "Bernoulli, Categorical or LogisticMixture; null: LogisticMixture"] = None,
    ) -> None:
        head = head or "LogisticMixture"
        given_map = map_of(
            map_levels, ratio=map_ratio, channels=map_channels, residuals=map_residuals, features=map_features,
            kernel=map_kernel, dropout=dropout, nodes=NODES,
        )  # fmt: skip
        super().__init__(
            shape, levels, head, mixtures if head == "LogisticMixture" else None, classes, label_dropout, given_map
        )
        channels, residuals = at_least(1, channels=channels, residuals=residuals)
        self.check_size(*shape[1:])
        image, scale = shape[0] + 1, SymmetricScale(levels)
        stream = partial(Stream, channels, residuals, activation, dropout, self.conditioning(map_features, residuals))
        stem = ShiftedPixelConv(scale, NormalizedConv(image, channels, above=1, left=1, right=1), down=1, right=0)
        self.rows = Above(Rows(stem, stream(right=1, fellows=False)), channels)
        self.above = ShiftedPixelConv(scale, NormalizedConv(image, channels, left=1, right=1), down=1, right=0)
        self.left = ShiftedPixelConv(scale, NormalizedConv(image, channels, above=1), down=0, right=1)
        self.pixels = stream(right=0, fellows=True)
        self.out = NormalizedConv(channels, self.head.size)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        given = self.given(segment, context)
        rows = self.rows(x, segment, given)
        h = self.above(x, segment) + self.left(x, segment)
        h = self.pixels(laid_out(h), rows, segment, given)[-1]
        parameters: Tensor = self.out(activate("elu", h), segment)
        return parameters


class Rows(nn.Module):
    """The stream that sees rows above alone, from its own first layer on."""

    def __init__(self, stem: ShiftedPixelConv, stream: "Stream") -> None:
        super().__init__()
        self.stem, self.stream = stem, stream

    def forward(self, x: Tensor, segment: Segment | None, given: Given) -> list[Tensor]:
        """Levels -> the features after each residual layer."""
        h = laid_out(self.stem(x, segment))
        features: list[Tensor] = self.stream(h, (), segment, given)
        return features


class Stream(nn.Module):
    """Residual layers at three resolutions, there and back. They see `right` columns ahead."""

    def __init__(
        self,
        channels: int,
        residuals: int,
        activation: Activation,
        dropout: float,
        conditioning: Conditioning,
        *,
        right: int,
        fellows: bool,
    ) -> None:
        super().__init__()
        convolutions = [partial(NormalizedConv, above=1, left=1, right=right, node=node) for node in NODES]

        def layers(resolution: int, count: int, beside: int) -> nn.ModuleList:
            layer = partial(
                GatedResidual, channels, convolutions[resolution], activation, dropout, beside=beside,
                conditioning=conditioning, node=NODES[resolution],
            )  # fmt: skip
            return nn.ModuleList(layer() for _ in range(count))

        self.there = nn.ModuleList(layers(i, residuals, fellows * channels) for i in (0, 1, 2))
        self.downsample = nn.ModuleList(convolutions[i](channels, channels, stride=2) for i in (1, 2))
        self.back = nn.ModuleList(layers(i, residuals + (i < 2), (fellows + 1) * channels) for i in (2, 1, 0))
        self.upsample = nn.ModuleList(NormalizedUpsampling(channels, 2 + right, NODES[i]) for i in (1, 0))

    def forward(self, h: Tensor, fellows: Sequence[Tensor], segment: Segment | None, given: Given) -> list[Tensor]:
        """Features of the full resolution -> those after each residual layer; `fellows` are the other stream's."""
        kept, found, others = [h], list[Tensor](), iter(fellows)
        for i, layers in enumerate(self.there):
            if i > 0:
                h = self.downsample[i - 1](h, segment)
                kept.append(h)
            for layer in layers.children():
                h = layer(h, segment, given, next(others, None))
                kept.append(h)
                found.append(h)
        kept.pop()
        for i, layers in enumerate(self.back):
            if i > 0:
                h = self.upsample[i - 1](h, segment)
            for layer in layers.children():
                beside = [*([next(others)] if fellows else []), kept.pop()]
                h = layer(h, segment, given, torch.cat(beside, dim=1))
                found.append(h)
        return found
