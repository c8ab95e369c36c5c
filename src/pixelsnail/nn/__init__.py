"""Causal layers. Each takes the whole image, or a segment of it with a `Cache`; everything else is pointwise."""

from pixelsnail.nn.activation import elu, gate
from pixelsnail.nn.attention import PooledStrictAttention, StrictAttention
from pixelsnail.nn.cache import Cache
from pixelsnail.nn.convolution import CausalConv, Pointwise
from pixelsnail.nn.delay import Delay
from pixelsnail.nn.normalization import NormalizedConv, NormalizedUpsampling, merged
from pixelsnail.nn.pixels import Above, PixelConv, PixelDelay, ShiftedPixelConv, SymmetricScale, UnitScale
from pixelsnail.nn.position import Positions

__all__ = [
    "Above",
    "Cache",
    "CausalConv",
    "Delay",
    "NormalizedConv",
    "NormalizedUpsampling",
    "PixelConv",
    "PixelDelay",
    "Pointwise",
    "PooledStrictAttention",
    "Positions",
    "ShiftedPixelConv",
    "StrictAttention",
    "SymmetricScale",
    "UnitScale",
    "elu",
    "gate",
    "merged",
]
