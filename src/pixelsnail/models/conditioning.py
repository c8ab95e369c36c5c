"""What conditions add inside a model: a bias of the class and of a map's features before every gate.

The stack that makes features of a map is that of K. Seonghyeon's vq-vae-2-pytorch (pixelsnail.py of
github.com/rosinality/vq-vae-2-pytorch); the bias of a class that of Salimans et al. 2017 (arXiv 1701.05517).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import Map
from pixelsnail.nn import CentredCodeConv, CentredConv, ClassBias, Given, MapBias, NormalizedConv, Segment, elu, gate
from pixelsnail.whole import whole

# The arguments of conditional models, each with its meaning for `--help`.
Classes = Annotated[int, "number of classes that images may be conditioned on; 0: unconditional"]
LabelDropout = Annotated[float, "share of labels left out in training, as guidance needs it; 0: none"]
MapLevels = Annotated[int, "levels of the map that images are conditioned on; 0: none, unless data.maps gives one"]
MapRatio = Annotated[int, "pixels for one place of the map, in height and width"]
MapChannels = Annotated[int, "codes at a place of the map"]
MapResiduals = Annotated[int, "gated layers that the map passes through"]
MapFeatures = Annotated[int, "width of the layers that the map passes through"]
MapKernel = Annotated[int, "height and width of their convolutions, odd"]

Convolution = Callable[[int, int], nn.Module]
"""A kind of convolution: (inputs, outputs) -> layer."""
pointwise = partial(NormalizedConv, init_scale=None)


@dataclass(frozen=True)
class Conditioning:
    """What gated layers are conditioned on.

    labels      how many labels there are, that of none among them; 0 for none
    features    the width of the map's features; 0 for no map
    ratio       pixels for one place of the map
    """

    labels: int = 0
    features: int = 0
    ratio: int = 1

    def __bool__(self) -> bool:
        return bool(self.labels or self.features)

    def map_bias(self, channels: int, node: int = 1) -> MapBias | None:
        """The layer that adds the map's features to `channels`, at nodes of some width."""
        return MapBias(self.features, channels, self.ratio, node) if self.features else None

    def class_bias(self, channels: int) -> ClassBias | None:
        """The layer that adds the label's bias."""
        return ClassBias(self.labels, channels) if self.labels else None


def conditioned(
    h: Tensor, map_bias: MapBias | None, class_bias: ClassBias | None, given: Given, segment: Segment | None
) -> Tensor:
    """Features with what the conditions add."""
    if map_bias is not None:
        h = h + map_bias(given, segment)
    return h if class_bias is None else h + class_bias(given)


def map_of(
    levels: int,
    *,
    ratio: int,
    channels: int,
    residuals: int,
    features: int,
    kernel: int,
    dropout: float = 0.0,
    nodes: Sequence[int] = (1,),
) -> Map | None:
    """The condition of a model's arguments of the same names, with `map_` before them; None for 0 levels."""
    if not whole("map_levels", levels, 0):
        return None
    whole("map_levels", levels, 2)
    for name, value, least in (
        ("map_ratio", ratio, 1),
        ("map_channels", channels, 1),
        ("map_features", features, 1),
        ("map_residuals", residuals, 0),
    ):
        whole(name, value, least)
    check_odd(1, map_kernel=kernel)
    return Map(
        channels, levels, ratio, ConditioningStack(channels, levels, features, residuals, kernel, dropout), nodes
    )


class Gated(nn.Module):
    """h + a * sigmoid(b), [a, b] = conv_out(dropout(elu(conv_in(elu(h)) + skip(elu(beside))))) + map + class

    `hidden` is the width between the two convolutions, `beside` that of a second input, 0 for none.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        convolution: Convolution,
        dropout: float,
        *,
        beside: int = 0,
        conditioning: Conditioning = Conditioning(),
    ) -> None:
        super().__init__()
        self.conv_in, self.conv_out = convolution(channels, hidden), convolution(hidden, 2 * channels)
        self.dropout = nn.Dropout(dropout)
        self.skip = pointwise(beside, hidden) if beside else None
        self.map, self.label = conditioning.map_bias(2 * channels), conditioning.class_bias(2 * channels)

    def forward(self, h: Tensor, segment: Segment | None, given: Given, beside: Tensor | None = None) -> Tensor:
        """(B, channels, H, W) -> the same."""
        hidden = self.conv_in(elu(h), segment)
        if self.skip is not None and beside is not None:
            hidden = hidden + self.skip(elu(beside), segment)
        opened = self.conv_out(self.dropout(elu(hidden)), segment)
        return h + gate(conditioned(opened, self.map, self.label, given, segment))


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


def check_odd(least: int, **arguments: int) -> None:
    """Raises ValueError for a size of a kernel that has no middle."""
    for name, value in arguments.items():
        if whole(name, value, least) % 2 == 0:
            raise WrongValueError(f"{name} is {value}; expected an odd number: kernels have a middle.")
