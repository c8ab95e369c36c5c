"""What the verbs accept, what they refuse, and what they say."""

import inspect
import typing

import pytest
import torch

from pixelsnail import PixelSNAIL
from pixelsnail.models import MODELS as NAMES
from pixelsnail.nn import CausalConv
from tiny import MODELS, random_levels
from tolerance import assert_close


@pytest.fixture(scope="module")
def model():
    return MODELS["PixelSNAIL"]((1, 4, 5), 2)


def test_the_defaults_are_the_published_model():
    model = PixelSNAIL()
    assert sum(parameter.numel() for parameter in model.parameters()) == 905_889
    assert model(torch.zeros(1, 1, 28, 28, dtype=torch.uint8)).shape == (1, 1, 28, 28)


def test_a_wide_stem_sees_further_at_once():
    model = MODELS["PixelSNAIL"]((1, 9, 9), 2, stem=7)
    reached = model.stem(torch.zeros(1, 1, 9, 9, dtype=torch.uint8))
    for r, c, seen in [(1, 1, True), (1, 7, True), (4, 1, True), (4, 3, True), (4, 4, False), (4, 5, False)]:
        x = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
        x[..., r, c] = 1
        assert bool((model.stem(x) != reached)[..., 4, 4].any()) == seen, (r, c)


@pytest.mark.parametrize(("shape", "levels", "outputs"), [((1, 4, 5), 2, 1), ((3, 4, 5), 2, 3), ((2, 4, 5), 7, 14)])
def test_parameters_follow_from_channels_and_levels(shape, levels, outputs):
    model = PixelSNAIL(shape, levels, channels=4, blocks=1, residuals=1)
    assert model(random_levels(levels, (2, *shape))).shape == (2, outputs, 4, 5)


