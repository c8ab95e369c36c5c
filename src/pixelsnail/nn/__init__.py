"""Causal layers. Each takes the whole image, or a segment of it with a `Cache`; everything else is pointwise."""

from pixelsnail.nn.activation import elu, gate, tanh_gate
from pixelsnail.nn.attention import CausalAttention, PooledStrictAttention, StrictAttention
from pixelsnail.nn.cache import Cache
from pixelsnail.nn.codes import CentredCodeConv, CodeConv
from pixelsnail.nn.convolution import CausalConv, Pointwise, RowAboveConv
from pixelsnail.nn.delay import Behind, Delay
from pixelsnail.nn.label import ClassBias
from pixelsnail.nn.layernorm import LayerNorm
from pixelsnail.nn.layout import laid_out
from pixelsnail.nn.lstm import RowLSTM
from pixelsnail.nn.map import CentredConv, MapBias
from pixelsnail.nn.normalization import NormalizedConv, NormalizedUpsampling, StrictConv, merged
from pixelsnail.nn.pixels import (
    Above,
    LinearPrediction,
    PixelConv,
    PixelDelay,
    PixelsBehind,
    PositionedPixelConv,
    ShiftedPixelConv,
    SymmetricScale,
    UnitScale,
)
from pixelsnail.nn.position import Positions
from pixelsnail.nn.segment import Context, Given, Segment

__all__ = [
    "Above",
    "Behind",
    "Cache",
    "CausalAttention",
    "CausalConv",
    "CentredCodeConv",
    "CentredConv",
    "ClassBias",
    "CodeConv",
    "Context",
    "Delay",
    "Given",
    "LayerNorm",
    "LinearPrediction",
    "MapBias",
    "NormalizedConv",
    "NormalizedUpsampling",
    "PixelConv",
    "PixelDelay",
    "PixelsBehind",
    "Pointwise",
    "PooledStrictAttention",
    "PositionedPixelConv",
    "Positions",
    "RowAboveConv",
    "RowLSTM",
    "Segment",
    "ShiftedPixelConv",
    "StrictAttention",
    "StrictConv",
    "SymmetricScale",
    "UnitScale",
    "elu",
    "gate",
    "laid_out",
    "merged",
    "tanh_gate",
]
