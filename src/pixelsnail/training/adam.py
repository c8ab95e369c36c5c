"""Adam as the authors of PixelCNN++ and PixelSNAIL wrote it. Imported when training starts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT


class AdamInsideRoot(Optimizer):
    """Adam with epsilon inside the root:

        v = b1 v + (1 - b1) g;  w = b2 w + (1 - b2) g^2;  p -= lr (v / (1 - b1^t)) / sqrt(w / (1 - b2^t) + eps)

    in step t = 1, 2, ... (`adam_updates` in github.com/openai/pixel-cnn, pixel_cnn_pp/nn.py). Kingma & Ba 2015 (arXiv
    1412.6980, algorithm 1) add eps to the root, where 1e-3 does what 1e-6 does inside it. A loss that is f times
    another's takes the same steps with an eps that is f^2 times the other's.
    """

    def __init__(self, parameters: ParamsT, lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "step": 0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns what `closure`, which computes the gradients, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                group["step"] += 1
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """The formula for all parameters at once: a few kernels on a GPU, not a few for each of a thousand tensors."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        v, w = (self._moments(parameters, name) for name in ("v", "w"))
        (first, second), step = group["betas"], group["step"]
        torch._foreach_lerp_(v, gradients, 1 - first)
        torch._foreach_mul_(w, second)
        torch._foreach_addcmul_(w, gradients, gradients, value=1 - second)
        root = torch._foreach_div(w, 1 - second**step)
        torch._foreach_add_(root, group["eps"])
        torch._foreach_sqrt_(root)
        torch._foreach_addcdiv_(parameters, v, root, value=-group["lr"] / (1 - first**step))

    def _moments(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        """A running moment of each parameter, zero before its first step."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return [state[name] for state in states]
