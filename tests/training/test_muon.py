import copy
from operator import attrgetter

import numpy as np
import pytest
import torch
from torch import nn

from pixelsnail.models import Model
from pixelsnail.nn import CausalConv
from pixelsnail.nn.normalization import Normalized
from pixelsnail.training import train
from pixelsnail.training.adam import AdamInsideRoot
from pixelsnail.training.muon import Muon, orthogonal, split
from tiny import MODELS, every_model, fit
from tolerance import assert_close

SHAPES = [(6, 2, 2, 2), (4, 10), (6, 2, 2, 2), (8, 4, 1, 1), (4, 10)]
"""Of two forms twice, one of them with more rows than columns."""
OTHERS = [(5,), (3, 2)]


def parameters(shapes=SHAPES, dtype=torch.float64):
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in shapes]


def muon(matrices, others=(), **changes):
    arguments = {"lr": 0.1, "matrix_lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-4}
    return Muon(others, matrices, **{**arguments, **changes})


def give_gradients(weights, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        weight.grad = (noise**3).to(weight.dtype)


def naive_orthogonal(g):
    """The iteration of one matrix, written out."""
    x = g / np.sqrt((g**2).sum())
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * (x @ x.T) @ x + 2.0315 * (x @ x.T) @ (x @ x.T) @ x
    return x


def test_a_step_is_the_formula():
    matrices, others = parameters(), parameters(OTHERS)
    expected = [weight.detach().numpy().copy() for weight in matrices]
    momentum = [np.zeros(shape) for shape in SHAPES]
    optimizer = muon(matrices, others)
    for t in range(1, 5):
        lr = optimizer.param_groups[1]["lr"] = 0.02 / t
        give_gradients([*matrices, *others], seed=t)
        optimizer.step()
        for i, weight in enumerate(matrices):
            g = weight.grad.numpy()
            momentum[i] = 0.95 * momentum[i] + 0.05 * g
            ahead = 0.95 * momentum[i] + 0.05 * g
            rows, columns = len(g), g[0].size
            step = naive_orthogonal(ahead.reshape(rows, columns)) * np.sqrt(max(1, rows / columns))
            expected[i] = expected[i] - lr * step.reshape(g.shape)
            np.testing.assert_allclose(weight.detach().numpy(), expected[i], rtol=1e-10, atol=1e-14)


def test_all_other_parameters_take_adams_steps():
    ours, theirs = parameters(OTHERS), parameters(OTHERS)
    one, two = muon(parameters(), ours), AdamInsideRoot(theirs, lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    for t in range(4):
        for weights, optimizer in ((ours, one), (theirs, two)):
            give_gradients(weights, seed=t)
            optimizer.step()
    assert_close(ours, theirs, rtol=0.0, atol=0.0)  # the same code takes both steps


def test_weight_decay_shrinks_matrices_and_no_others():
    kinds = parameters(), parameters(OTHERS)
    plain, decayed = ([[nn.Parameter(w.detach().clone()) for w in kind] for kind in kinds] for _ in range(2))
    for (matrices, others), changes in ((plain, {}), (decayed, {"weight_decay": 5.0})):
        give_gradients([*matrices, *others], seed=1)
        muon(matrices, others, **changes).step()
    for share, before, one, two in zip((0.02 * 5.0, 0.0), kinds, plain, decayed, strict=True):
        for weight, without, with_decay in zip(before, one, two, strict=True):
            assert_close(with_decay, without - share * weight, torch.float64)


@pytest.mark.parametrize("shape", [(3, 64, 256), (3, 256, 64), (2, 36, 67), (1, 1, 9), (2, 5, 5)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    g = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if shape[1] != shape[2]:  # a square one may have a singular value near zero
        values = torch.linalg.svdvals(orthogonal(g))
        assert values.min() > 0.6
        assert values.max() < 1.3
    u, _, vt = torch.linalg.svd(g, full_matrices=False)
    between = u.transpose(1, 2) @ orthogonal(g) @ vt.transpose(1, 2)  # diagonal where singular vectors are kept
    assert_close(between, torch.diag_embed(between.diagonal(dim1=1, dim2=2)), torch.float64)
    assert (between.diagonal(dim1=1, dim2=2) > 0).all()
    assert_close(orthogonal(1e-3 * g), orthogonal(g), rtol=1e-7, atol=1e-7)  # the norm's epsilon is not scaled
    assert torch.equal(orthogonal(0 * g), 0 * g)
    single = g.float()  # gradients of layers that hardly matter: their squares are zero in single precision
    assert torch.equal(orthogonal(2.0**-100 * single), orthogonal(single))


@pytest.mark.parametrize("outputs", [3, 40])
def test_masked_taps_stay_and_do_not_change_the_others(outputs):
    torch.manual_seed(0)
    layer = CausalConv.masked(2, outputs, 3, centre=False).double()
    hidden = torch.ones(3, 3, dtype=torch.bool)
    hidden[:1], hidden[1, 0] = False, False
    layer(torch.randn(2, 2, 5, 5, dtype=torch.float64)).square().sum().backward()
    before, g = layer.weight.detach().clone(), layer.weight.grad
    assert (g[:, :, hidden] == 0).all()
    muon([layer.weight], matrix_lr=1.0).step()
    step = (before - layer.weight).detach()
    assert (step[:, :, hidden] == 0).all()
    scale = max(1, outputs / 18) ** 0.5
    alone = orthogonal(g[:, :, ~hidden].flatten(1)[None])[0] * scale
    assert_close(step[:, :, ~hidden].flatten(1), alone, torch.float64)


def test_a_restored_state_goes_on_bit_for_bit():
    whole, whole_others = parameters(dtype=torch.float32), parameters(OTHERS, torch.float32)
    first = muon(whole, whole_others)
    give_gradients([*whole, *whole_others], seed=0)
    first.step()
    matrices, others = ([nn.Parameter(w.detach().clone()) for w in group] for group in (whole, whole_others))
    second = muon(matrices, others, lr=0.5, matrix_lr=0.5, betas=(0.5, 0.5), eps=1.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for weights, optimizer in ((whole + whole_others, first), (matrices + others, second)):
        give_gradients(weights, seed=1)
        optimizer.step()
    for one, two in zip(whole + whole_others, matrices + others, strict=True):
        assert torch.equal(one, two)


def test_a_matrix_without_gradient_stays():
    weights = parameters()
    optimizer = muon(weights, parameters(OTHERS))
    before = [weight.detach().clone() for weight in weights]
    weights[0].grad = torch.ones_like(weights[0])
    optimizer.step()
    assert [torch.equal(one, two) for one, two in zip(before, weights, strict=True)] == [False, True, True, True, True]


def names_of(model: Model, wanted: list[nn.Parameter]) -> set[str]:
    return {name for name, parameter in model.named_parameters() if any(parameter is one for one in wanted)}


@every_model
def test_every_parameter_is_one_or_the_other(build):
    model = build(fit(build, (1, 6, 5)), 2)
    others, matrices = split(model)
    assert len(others) + len(matrices) == len(list(model.parameters()))
    assert not names_of(model, others) & names_of(model, matrices)
    assert all(matrix.dim() > 1 for matrix in matrices)
    layers = [attrgetter(edge)(model) for edge in model.edges]  # None is one that the configuration leaves out
    assert any(layer is not None for layer in layers)
    normalized = [layer.weight for layer in model.modules() if isinstance(layer, Normalized)]
    assert not names_of(model, normalized) & names_of(model, matrices)


def test_stem_and_head_are_no_matrices():
    model = MODELS["PixelSNAIL"]((1, 6, 5), 2)
    others, matrices = split(model)
    weights = {name for name, parameter in model.named_parameters() if parameter.dim() > 1}
    kept = {name for name in weights if name.startswith(("stem.", "out.1."))}
    assert len(kept) == 2
    assert names_of(model, matrices) == weights - kept
    assert names_of(model, others) & weights == kept
    rnn = MODELS["PixelRNN"]((1, 6, 5), 2)
    assert names_of(rnn, split(rnn)[1]) >= {f"layers.0.{part}_to_state.weight" for part in ("input", "state")}


@every_model
def test_every_model_trains(build, tiny, tmp_path):
    example = build(fit(build, (1, 6, 5)), 2)
    if example.shape != (1, 6, 5) or example.classes:
        pytest.skip("takes images of other sizes, or labels")
    arguments = {name: value for name, value in example.configuration.items() if name != "model"}
    optimizer = {"name": "muon", "lr": 2e-3, "matrix_lr": 0.02}
    recipe = tiny(model={"name": type(example).__name__, **arguments}, optimizer=optimizer)
    model = train(recipe, out=tmp_path / "run")
    torch.manual_seed(0)
    fresh = type(model)(**arguments)
    matrices = names_of(model, split(model)[1])
    pairs = zip(fresh.named_parameters(), model.parameters(), strict=True)
    still = {name for (name, before), after in pairs if before.requires_grad and torch.equal(before, after)}
    assert not still & matrices
