"""Users compile models themselves: every model works, at a second size too."""

import warnings

import pytest
import torch

from tiny import MODELS, ONE_SIZE, context_of, every_model, fit, random_levels
from tolerance import assert_close

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning"
)  # torch's own, about itself

QUICK = {"PixelSNAIL", "PixelSNAIL without attention", "PixelCNN", "GatedPixelCNN", "ImageGPT", "PixelRNN"}
"""Models whose graphs are made in seconds; of the others it takes up to a minute."""
SLOW = (pytest.mark.slow, pytest.mark.timeout(1800))


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


def agrees(compiled, model, size):
    """Parameters and gradients of the compiled model are those of the model."""
    x, context = random_levels(3, (3, model.shape[0], *size)), context_of(model, 3, size)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    ours, expected = compiled(x, context=context), model(x, context=context)
    assert_close(ours, expected, rtol=1e-4, atol=1e-4)  # compilers fuse, and round at other places
    grad = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, weights, grad), torch.autograd.grad(expected, weights, grad), strict=True
    ):
        assert_close(one / (1 + other.abs().max()), other / (1 + other.abs().max()), rtol=1e-3, atol=1e-4)


def kept_views(graph):
    """The 4-dimensional views of open height and width among what a graph returns or keeps for its gradient."""
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    for node in output.all_input_nodes:
        value = node.meta.get("val")
        if getattr(node.target, "is_view", False) and value.dim() == 4:
            open_strides = [stride for stride in value.stride() if isinstance(stride, torch.SymInt)]
            if len(open_strides) > 1:
                yield f"{node.target} {tuple(value.stride())}"


@pytest.mark.parametrize(
    "build",
    [pytest.param(MODELS[name], marks=() if name in QUICK else SLOW, id=name) for name in MODELS],
)
def test_a_compiled_model_is_the_model_at_every_size(build):
    """Through all of inductor but the C++ compiler, which is slow. What makes it fail is asked for in its place: it
    cannot order the strides of a view of open height and width."""
    model, found = build(fit(build, (1, 8, 8)), 3), list[str]()

    def lowered(graph, inputs, **_):
        from functorch.compile import make_boxed_func

        found.extend(kept_views(graph))
        return make_boxed_func(graph.forward)

    def backend(graph, inputs):
        from torch._inductor.compile_fx import compile_fx

        return compile_fx(graph, inputs, inner_compile=lowered)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(model, backend=backend, dynamic=True)
        for size in ((8, 8),) if build in ONE_SIZE else ((8, 12), (12, 8)):
            agrees(compiled, model, size)
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@every_model
def test_a_model_compiled_to_machine_code_is_the_model_at_every_size(build):
    model = build(fit(build, (1, 8, 8)), 3)
    compiled = torch.compile(model)
    for size in ((8, 8),) if build in ONE_SIZE else ((8, 8), (12, 12), (12, 8)):
        agrees(compiled, model, size)
