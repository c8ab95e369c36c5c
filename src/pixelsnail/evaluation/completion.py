"""What a completion is a draw from."""

from torch import Tensor

from pixelsnail.nn import raster


def is_exact(known: Tensor, order: int = 0) -> bool:
    """Whether completing what is unknown of a mask (..., H, W) in an order draws from p(unknown | known).

    Pixels are drawn in that order, each given all before it: that is the conditional distribution where every known
    pixel comes before every unknown one. Elsewhere known pixels do not inform the unknown ones before them.
    """
    visits = raster.orders(known.shape[-2], known.shape[-1], known.device)[order]
    return bool((known.flatten(-2)[..., visits].int().diff(dim=-1) <= 0).all())
