"""How far two computations of one number may lie apart: by the type it was computed in, on any processor."""

from typing import Any

import pytest
import torch

ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""By type, the difference that is rounding: relative, and absolute near zero.

Instruction sets and numbers of threads sum in different orders, so that sums of n terms differ by about sqrt(n) units
in the last place (2e-16, 1e-7, 1e-3, 8e-3), and a network multiplies that a few times: 100 units and more in float32,
a few in half precision, which is summed in float32.
"""


def assert_close(
    actual: Any,
    expected: Any,
    computed: torch.dtype = torch.float32,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    msg: str | None = None,
) -> None:
    """Asserts that two computations, both in `computed`, agree but for rounding, whatever type they are now held in.

    A result in float64 may be a sum of what a model computed in float32, so a test claims float64 in words. A tensor in
    a narrower type was computed in that. Give `rtol` and `atol` only for what is no rounding, and say what it is.
    """
    found = [h.dtype for h in (actual, expected) if isinstance(h, torch.Tensor)]
    error = max(ROUNDING[dtype] for dtype in (computed, *found) if dtype in ROUNDING)
    given = rtol is not None or atol is not None
    torch.testing.assert_close(
        actual,
        expected,
        rtol=(rtol or 0.0) if given else error,
        atol=(atol or 0.0) if given else error,
        msg=msg,
    )


def close_to(expected: Any, computed: torch.dtype = torch.float32) -> Any:
    """What equals a number (or several) but for rounding: `found == close_to(expected)`, as `assert_close` has it."""
    return pytest.approx(expected, rel=ROUNDING[computed], abs=ROUNDING[computed])
