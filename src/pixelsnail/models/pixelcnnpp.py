"""PixelCNN++.

T. Salimans, A. Karpathy, X. Chen, D. P. Kingma: PixelCNN++: Improving the PixelCNN with discretized logistic mixture
likelihood and other modifications, 2017, arXiv 1701.05517, as in its authors' code (github.com/openai/pixel-cnn,
pixel_cnn_pp/model.py, model_spec).
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from pixelsnail.models.gated import Activation, GatedResidual, activate
from pixelsnail.models.model import Model, at_least
from pixelsnail.nn import Above, Cache, NormalizedConv, NormalizedUpsampling, ShiftedPixelConv, SymmetricScale

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
    by 4. With `classes`, `context` is a class label for every image (B,).
    """

    meanings: ClassVar[dict[str, str]] = {
        **Model.meanings,
        "head": "Bernoulli, Categorical or LogisticMixture; null: LogisticMixture",
        "channels": "width of both streams",
        "residuals": "residual layers at each of the three resolutions, on the way down",
        "mixtures": "components of the LogisticMixture",
        "activation": "elu, relu or concat_elu",
        "dropout": "dropout in residual layers, while training",
        "classes": "number of classes that images may be conditioned on; 0: unconditional",
    }
    by_rows = True
    granularity = 4
    edges: ClassVar[tuple[str, ...]] = ("rows.stream.stem", "above", "left", "out")

    def __init__(
        self,
        shape: tuple[int, int, int] = (3, 32, 32),
        levels: int = 256,
        channels: int = 160,
        residuals: int = 5,
        mixtures: int = 10,
        activation: Activation = "concat_elu",
        dropout: float = 0.5,
        classes: int = 0,
        head: str | None = None,
    ) -> None:
        head = head or "LogisticMixture"
        super().__init__(shape, levels, head, mixtures if head == "LogisticMixture" else None)
        at_least(1, channels=channels, residuals=residuals)
        at_least(0, classes=classes)
        self.check_size(*shape[1:])
        self.classes = classes
        image, scale = shape[0] + 1, SymmetricScale(levels)
        stream = partial(Stream, channels, residuals, activation, dropout, classes)
        stem = ShiftedPixelConv(scale, NormalizedConv(image, channels, above=1, left=1, right=1), down=1, right=0)
        self.rows = Above(Rows(stem, stream(right=1, fellows=False)), channels)
        self.above = ShiftedPixelConv(scale, NormalizedConv(image, channels, left=1, right=1), down=1, right=0)
        self.left = ShiftedPixelConv(scale, NormalizedConv(image, channels, above=1), down=0, right=1)
        self.pixels = stream(right=0, fellows=True)
        self.out = NormalizedConv(channels, self.head.size)

    def forward(self, x: Tensor, cache: Cache | None = None, context: Tensor | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); with a cache, a segment of each. Does not check levels."""
        rows = self.rows(x, cache, context)
        h = self.above(x, cache) + self.left(x, cache)
        h = self.pixels(h.contiguous(memory_format=torch.channels_last), rows, cache, context)[-1]
        parameters: Tensor = self.out(activate("elu", h), cache)
        return parameters


class Rows(nn.Module):
    """The stream that sees rows above alone, from its own first layer on."""

    def __init__(self, stem: ShiftedPixelConv, stream: "Stream") -> None:
        super().__init__()
        self.stem, self.stream = stem, stream

    def forward(self, x: Tensor, cache: Cache | None, context: Tensor | None) -> list[Tensor]:
        """Levels -> the features after each residual layer."""
        h = self.stem(x, cache).contiguous(memory_format=torch.channels_last)
        features: list[Tensor] = self.stream(h, (), cache, context)
        return features


class Stream(nn.Module):
    """Residual layers at three resolutions, there and back. They see `right` columns ahead."""

    def __init__(
        self,
        channels: int,
        residuals: int,
        activation: Activation,
        dropout: float,
        classes: int,
        *,
        right: int,
        fellows: bool,
    ) -> None:
        super().__init__()
        convolutions = [partial(NormalizedConv, above=1, left=1, right=right, node=node) for node in NODES]

        def layers(resolution: int, count: int, beside: int) -> nn.ModuleList:
            layer = partial(
                GatedResidual, channels, convolutions[resolution], activation, dropout, beside=beside, classes=classes
            )
            return nn.ModuleList(layer() for _ in range(count))

        self.there = nn.ModuleList(layers(i, residuals, fellows * channels) for i in (0, 1, 2))
        self.downsample = nn.ModuleList(convolutions[i](channels, channels, stride=2) for i in (1, 2))
        self.back = nn.ModuleList(layers(i, residuals + (i < 2), (fellows + 1) * channels) for i in (2, 1, 0))
        self.upsample = nn.ModuleList(NormalizedUpsampling(channels, 2 + right, NODES[i]) for i in (1, 0))

    def forward(
        self, h: Tensor, fellows: Sequence[Tensor], cache: Cache | None, context: Tensor | None
    ) -> list[Tensor]:
        """Features of the full resolution -> those after each residual layer; `fellows` are the other stream's."""
        kept, found, others = [h], list[Tensor](), iter(fellows)
        for i, layers in enumerate(self.there):
            if i > 0:
                h = self.downsample[i - 1](h, cache)
                kept.append(h)
            for layer in layers.children():
                h = layer(h, cache, next(others, None), context)
                kept.append(h)
                found.append(h)
        kept.pop()
        for i, layers in enumerate(self.back):
            if i > 0:
                h = self.upsample[i - 1](h, cache)
            for layer in layers.children():
                beside = [*([next(others)] if fellows else []), kept.pop()]
                h = layer(h, cache, torch.cat(beside, dim=1), context)
                found.append(h)
        return found
