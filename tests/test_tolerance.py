"""What counts as equal: rounding of the type that was computed in, and nothing more."""

from pathlib import Path

import pytest
import torch

from tolerance import ROUNDING, assert_close, close_to


@pytest.mark.parametrize("dtype", ROUNDING)
def test_rounding_passes_and_what_is_more_does_not(dtype):
    unit = torch.finfo(dtype).eps
    one = torch.ones(3, dtype=torch.float64)
    assert 6 * unit <= ROUNDING[dtype] < 10_000_000 * unit
    assert_close(one + 0.9 * ROUNDING[dtype], one, dtype)
    assert (1 + 0.9 * ROUNDING[dtype]) == close_to(1, dtype)
    with pytest.raises(AssertionError):
        assert_close(one + 2.1 * ROUNDING[dtype], one, dtype)


def test_float64_is_claimed_in_words_and_a_narrow_tensor_tells_by_itself():
    one = torch.ones(3)
    assert_close((one + 5e-6).double(), one.double())
    with pytest.raises(AssertionError):
        assert_close((one + 5e-6).double(), one.double(), torch.float64)
    assert_close(one + 5e-6, one, torch.float64)
    with pytest.raises(AssertionError):
        assert_close((one + 5e-6).double(), one.double(), atol=1e-6)


def test_no_test_compares_floats_in_another_way():
    here = Path(__file__).parent
    for file in here.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert file.name in ("tolerance.py", "test_tolerance.py") or "torch.testing" not in text, file
