"""Gated activation."""

from torch import Tensor


def gate(h: Tensor) -> Tensor:
    """(B, 2 C, H, W) -> (B, C, H, W): the first half times the sigmoid of the second."""
    value, opening = h.chunk(2, dim=1)
    return value * opening.sigmoid()
