"""Causal layers. Each takes the whole image, or a segment of it with a `Cache`; everything else is pointwise."""

from pixelsnail.nn.activation import elu, gate
from pixelsnail.nn.attention import StrictAttention
from pixelsnail.nn.cache import Cache
from pixelsnail.nn.convolution import CausalConv, Pointwise
from pixelsnail.nn.delay import Delay
from pixelsnail.nn.pixels import PixelConv, PixelDelay, UnitScale
from pixelsnail.nn.position import Positions

__all__ = [
    "Cache",
    "CausalConv",
    "Delay",
    "PixelConv",
    "PixelDelay",
    "Pointwise",
    "Positions",
    "StrictAttention",
    "UnitScale",
    "elu",
    "gate",
]
