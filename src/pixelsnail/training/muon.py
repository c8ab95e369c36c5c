"""Muon: momentum made orthogonal, for the matrices of a model. Imported when training starts."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.models import Model
from pixelsnail.nn.normalization import Normalized
from pixelsnail.training.adam import AdamInsideRoot

MOMENTUM = 0.95
ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)


class Muon(AdamInsideRoot):
    """Muon for matrices (K. Jordan et al. 2024, kellerjordan.github.io/posts/muon), Adam for all other parameters:

        M = mu M + (1 - mu) G;  N = mu M + (1 - mu) G;  W -= lr sqrt(max(1, rows / columns)) orthogonal(N)

    with mu = 0.95, and a kernel as the matrix (outputs, inputs * taps). Every direction of a step is then as long as
    every other, where gradients leave most of them far too short. Taps that a mask hides have no gradient: their
    columns are zero, add nothing to the products, and stay as they are.

    Before its step a matrix shrinks by a factor of 1 - lr `weight_decay`. Without that, matrices grow for as long as
    the learning rate stays: each step is as long as the one before.

    Group 0 holds `others`, group 1 `matrices`, each with its own lr. The other parameters' epsilon is `eps` ** 2 inside
    Adam's root, which acts where `eps` beside the root does.
    """

    def __init__(
        self,
        others: Iterable[nn.Parameter],
        matrices: Iterable[nn.Parameter],
        lr: float,
        matrix_lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float = 0.0,
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": list(others), "momentum": None},
            {"params": list(matrices), "lr": matrix_lr, "momentum": MOMENTUM},
        ]
        self.weight_decay = weight_decay
        super().__init__(groups, lr, betas, eps**2)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """A group's step. Matrices of one form are made orthogonal in one batch: few products for any number."""
        mu = group["momentum"]
        if mu is None:
            super()._update(parameters, group)
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        moments = self._moments(parameters, "m")
        torch._foreach_lerp_(moments, gradients, 1 - mu)
        ahead = torch._foreach_lerp(gradients, moments, mu)
        if self.weight_decay:
            torch._foreach_mul_(parameters, 1 - group["lr"] * self.weight_decay)
        forms: dict[tuple[int, int], list[int]] = {}
        for i, parameter in enumerate(parameters):
            forms.setdefault((len(parameter), parameter[0].numel()), []).append(i)
        for (rows, columns), members in forms.items():
            steps = orthogonal(torch.stack([ahead[i].flatten(1) for i in members]))
            scale = max(1.0, rows / columns) ** 0.5
            for i, step in zip(members, steps, strict=True):
                parameters[i].sub_(step.view(parameters[i].shape), alpha=group["lr"] * scale)


def orthogonal(g: Tensor) -> Tensor:
    """Near U V^T of each matrix's U S V^T: (N, rows, columns) -> the same, singular values between about 0.7 and 1.2.

        X = G / |G|, five times  A = X X^T;  X = 3.4445 X + (-4.7750 A + 2.0315 A^2) X

    A quintic Newton-Schulz iteration, whose coefficients make small singular values grow fastest instead of converging
    (Jordan et al. 2024). In the matrices' own precision: at these sizes that is a few hundredths of a step's time. The
    smaller side comes first, where its products are cheapest. A matrix of zeros stays zero.
    """
    a, b, c = QUINTIC
    tall = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if tall else g
    tiny = torch.finfo(g.dtype).tiny
    x = x / x.abs().amax((1, 2), keepdim=True).clamp(min=tiny)  # so that no square underflows in the norm
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=tiny)
    for _ in range(ROUNDS):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


def split(model: Model) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """All other parameters, and the matrices: the weights of convolutions and linear layers between a model's `edges`.

    Weight-normalised directions are not among them: of those only the direction counts, and g / |v| scales their steps.
    """
    chosen = {
        id(layer.weight)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)
        and not (isinstance(layer, Normalized) and layer.gain is not None)
        and not any(f"{name}.".startswith(f"{edge}.") for edge in model.edges)
    }
    others = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    return others, [parameter for parameter in model.parameters() if id(parameter) in chosen]
