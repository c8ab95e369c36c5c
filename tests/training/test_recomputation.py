import copy
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from pixelsnail.models import PixelSNAIL
from pixelsnail.training.recomputation import recompute_blocks
from tiny import random_levels, randomised
from tolerance import assert_close


class Dropping(PixelSNAIL):
    """Has dropout in its blocks."""

    def __init__(self) -> None:
        super().__init__((1, 6, 5), 2, channels=8, blocks=2, residuals=2, key=2, value=4)
        for block in self.blocks:
            block.residual_out = nn.Sequential(block.residual_out, nn.Dropout(0.5))


def gradients(model: nn.Module, x: Tensor, precision: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(5)
    half = nullcontext() if precision == torch.float32 else torch.autocast("cpu", precision)
    with half:
        loss = model.pixel_nats(x).mean()
    model.zero_grad()
    loss.backward()
    return loss.detach(), {name: parameter.grad for name, parameter in model.named_parameters()}


def kept(model: nn.Module, x: Tensor) -> int:
    """The numbers that a forward pass keeps for gradients, weights included."""
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.pixel_nats(x)
    return sum(sizes)


@pytest.fixture
def models() -> tuple[nn.Module, nn.Module]:
    """A model, and the same with activations computed again."""
    plain = randomised(Dropping()).train()
    again = copy.deepcopy(plain)
    recompute_blocks(again)
    return plain, again


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_losses_and_gradients_stay_the_same(models, precision):
    x = random_levels(2, (3, 1, 6, 5))
    (loss, plain), (loss_again, again) = (gradients(model, x, precision) for model in models)
    assert torch.equal(loss, loss_again)
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        assert_close(again[name], gradient)
    other = randomised(Dropping()).train()
    torch.manual_seed(6)
    assert not torch.equal(other.pixel_nats(x).mean(), loss)  # dropout is there


def test_less_is_kept(models):
    plain, again = (kept(model, random_levels(2, (3, 1, 6, 5))) for model in models)
    assert again < plain / 3


def test_a_copy_computes_with_its_own_weights(models):
    _, again = models
    averaged = copy.deepcopy(again)
    x = random_levels(2, (3, 1, 6, 5))
    before = averaged.log_prob(x)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()
    assert torch.equal(averaged.log_prob(x), before)
    averaged.train()
    _, found = gradients(averaged, x)
    assert any(gradient.abs().sum() > 0 for name, gradient in found.items() if name.startswith("blocks"))
    assert all(parameter.grad is None for parameter in again.parameters())


def test_names_of_weights_stay(models):
    plain, again = models
    assert plain.state_dict().keys() == again.state_dict().keys()


def test_a_model_without_blocks_is_one_sentence():
    with pytest.raises(ValueError) as error:
        recompute_blocks(nn.Linear(1, 1))
    assert str(error.value) == (
        "run.checkpoint_activations is true, but Linear has no blocks to compute again; leave it false."
    )
