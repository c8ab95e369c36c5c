"""All derivatives: by plain operators, where a fast kernel knows its gradient and no more.

Attention and recurrence have kernels and gradients of their own, here or in torch, that are fast and cannot be
differentiated twice, nor under the transforms of torch.func (grad, vmap, jvp, ...). Each comes with a plain function of
the same values, which is slower and takes more memory, and which these take over: nobody need ask for it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Tensor]


def transformed() -> bool:
    """Whether a transform of torch.func is at work."""
    return torch._C._are_functorch_transforms_active()


def exporting() -> bool:
    """Whether torch.export is at work, whose graphs should hold torch's own operators alone."""
    asked = getattr(torch.compiler, "is_exporting", None)  # torch 2.7
    return bool(asked and asked())


def is_plain(*inputs: Tensor) -> bool:
    """Whether a function of these is just computed: not compiled, and not for a gradient.

    Then it need be no operator of torch's, the first of which loads torch's compiler: a second of processor time.
    """
    wanted = torch.is_grad_enabled() and any(h.requires_grad for h in inputs)
    return not (wanted or torch.compiler.is_compiling())


def differentiable(fast: Function, plain: Function, *inputs: Tensor) -> Tensor:
    """fast(*inputs), with all its derivatives: those that `fast` lacks are those of `plain`, of the same values."""
    if transformed():
        return plain(*inputs)
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return fast(*inputs)
    return _Differentiable.apply(fast, plain, *inputs)  # type: ignore[no-untyped-call]


def gradient(plain: Function, inputs: Sequence[Tensor], grad: Tensor) -> tuple[Tensor | None, ...]:
    """The gradient of plain(*inputs) for that of its result, as a differentiable function of all of them."""
    with torch.enable_grad():
        needed = [h for h in inputs if h.requires_grad]
        found = torch.autograd.grad(
            plain(*inputs), needed, grad, create_graph=True, allow_unused=True, materialize_grads=True
        )
    gradients = iter(found)
    return tuple(next(gradients) if h.requires_grad else None for h in inputs)


def again() -> bool:
    """Within a backward pass: whether the gradient will be differentiated, or is computed for several results at once
    (`create_graph`, `is_grads_batched`)."""
    return torch.is_grad_enabled() or transformed()


class _Differentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fast: Function, plain: Function, *inputs: Tensor) -> Tensor:
        with torch.enable_grad():
            copies = [h.detach().requires_grad_() for h in inputs]
            out = fast(*copies)
        ctx.save_for_backward(*inputs)
        ctx.plain, ctx.graph = plain, (out, copies)
        return out.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if again():
            return None, None, *gradient(ctx.plain, ctx.saved_tensors, grads[0])
        out, copies = ctx.graph
        return None, None, *torch.autograd.grad(out, copies, grads[0], retain_graph=True)
