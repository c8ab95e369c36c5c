"""A larger model takes the weights of a smaller one, and begins as the same function."""

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
