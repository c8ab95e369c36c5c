"""PixelSNAIL with skip connections, the variant of pytorch-generative.

X. Chen, N. Mishra, M. Rohaninejad, P. Abbeel: PixelSNAIL: An improved autoregressive generative model, 2017, arXiv
1712.09763, figure 3; as simplified by E. Hotaj's pytorch-generative (github.com/EugenHotaj/pytorch-generative,
models/autoregressive/pixel_snail.py): a residual sum over blocks, ELU, one 3 x 3 masked convolution as the stem, keys
four channels wide, no weight normalisation and no dropout.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
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
    conditioned,
    map_of,
)
from pixelsnail.models.model import Head, Levels, Model, Shape, at_least
from pixelsnail.nn import (
    CausalConv,
    Context,
    Delay,
    Given,
    LinearPrediction,
    PixelConv,
    PixelDelay,
    Pointwise,
    Positions,
    Segment,
    StrictAttention,
    SymmetricScale,
    UnitScale,
    elu,
    gate,
)

FINEST = 16
"""The most frequencies of the position: waves of that many are shorter than a pixel of any image that fits."""


class PixelSNAIL(Model):
    """x -> stem -> [h + block(h)] * blocks -> out_0 -> out_1 -> parameters of every pixel

    block:  h -> residual * residuals -+-> attention over (position, h, x) of all earlier pixels -+-> sum -> out
                                       +----------------------------------------------------------+

    The defaults are the published MNIST model: 905,889 parameters, 78.61 nats on dynamically binarised digits.
    `key` and `value` are the channels of the attention's keys and values, `stem` the size of the first kernel. With
    `frequencies` attention reads sines and cosines of the position too, and the stem's features have a linear function
    of them added. Works at any height and width. With `classes`, `context` is a class label of every image (B,), with
    `map_levels` a map (B, map_channels, H / map_ratio, W / map_ratio), with both a mapping of `labels` and `map`: each
    adds a bias before every gate.
    For ablations: without `attention` a block is its residual convolutions and what follows them; with `residuals=0`
    only the stem looks at neighbours, and attention at all else. With `linear` the parameters are a sum: those of the
    network, and a linear function of the pixels in a masked kernel of that size: for photographs, whose next pixel is
    mostly told by the mean of its neighbours.
    """

    edges: ClassVar[tuple[str, ...]] = ("stem", "place", "linear", "out.1")

    def __init__(
        self,
        shape: Shape = (1, 28, 28),
        levels: Levels = 2,
        channels: Annotated[int, "width of the residual stream"] = 64,
        blocks: Annotated[int, "blocks, each with one attention"] = 8,
        residuals: Annotated[int, "residual layers of a block, two causal convolutions each"] = 2,
        key: Annotated[int, "channels of the attention's queries and keys"] = 4,
        value: Annotated[int, "channels of the attention's values"] = 32,
        attention: Annotated[bool, "whether blocks attend at all"] = True,
        stem: Annotated[int, "rows and columns of the stem's masked kernel, an odd number of at least 3"] = 3,
        frequencies: Annotated[int, "frequencies of sines and cosines of the position; 0 for none"] = 0,
        linear: Annotated[int, "rows and columns of a kernel from pixels straight to parameters, odd; 0 for none"] = 0,
        classes: Classes = 0,
        label_dropout: LabelDropout = 0.0,
        map_levels: MapLevels = 0,
        map_ratio: MapRatio = 2,
        map_channels: MapChannels = 1,
        map_residuals: MapResiduals = 3,
        map_features: MapFeatures = 64,
        map_kernel: MapKernel = 3,
        head: Head = None,
    ) -> None:
        given_map = map_of(
            map_levels, ratio=map_ratio, channels=map_channels, residuals=map_residuals, features=map_features,
            kernel=map_kernel,
        )  # fmt: skip
        super().__init__(shape, levels, head, classes=classes, label_dropout=label_dropout, given_map=given_map)
        (channels,) = at_least(2, channels=channels)
        key, value = at_least(1, key=key, value=value)
        blocks, residuals, frequencies = at_least(0, blocks=blocks, residuals=residuals, frequencies=frequencies)
        conditioning = self.conditioning(map_features, blocks * residuals)
        if frequencies > FINEST:
            raise WrongValueError(
                f"frequencies is {frequencies}; expected at most {FINEST}, whose last wave is shorter than a pixel: "
                "each has half the period of the one before, and the first spans two images."
            )
        _odd("stem", stem)
        if linear != 0:
            _odd("linear", linear)
        scale = UnitScale(levels)
        self.stem = PixelConv(scale, CausalConv.masked(shape[0], channels, stem, centre=False))
        self.position, self.position_before = Positions(frequencies), Positions(frequencies, delay=True)
        planes = self.position.channels
        self.place = _zeroed(Pointwise(planes, channels)) if frequencies else None
        self.pixel_before = PixelDelay(scale)
        self.blocks = nn.ModuleList(
            Block(shape[0], planes, channels, residuals, key, value, conditioning)
            if attention
            else ConvolutionBlock(channels, residuals, conditioning)
            for _ in range(blocks)
        )
        self.out = nn.Sequential(Pointwise(channels, channels // 2), Pointwise(channels // 2, self.head.size))
        near = CausalConv.masked(shape[0], self.head.size, linear, centre=False) if linear else None
        self.linear = None if near is None else LinearPrediction(SymmetricScale(levels), near)

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W); a segment of each with `segment`. Does not check levels."""
        given = self.given(segment, context)
        h = self.stem(x, segment)
        position, position_before = self.position(h, segment), self.position_before(h, segment)
        if self.place is not None:
            h = h + self.place(position)
        pixel_before = self.pixel_before(x, h, segment)
        for block in self.blocks:
            h = h + block(h, position, position_before, pixel_before, segment, given)
        parameters: Tensor = self.out(h)
        return parameters if self.linear is None else parameters + self.linear(x, segment)

    def widened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a smaller model as this one's: also of one with narrower keys, or fewer frequencies.

        Attention scores q k / sqrt(key) stay as they are: new channels of queries are zeros, those of keys as this
        model has them, and old queries make up for the root. What reads new planes of the position has zeros for them.
        """
        found = super().widened(state)
        stem = found.get("stem.conv.weight")
        if stem is not None and len(stem) == len(self.stem.conv.weight):
            self._widen_positions(found)
        for name, block in self.blocks.named_children():
            if isinstance(block, Block):
                block.widen_keys(found, f"blocks.{name}.")
        return found

    def deepened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a model with fewer blocks as this one's: n copies of a block in its place, each an nth of it.

        Residual blocks are steps of Euler's method, and n steps of an nth go along the same curve (B. Chang et al.:
        Multi-level residual networks from dynamical systems view, 2017, arXiv 1710.10348): so the last layer of every
        copy is an nth of the block's. What this computes differs from the model by the square of what a block adds.
        """
        few = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
        if not 0 < few < len(self.blocks):
            return dict(state)
        origins = [index * few // len(self.blocks) for index in range(len(self.blocks))]
        found = {name: weight for name, weight in state.items() if not name.startswith("blocks.")}
        for index, origin in enumerate(origins):
            for name, weight in state.items():
                if name.startswith(f"blocks.{origin}."):
                    part = name.removeprefix(f"blocks.{origin}.")
                    shared = origins.count(origin) if part.startswith("out.") else 1
                    found[f"blocks.{index}.{part}"] = weight / shared
        return found

    def _widen_positions(self, state: dict[str, Tensor]) -> None:
        """Gives what reads the position zeros for the planes that the model of these weights has not."""
        if self.place is None:
            return
        channels, planes = self.place.weight.shape[:2]
        old = state["place.weight"].shape[1] if "place.weight" in state else 2
        state.setdefault("place.weight", self.place.weight.new_zeros(channels, old, 1, 1))
        state.setdefault("place.bias", self.place.weight.new_zeros(channels))
        blocks = [f"blocks.{name}" for name, block in self.blocks.named_children() if isinstance(block, Block)]
        attending = [f"{block}.{part}.weight" for block in blocks for part in ("query", "key_value")]
        for name in ("place.weight", *attending):
            if name in state:
                kernel, more = state[name], max(0, planes - old)
                zeros = kernel.new_zeros(len(kernel), more, 1, 1)
                state[name] = torch.cat([kernel[:, :old], zeros, kernel[:, old:]], dim=1)


def _zeroed(layer: Pointwise) -> Pointwise:
    """The layer, all of whose parameters are zero at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _odd(name: str, size: int) -> None:
    """Raises ValueError for what is not the size of a masked kernel that sees anything."""
    at_least(3, **{name: size})
    if size % 2 == 0:
        raise WrongValueError(f"{name} is {size}; expected an odd number: a kernel has its pixel in the middle.")


class Block(nn.Module):
    """Residual convolutions, then attention over all earlier pixels, then both merged (the paper's figure 2)."""

    def __init__(
        self, image: int, planes: int, channels: int, residuals: int, key: int, value: int, conditioning: Conditioning
    ) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(channels, conditioning) for _ in range(residuals))
        self.delay = Delay()
        self.query = Pointwise(planes + channels, key)
        self.key_value = Pointwise(planes + channels + image, key + value)
        self.attention = StrictAttention()
        self.project = Pointwise(value, value)
        self.residual_out = Pointwise(channels, channels)
        self.attention_out = Pointwise(value, channels)
        self.out = Pointwise(channels, channels)
        self.widths = (key, value)

    def widen_keys(self, state: dict[str, Tensor], prefix: str) -> None:
        """Puts the queries and keys of a narrower block, which `state` holds under `prefix`, among this one's."""
        key, narrow = self.widths[0], state.get(f"{prefix}query.weight")
        if narrow is None or len(narrow) >= key or narrow.shape[1:] != self.query.weight.shape[1:]:
            return
        old = len(narrow)
        for part in ("weight", "bias"):
            query, key_value = (state.get(f"{prefix}{name}.{part}") for name in ("query", "key_value"))
            if query is None or key_value is None:
                return
            zeros = query.new_zeros(key - old, *query.shape[1:])
            new_keys = self.key_value.get_parameter(part).detach()[old:key]
            state[f"{prefix}query.{part}"] = torch.cat([query * (key / old) ** 0.5, zeros])
            state[f"{prefix}key_value.{part}"] = torch.cat([key_value[:old], new_keys, key_value[old:]])

    def forward(
        self,
        h: Tensor,
        position: Tensor,
        position_before: Tensor,
        pixel_before: Tensor,
        segment: Segment | None,
        given: Given,
    ) -> Tensor:
        """(B, channels, H, W) -> the same; the block's own sum with h is the model's."""
        for residual in self.residuals:
            h = residual(h, segment, given)
        queries = self.query(position, h)
        keys, values = self.key_value(position_before, self.delay(h, segment), pixel_before).split(self.widths, dim=1)
        attended = self.project(self.attention(queries, keys, values, segment))
        merged: Tensor = self.out(elu(elu(self.residual_out(elu(h))) + elu(self.attention_out(elu(attended)))))
        return elu(merged)


class ConvolutionBlock(nn.Module):
    """A block whose attention is left out, with its outermost layers kept."""

    def __init__(self, channels: int, residuals: int, conditioning: Conditioning) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(channels, conditioning) for _ in range(residuals))
        self.residual_out = Pointwise(channels, channels)
        self.out = Pointwise(channels, channels)

    def forward(
        self,
        h: Tensor,
        position: Tensor,
        position_before: Tensor,
        pixel_before: Tensor,
        segment: Segment | None,
        given: Given,
    ) -> Tensor:
        """(B, channels, H, W) -> the same; positions and pixels are those that attention would read."""
        for residual in self.residuals:
            h = residual(h, segment, given)
        merged: Tensor = self.out(elu(elu(self.residual_out(elu(h)))))
        return elu(merged)


class Residual(nn.Module):
    """h + gate(conv(elu(conv(elu(h)))) + bias of class and map), both convolutions 2 x 2 and causal."""

    def __init__(self, channels: int, conditioning: Conditioning) -> None:
        super().__init__()
        self.input_conv = CausalConv(channels, channels, above=1, left=1)
        self.output_conv = CausalConv(channels, 2 * channels, above=1, left=1)
        self.map, self.label = conditioning.map_bias(2 * channels), conditioning.class_bias(2 * channels)

    def forward(self, h: Tensor, segment: Segment | None, given: Given) -> Tensor:
        """(B, channels, H, W) -> the same."""
        opened = self.output_conv(elu(self.input_conv(elu(h), segment)), segment)
        return h + gate(conditioned(opened, self.map, self.label, given, segment))
