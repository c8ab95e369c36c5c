"""What a completion is a draw from."""

from torch import Tensor


def is_exact(known: Tensor) -> bool:
    """Whether completing what is unknown of a mask (..., H, W) draws from p(unknown | known).

    Pixels are drawn in raster order, each given all before it: that is the conditional distribution where every known
    pixel comes before every unknown one. Elsewhere known pixels do not inform the unknown ones before them.
    """
    return bool((known.flatten(-2).int().diff(dim=-1) <= 0).all())
