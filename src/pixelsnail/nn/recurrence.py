"""The recurrence of a Row LSTM over whole images, with its gradient.

Only the product with the states above and what follows it are sequential. The gradient is written out, so that
backwards too a row costs one product and a few operations on its pixels, and all that is no recurrence (derivatives of
the gates, the gradient of the weights) is computed for all rows at once. Inside, states are (H, B, W, D) and gates
(H, 4, B, W, D), in the order o, f, i, g: a gate of a row lies in one piece, where its function is several times as fast
as on a share of every pixel's channels.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelsnail.nn.derivatives import again, exporting, gradient, is_plain, transformed


def advance(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Gates (4, ..., D), which it puts through their functions in place, and cells above -> cells, hidden states."""
    gates[:3].sigmoid_()
    gates[3].tanh_()
    o, f, i, g = gates.unbind(0)
    cell = torch.addcmul(f * cell, i, g)
    return cell, o * cell.tanh()


def recur(gates: Tensor, kernel: Tensor, initial: Tensor) -> Tensor:
    """Hidden states (B, H, W, D) from what the input gives to gates (B, H, W, 4 D).

    `kernel` (3 D, 4 D) is what a state makes of the three above it, `initial` (2, D) the hidden state and cell above
    the first row. Beside the image hidden states are zero.
    """
    if exporting() or transformed():
        return recur_plainly(gates, kernel, initial)
    hidden: Tensor = (_recur_by_rows if is_plain(gates, kernel, initial) else _recur)(gates, kernel, initial)[0]
    return hidden.transpose(0, 1)


def recur_plainly(gates: Tensor, kernel: Tensor, initial: Tensor) -> Tensor:
    """The same row by row, with all its derivatives."""
    hidden, cell = (state.expand(gates.shape[0], gates.shape[2], -1) for state in initial.unbind(0))
    rows = []
    for row in gates.unbind(1):
        left, right = F.pad(hidden, (0, 0, 1, 0))[:, :-1], F.pad(hidden, (0, 0, 0, 1))[:, 1:]
        o, f, i, g = (row + torch.cat([left, hidden, right], dim=-1) @ kernel).chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        rows.append(hidden)
    return torch.stack(rows, dim=1)


def _windows(h: Tensor) -> Tensor:
    """Every pixel's and its two neighbours' features, zero outside: (..., W, D) -> (..., W, 3 D)."""
    out = h.new_zeros(*h.shape[:-1], 3, h.shape[-1])
    out[..., 1:, 0, :], out[..., 1, :], out[..., :-1, 2, :] = h[..., :-1, :], h, h[..., 1:, :]
    return out.flatten(-2)


def _recur_by_rows(gates: Tensor, kernel: Tensor, initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states, cells, and gates after their functions."""
    opened = gates.unflatten(-1, (4, -1)).permute(1, 3, 0, 2, 4).clone(memory_format=torch.contiguous_format)
    out, cells = torch.empty_like(opened[:, 0]), torch.empty_like(opened[:, 0])
    kernels = kernel.unflatten(1, (4, -1)).transpose(0, 1).contiguous()  # (4, 3 D, D)
    hidden, cell = initial[:, None, None].expand(2, *out.shape[1:])
    for row in range(len(out)):
        opened[row].flatten(1, 2).baddbmm_(_windows(hidden).flatten(0, 1).expand(4, -1, -1), kernels)
        cell, hidden = advance(opened[row], cell)
        cells[row], out[row] = cell, hidden
    return out, cells, opened


# An operator of its own, so that a compiler sees one node and not its loop.
_recur = torch.library.custom_op("pixelsnail::recur", _recur_by_rows, mutates_args=())


@torch.library.custom_op("pixelsnail::recur_backward", mutates_args=())
def _recur_backward(
    kernel: Tensor, initial: Tensor, hidden: Tensor, cells: Tensor, opened: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of gates, kernel and initial state, from that of the hidden states s:

    dc = o (1 - tanh(c)^2) ds + (f dc) of the row below, and every gate's is its factor times ds (for o) or dc.
    """
    o, f, i, g = opened.unbind(1)
    hidden_above, cells_above = (
        torch.cat([state.expand(1, *states.shape[1:]), states[:-1]])
        for state, states in zip(initial, (hidden, cells), strict=True)
    )
    tanh = cells.tanh()
    to_cell = torch.ops.aten.tanh_backward(o, tanh)
    grads = torch.empty_like(opened)  # the factors, then the gradients
    for gate, (value, times) in enumerate([(o, tanh), (f, cells_above), (i, g)]):
        grads[:, gate] = torch.ops.aten.sigmoid_backward(times, value)
    grads[:, 3] = torch.ops.aten.tanh_backward(i, g)
    kernels = kernel.unflatten(1, (4, -1)).permute(1, 2, 0).contiguous()  # (4, D, 3 D)
    below, cell = torch.zeros_like(hidden[0]), torch.zeros_like(hidden[0])
    for row in reversed(range(len(hidden))):
        state = grad[row] + below
        cell = torch.addcmul(cell, state, to_cell[row])
        grads[row, 0] *= state
        grads[row, 1:] *= cell
        seen = torch.bmm(grads[row].flatten(1, 2), kernels).sum(0)
        left, below, right = seen.view(*state.shape[:2], 3, -1).unbind(2)
        below[:, :-1] += left[:, 1:]
        below[:, 1:] += right[:, :-1]
        cell = cell * f[row]
    grad_gates = grads.permute(2, 0, 3, 1, 4).flatten(3)  # (B, H, W, 4 D)
    grad_kernel = _windows(hidden_above.transpose(0, 1)).flatten(0, 2).t() @ grad_gates.flatten(0, 2)
    return grad_gates, grad_kernel, torch.stack([below.sum((0, 1)), cell.sum((0, 1))])


@_recur.register_fake
def _(gates: Tensor, kernel: Tensor, initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    (batch, height, width, _), channels = gates.shape, initial.shape[1]
    hidden, cells = (gates.new_empty(height, batch, width, channels) for _ in range(2))
    return hidden, cells, gates.new_empty(height, 4, batch, width, channels)


@_recur_backward.register_fake
def _(
    kernel: Tensor, initial: Tensor, hidden: Tensor, cells: Tensor, opened: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    height, _, batch, width, channels = opened.shape
    grad_gates = opened.new_empty(batch, height, width, 4 * channels)
    return grad_gates, torch.empty_like(kernel), torch.empty_like(initial)


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.set_materialize_grads(False)  # hidden states alone are used
    ctx.save_for_backward(*inputs, *output)


def _backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    if again():
        return gradient(lambda *inputs: recur_plainly(*inputs).transpose(0, 1), saved[:3], grad)
    gradients: tuple[Tensor, Tensor, Tensor] = _recur_backward(*saved[1:], grad.contiguous())
    return gradients


_recur.register_autograd(_backward, setup_context=_setup)
