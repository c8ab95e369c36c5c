"""A larger model takes the weights of a smaller one, and begins as the same function, or with more blocks nearly so."""

import pytest
import torch

from pixelsnail.models import Ordered, PixelCNN, PixelSNAIL
from tolerance import assert_close

SIZES = {"channels": 4, "residuals": 1, "blocks": 2, "value": 3}


def filled(model):
    """The model in double precision with random weights that all matter."""
    generator = torch.Generator().manual_seed(0)
    for weight in model.double().eval().parameters():
        weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64) * 0.7
    return model


def pixelsnail(**sizes):
    return PixelSNAIL((1, 5, 4), 2, **{**SIZES, "key": 2, "stem": 3, **sizes})


def ordered(**sizes):
    return Ordered({"model": "PixelSNAIL", "shape": (1, 5, 4), "levels": 2, **SIZES, "key": 2, "stem": 3, **sizes}, 4)


@pytest.mark.parametrize("build", [pixelsnail, ordered])
@pytest.mark.parametrize(
    "larger", [{"key": 5}, {"stem": 7}, {"frequencies": 3}, {"key": 3, "stem": 5, "frequencies": 1}]
)
def test_a_larger_model_begins_as_the_same_function(build, larger):
    small, large = filled(build()), build(**larger).double().eval()
    x = torch.randint(0, 2, (8, 1, 5, 4), generator=torch.Generator().manual_seed(1))
    large.load_state_dict(large.widened(small.state_dict()))
    assert_close(large.log_prob(x), small.log_prob(x))


def test_new_keys_learn():
    small, large = filled(pixelsnail()), pixelsnail(key=5).double()
    large.load_state_dict(large.widened(small.state_dict()))
    x = torch.randint(0, 2, (8, 1, 5, 4), generator=torch.Generator().manual_seed(1))
    large.pixel_nats(x).sum().backward()
    for block in large.blocks:
        assert block.query.weight.grad[2:].abs().max() > 0


def test_more_frequencies_begin_as_the_same_function():
    small, large = filled(pixelsnail(frequencies=1)), pixelsnail(frequencies=3).double()
    x = torch.randint(0, 2, (8, 1, 5, 4), generator=torch.Generator().manual_seed(1))
    large.load_state_dict(large.widened(small.state_dict()))
    assert_close(large.log_prob(x), small.log_prob(x))
    large.pixel_nats(x).sum().backward()
    assert large.place.weight.grad[:, 6:].abs().max() > 0
    assert large.blocks[0].query.weight.grad[:, 6:14].abs().max() > 0


def test_weights_of_the_same_or_another_size_stay_as_they_are():
    small = pixelsnail(key=5, stem=5, frequencies=1)
    smaller, wider = pixelsnail(key=3, stem=3), pixelsnail(key=7, stem=5, channels=6, frequencies=2)
    for other in (pixelsnail(key=5, stem=5, frequencies=1), smaller, wider):
        found = other.widened(small.state_dict())
        assert all(torch.equal(found[name], weight) for name, weight in small.state_dict().items())
    cnn = PixelCNN((1, 5, 4), 2, channels=4, layers=1)
    assert cnn.widened({}) == {}


@pytest.mark.parametrize("build", [pixelsnail, ordered])
@pytest.mark.parametrize(
    "larger", [{"blocks": 4}, {"blocks": 5, "key": 4, "stem": 5}, {"blocks": 3, "attention": False}]
)
def test_split_blocks_differ_by_the_square_of_what_they_add(build, larger):
    """Euler's method: n steps of an nth are one step but for epsilon squared, where a step adds some epsilon."""
    kept = {name: value for name, value in larger.items() if name == "attention"}
    small, deep = filled(build(**kept)), build(**larger).double().eval()
    x = torch.randint(0, 2, (8, 1, 5, 4), generator=torch.Generator().manual_seed(1))

    def difference(epsilon):
        state = small.state_dict()
        state |= {name: weight * epsilon for name, weight in state.items() if "blocks." in name and ".out." in name}
        small_copy = build(**kept).double().eval()
        small_copy.load_state_dict(state)
        deep.load_state_dict(deep.widened(deep.deepened(state)))
        return float((deep.log_prob(x) - small_copy.log_prob(x)).detach().abs().max())

    assert difference(1e-3) > 0
    assert difference(1e-3) == pytest.approx(100 * difference(1e-4), rel=0.1)


def test_each_copy_of_a_block_has_its_share():
    small, deep = filled(pixelsnail()), pixelsnail(blocks=5)
    found, state = deep.deepened(small.state_dict()), small.state_dict()
    assert found.keys() == deep.state_dict().keys()
    for new, (old, share) in enumerate([(0, 3), (0, 3), (0, 3), (1, 2), (1, 2)]):
        assert_close(found[f"blocks.{new}.out.bias"], state[f"blocks.{old}.out.bias"] / share)
        assert torch.equal(found[f"blocks.{new}.query.weight"], state[f"blocks.{old}.query.weight"])
        assert torch.equal(
            found[f"blocks.{new}.residuals.0.output_conv.weight"], state[f"blocks.{old}.residuals.0.output_conv.weight"]
        )


def test_weights_of_as_many_or_more_blocks_stay_as_they_are():
    state = pixelsnail(blocks=2).state_dict()
    for blocks in (0, 1, 2):
        assert pixelsnail(blocks=blocks).deepened(state).keys() == state.keys()
    none = pixelsnail(blocks=0).state_dict()
    assert pixelsnail(blocks=2).deepened(none).keys() == none.keys()
    assert PixelCNN((1, 5, 4), 2, channels=4, layers=1).deepened(state).keys() == state.keys()
