"""Likelihoods have all their derivatives: of single images (torch.func), second ones, and as exported graphs."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import checkpoint

from pixelsnail.nn import CausalAttention
from pixelsnail.nn.causal import attend_plainly, attend_strictly
from pixelsnail.nn.recurrence import recur, recur_plainly
from tiny import context_of, every_model, fit, random_levels
from tolerance import assert_close


class LogProb(nn.Module):
    """The verb as a module, which torch.func takes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.log_prob(x, context_of(self.model, 1))[0]


def log_prob(build):
    """The log-likelihood of one image as a function of weights and levels, the weights, and three images."""
    model = build(fit(build, (1, 4, 5)), 3).double()
    module = LogProb(model)
    weights = {name: weight.detach() for name, weight in module.named_parameters() if weight.requires_grad}
    return lambda w, x: functional_call(module, w, (x[None],)), weights, random_levels(3, (3, *model.shape)), model


def log_probs(model, x):
    """Those of images (B, C, H, W), all of the first class where there are classes."""
    return torch.cat([model.log_prob(x[image : image + 1], context_of(model, 1)) for image in range(len(x))])


def gradients(model, value, **options):
    return torch.autograd.grad(value, [weight for weight in model.parameters() if weight.requires_grad], **options)


@every_model
def test_per_image_gradients_are_those_of_single_images(build):
    function, weights, x, model = log_prob(build)
    together = vmap(grad(function), in_dims=(None, 0))(weights, x)
    for image in range(3):
        alone = gradients(model, log_probs(model, x)[image])
        for one, other in zip(together.values(), alone, strict=True):
            assert_close(one[image], other, torch.float64)


@every_model
def test_gradients_of_several_results_at_once_are_those_of_each(build):
    _, _, x, model = log_prob(build)
    batched = gradients(
        model, model.log_prob(x, context_of(model, 3)), grad_outputs=torch.eye(3).double(), is_grads_batched=True
    )
    for image in range(3):
        for one, other in zip(batched, gradients(model, model.log_prob(x, context_of(model, 3))[image]), strict=True):
            assert_close(one[image], other, torch.float64)


@every_model
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.func's, about torch.jit
def test_the_gradient_of_a_gradient_is_the_change_of_the_gradient(build):
    """A Hessian times a vector: by two backward passes, by torch.func, and by differences of gradients."""
    function, weights, x, model = log_prob(build)
    generator = torch.Generator().manual_seed(1)
    vector = [torch.randn(h.shape, generator=generator, dtype=h.dtype) for h in weights.values()]
    first = gradients(model, log_probs(model, x)[0], create_graph=True)
    product = sum((one * other).sum() for one, other in zip(first, vector, strict=True))
    twice = gradients(model, product)

    tangents = dict(zip(weights, vector, strict=True))
    _, forward = jvp(lambda w: grad(function)(w, x[0]), (weights,), (tangents,))
    size = max(h.abs().max() for h in twice)
    assert size > 0
    for one, other in zip(twice, forward.values(), strict=True):
        assert_close(one / size, other / size, torch.float64)

    step = 1e-6
    moved = [
        grad(function)({name: h + sign * step * tangents[name] for name, h in weights.items()}, x[0])
        for sign in (1, -1)
    ]
    for one, name in zip(twice, weights, strict=True):
        change = (moved[0][name] - moved[1][name]) / (2 * step)
        assert_close(one / size, change / size, rtol=1e-3, atol=1e-3)  # kinks of relu and maximum lie within a step


@every_model
@torch.no_grad()
def test_an_exported_image_is_computed_by_torchs_own_operators(build):
    model = build(fit(build, (1, 4, 5)), 3)

    def given(batch, seed=0):
        x, context = random_levels(3, (batch, *model.shape), seed), context_of(model, batch)
        return {"x": x} if context is None else {"x": x, "context": context}

    open_batch = tree_map(lambda _: {0: torch.export.Dim.DYNAMIC}, given(3))
    program = torch.export.export(model, (), given(3), dynamic_shapes=open_batch, strict=False)
    called = {node.target for node in program.graph.nodes if node.op == "call_function"}
    assert {getattr(target, "namespace", "aten") for target in called} <= {"aten", "prims"}
    for batch in (2, 3, 5):
        assert_close(program.module()(**given(batch, seed=1)), model(**given(batch, seed=1)))


@every_model
def test_gradients_are_the_same_where_activations_are_computed_again(build):
    model = build(fit(build, (1, 4, 5)), 3).double()
    x, context = random_levels(3, (2, *model.shape)), context_of(model, 2)
    again = checkpoint(model.pixel_nats, x, context, use_reentrant=False)
    kept = model.pixel_nats(x, context)
    for one, other in zip(gradients(model, again.sum()), gradients(model, kept.sum()), strict=True):
        assert_close(one, other, torch.float64)


def test_plain_attention_and_recurrence_are_the_fast_ones():
    q, k, v = (torch.randn(2, 3, 9, size, dtype=torch.float64) for size in (4, 4, 6))
    assert_close(attend_plainly(q, k, v), attend_strictly(q, k, v), torch.float64)
    q, k, v = (torch.randn(2, 6, 3, 4, dtype=torch.float64) for _ in range(3))
    flat = [h.flatten(2).transpose(1, 2)[:, None] for h in (q, k, v)]
    expected = CausalAttention()(q, k, v).flatten(2).transpose(1, 2)[:, None]
    assert_close(attend_plainly(*flat, first=0), expected, torch.float64)
    given = [torch.randn(shape, dtype=torch.float64) for shape in ((2, 4, 5, 12), (9, 12), (2, 3))]
    assert_close(recur_plainly(*given), recur(*given), torch.float64)


@pytest.mark.parametrize("length", [1, 5, 130])
def test_the_gradients_of_attention_and_recurrence_have_gradients(length):
    q, k, v = (torch.randn(1, 2, length, size, dtype=torch.float64, requires_grad=True) for size in (2, 2, 3))
    fast = torch.autograd.functional.hvp(lambda *h: attend_strictly(*h).pow(2).sum(), (q, k, v), (q, k, v))[1]
    plain = torch.autograd.functional.hvp(lambda *h: attend_plainly(*h).pow(2).sum(), (q, k, v), (q, k, v))[1]
    for one, other in zip(fast, plain, strict=True):
        assert_close(one, other, torch.float64)
    if length == 5:
        shapes = ((1, 3, 2, 8), (6, 8), (2, 2))
        given = tuple(torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
        assert torch.autograd.gradgradcheck(recur, given)
