"""The Row LSTM's recurrence is the one of its definition, forwards and backwards."""

import pytest
import torch
import torch.nn.functional as F

from pixelsnail.nn import RowLSTM
from pixelsnail.nn import recurrence as module
from pixelsnail.nn.recurrence import recur
from tiny import randomised
from tolerance import assert_close


def by_definition(gates, kernel, initial):
    """The formulas row by row, with torch's own convolution and gradients."""
    weight = kernel.unflatten(0, (3, -1)).permute(2, 1, 0)  # (4 D, D, 3)
    hidden, cell = (state[:, None].expand(len(gates), -1, gates.shape[2]) for state in initial)
    rows = []
    for row in gates.unbind(1):
        o, f, i, g = (row.transpose(1, 2) + F.conv1d(hidden, weight, padding=1)).chunk(4, dim=1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        rows.append(hidden.transpose(1, 2))
    return torch.stack(rows, dim=1)


def inputs(batch, height, width, channels=3):
    shapes = (batch, height, width, 4 * channels), (3 * channels, 4 * channels), (2, channels)
    return tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)


@pytest.mark.parametrize(("batch", "height", "width"), [(2, 5, 6), (1, 1, 1), (3, 1, 4), (1, 6, 1), (2, 3, 2)])
def test_values_and_gradients_agree_with_the_definition(batch, height, width):
    given = inputs(batch, height, width)
    before = given[0].detach().clone()
    ours, expected = recur(*given), by_definition(*given)
    assert_close(ours, expected, torch.float64)
    assert torch.equal(given[0], before)
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, given, grad), torch.autograd.grad(expected, given, grad), strict=True
    ):
        assert_close(one, other, torch.float64)


def test_the_operator_is_what_a_compiler_takes_it_for():
    torch.library.opcheck(
        module._recur, inputs(2, 3, 4), test_utils=("test_schema", "test_faketensor", "test_autograd_registration")
    )


def test_a_state_sees_three_of_the_row_above_and_nothing_to_its_right():
    lstm = randomised(RowLSTM(2, 3)).double()
    h = torch.randn(1, 2, 2, 7, dtype=torch.float64, requires_grad=True)

    def seen(row, column):
        (gradient,) = torch.autograd.grad(lstm(h, None)[0, :, row, column].sum(), h)
        return [tuple(place) for place in gradient[0].abs().sum(0).nonzero().tolist()]

    assert seen(0, 3) == [(0, 2), (0, 3)]
    assert seen(1, 3) == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3)]  # the state at column 2 sees column 1
    with torch.no_grad():
        lstm.input_to_state.weight[..., 0] = 0  # the left neighbour
    assert seen(1, 3) == [(0, 2), (0, 3), (0, 4), (1, 3)]


def test_under_autocast_states_stay_in_float32():
    lstm, h = randomised(RowLSTM(2, 3)), torch.randn(2, 2, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        states = lstm(h, None)
    assert states.dtype == torch.float32
    states.sum().backward()
    assert_close(states, lstm(h, None), torch.bfloat16)