def test_a_linear_prediction_is_added_in_float32():
    """The same function as without one at first; of 256 levels bfloat16 would round neighbours to the same number."""
    plain, model = (PixelSNAIL((3, 6, 6), 256, channels=8, blocks=1, linear=size) for size in (0, 5))
    model.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randint(256, (2, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert torch.equal(model(x), plain(x))
    torch.nn.init.normal_(model.linear.conv.weight)
    exact = model(x) - plain(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert model.linear(x).dtype == torch.float32
        assert_close(model.linear(x), exact)
        stem = plain.stem(x)
    assert stem.dtype == torch.bfloat16
    assert torch.equal(stem, plain.stem(x).bfloat16())  # computed in float32, then rounded


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"shape": (1, 28)}, r"shape is \(1, 28\); expected \(C, H, W\)"),
        ({"shape": (1, 0, 4)}, r"shape is \(1, 0, 4\)"),
        ({"levels": 1}, "levels is 1; expected a whole number of at least 2"),
        ({"levels": 256, "head": "Bernoulli"}, "use head='Categorical'"),
        ({"channels": 1}, "channels is 1; expected a whole number of at least 2"),
        ({"blocks": -1}, "blocks is -1"),
        ({"key": 0}, "key is 0"),
        ({"stem": 1}, "stem is 1; expected a whole number of at least 3"),
        ({"stem": 4}, "stem is 4; expected an odd number"),
        ({"linear": 4}, "linear is 4; expected an odd number"),
        ({"frequencies": -1}, "frequencies is -1; expected a whole number of at least 0"),
        ({"frequencies": 40}, "frequencies is 40; expected at most 16, whose last wave is shorter than a pixel"),
        ({"linear": 1}, "linear is 1; expected a whole number of at least 3"),
    ],
)
def test_an_impossible_model_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PixelSNAIL(**arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 0}, "count is 0; expected a whole number of at least 1"),
        ({"count": -3}, "count is -3"),
        ({"count": 1, "batch": 0}, "batch is 0"),
        ({"count": 1, "temperature": -0.1}, "temperature is -0.1; expected a number of at least 0"),
        ({"count": 1, "temperature": float("inf")}, "temperature is inf"),
        ({"count": 1, "temperature": float("nan")}, "temperature is nan"),
        ({"count": 1, "engine": "fast"}, "There is no engine 'fast'; expected one of auto, compiled, eager, naive"),
        ({"count": 1, "context": torch.zeros(1)}, "is unconditional and takes no context"),
        ({"count": 1, "size": (0, 3)}, r"size is \(0, 3\)"),
    ],
)
def test_sample_says_what_is_wrong(model, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.sample(**arguments)


def test_complete_says_what_is_wrong(model):
    x = torch.zeros(2, 1, 4, 5, dtype=torch.uint8)
    with pytest.raises(TypeError, match="expected a boolean mask"):
        model.complete(x, torch.ones(4, 5))
    with pytest.raises(ValueError, match=r"known has shape \(5, 4\); expected \(H, W\) = \(4, 5\)"):
        model.complete(x, torch.ones(5, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="holds level 2"):
        model.complete(x + 2, torch.ones(4, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"pass x\.unsqueeze"):
        model.complete(x[:, 0], torch.ones(4, 5, dtype=torch.bool))


@pytest.mark.parametrize("verb", ["log_prob", "bits_per_dim", "distribution"])
def test_scoring_checks_levels_first(model, verb):
    wrong = torch.zeros(2, 1, 4, 5, dtype=torch.long)
    wrong[1, 0, 2, 0] = 3
    with pytest.raises(ValueError, match="holds level 3 at image 1, row 2, column 0"):
        getattr(model, verb)(wrong)
    with pytest.raises(TypeError, match="expected integer levels"):
        getattr(model, verb)(torch.zeros(2, 1, 4, 5))
    assert model.log_prob(torch.zeros(1, 1, 4, 5, dtype=torch.uint8)).isfinite().all()  # and the model goes on


def test_progress_counts_every_pixel_of_every_image(model):
    seen = []
    model.sample(5, batch=2, progress=lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [100] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (100, 100)


def test_a_size_of_ones_own_is_sampled(model):
    assert model.sample(2, size=(3, 8)).shape == (2, 1, 3, 8)
    assert model.sample(2, size=(1, 1)).shape == (2, 1, 1, 1)


def test_levels_are_small_where_they_fit():
    assert MODELS["PixelSNAIL"]((1, 2, 2), 2).sample(1).dtype == torch.uint8
    assert MODELS["PixelSNAIL"]((1, 2, 2), 300).sample(1).dtype == torch.int64


def test_masked_convolutions_have_the_published_taps():
    assert int(CausalConv.masked(1, 1, 7, centre=False).mask.sum()) == 24
    assert int(CausalConv.masked(1, 1, 3, centre=False).mask.sum()) == 4
    assert int(CausalConv.masked(1, 1, 3, centre=True).mask.sum()) == 5
    assert CausalConv.masked(2, 8, 3, centre=False).weight.shape == (8, 2, 3, 3)


def test_memory_of_a_training_step_grows_with_the_pixels_and_not_their_square():
    """No tensor that autograd keeps has a positions-by-positions size, and all of them together grow linearly."""

    def kept(side):
        sizes = []
        model = PixelSNAIL((1, side, side), channels=4, blocks=1, residuals=1, key=2, value=4)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            model.pixel_nats(torch.zeros(1, 1, side, side, dtype=torch.uint8)).sum().backward()
        assert max(sizes) < side**4 / 4
        return sum(sizes)

    assert kept(64) / kept(32) < 4.5


def test_a_64_by_64_image_trains():
    model = PixelSNAIL((1, 64, 64), channels=4, blocks=1, residuals=1, key=2, value=4)
    model.pixel_nats(random_levels(2, (1, 1, 64, 64))).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_every_constructor_argument_has_a_meaning(name):
    signature = inspect.signature(NAMES[name].__init__, eval_str=True)
    for argument in [*signature.parameters.values()][1:]:
        meaning, *more = typing.get_args(argument.annotation)[1:]
        assert isinstance(meaning, str), argument
        assert not more
