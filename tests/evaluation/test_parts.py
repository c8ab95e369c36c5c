"""The probability of a part of an image, against all images listed."""

import pytest
import torch

from pixelsnail.evaluation import pixel_probabilities, region_log_prob
from pixelsnail.models import Ordered
from pixelsnail.models.condition import of_images
from tiny import MODELS, context_of, every_image, random_levels, randomised
from tolerance import assert_close, close_to

SHAPE = (1, 3, 3)
LOWER = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 1, 1]]).bool()
MIDDLE = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 0]]).bool()


def eight():
    of = {"model": "PixelSNAIL", "channels": 8, "blocks": 2, "residuals": 1, "key": 2, "value": 4}
    model = randomised(Ordered({**of, "shape": SHAPE, "levels": 2})).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.6)  # nothing is certain
    return model


def conditional(model, x, region, **arguments):
    """log p(region | rest) of an image x (1, C, H, W), by its definition."""
    images = every_image(2, SHAPE)
    agree = (images == x)[:, :, ~region].flatten(1).all(1)
    return (model.log_prob(x, **arguments) - model.log_prob(images[agree], **arguments).logsumexp(0)).item()


@torch.no_grad()
def test_a_half_given_the_other_half_is_exact_in_some_order():
    x = random_levels(2, (3, *SHAPE))
    one, many = MODELS["PixelSNAIL"](SHAPE, 2).double(), eight()
    for model, region, order in ((one, LOWER, 0), (many, LOWER, 0), (many, ~LOWER, 2), (many, LOWER.t(), 4)):
        found = region_log_prob(model, x, region, batch=2)
        assert found.exact
        assert not found.estimated
        assert found.orders.tolist() == [order] * 3
        for image in range(3):
            arguments = {} if model is one else {"order": order}
            assert found.log_prob[image].item() == close_to(
                conditional(model, x[image : image + 1], region, **arguments)
            )


@torch.no_grad()
def test_what_comes_late_is_left_out_and_said_or_estimated():
    model, x = MODELS["PixelSNAIL"](SHAPE, 2, seed=3).double(), random_levels(2, (1, *SHAPE), seed=1)
    x[0, 0, 1, 1] = 1 - x[0, 0, 1, 1]  # the less likely level
    before = region_log_prob(model, x, MIDDLE)
    assert not before.exact
    assert before.log_prob.item() == close_to(-model.pixel_nats(x)[0, 1, 1].item())
    truth = conditional(model, x, MIDDLE)
    assert abs(before.log_prob.item() - truth) > 0.1
    found = region_log_prob(model, x, MIDDLE, particles=4_000, batch=4_000)
    assert found.estimated
    assert found.log_prob.item() == pytest.approx(truth, abs=0.05)


@torch.no_grad()
@pytest.mark.parametrize("order", [0, 3, 6])
def test_a_part_in_any_order_is_what_it_adds_to_the_whole(order):
    model, x = eight(), random_levels(2, (4, *SHAPE))
    parts = [region_log_prob(model, x, region, order=order).log_prob for region in (MIDDLE, ~MIDDLE)]
    assert_close(sum(parts), model.log_prob(x, order=order))


@torch.no_grad()
@pytest.mark.parametrize("name", ["PixelSNAIL", "PixelCNNpp of classes"])
@pytest.mark.parametrize(("channels", "levels"), [(1, 3), (2, 3)])
def test_one_pixel_s_probabilities_are_those_of_the_definition(name, channels, levels):
    shape = (channels, 4, 4)
    model, x = MODELS[name](shape, levels).double(), random_levels(levels, (1, channels, 4, 4))
    context = context_of(model, 1)
    before = pixel_probabilities(model, x[0], 2, 1, context=context)
    rest = pixel_probabilities(model, x[0], 2, 1, given="rest", context=context, batch=2)
    assert before.shape == rest.shape == (channels, levels)
    pixels = model.distribution(x, context)
    joint = torch.zeros(levels)
    for level in range(levels):
        changed = x.clone()
        changed[:, 0, 2, 1] = level
        joint[level] = model.log_prob(changed, context).item()
    assert_close(rest[0], joint.double().softmax(0))
    assert_close(before.sum(1), torch.ones(channels).double())
    own = torch.stack([before[c, x[0, c, 2, 1]] for c in range(channels)]).log().sum()
    assert own.item() == close_to(pixels.log_prob(x.permute(0, 2, 3, 1))[0, 2, 1].item())


@torch.no_grad()
def test_given_the_rest_orders_are_mixed_and_before_takes_one():
    model, x = eight(), random_levels(2, (1, *SHAPE))
    changed = x.clone()
    changed[0, 0, 1, 1] = 1 - changed[0, 0, 1, 1]
    mixed = torch.stack([model.log_prob(x), model.log_prob(changed)]).softmax(0)
    found = pixel_probabilities(model, x[0], 1, 1, given="rest")[0]
    assert found[x[0, 0, 1, 1]].item() == close_to(mixed[0].item())
    first, last = (pixel_probabilities(model, x[0], 1, 1, order=order) for order in (None, 3))
    assert_close(first, pixel_probabilities(model, x[0], 1, 1, order=0))
    assert (first - last).abs().max() > 1e-3


def test_a_class_is_a_part_of_what_is_given():
    model, x = MODELS["PixelSNAIL of classes"](SHAPE, 2).double(), random_levels(2, (3, *SHAPE))
    context = context_of(model, 3)
    found = region_log_prob(model, x, LOWER, context=context)
    for image in range(3):
        alone = region_log_prob(model, x[image : image + 1], LOWER, context=of_images(context, slice(image, image + 1)))
        assert found.log_prob[image].item() == close_to(alone.log_prob.item())
    with pytest.raises(ValueError, match="context is missing"):
        region_log_prob(model, x, LOWER)


def test_what_cannot_be_is_said():
    model, x = MODELS["PixelSNAIL"](SHAPE, 2), random_levels(2, (2, *SHAPE))
    for call, words in (
        (lambda: region_log_prob(model, x, LOWER[:2]), r"region has shape \(2, 3\)"),
        (lambda: region_log_prob(model, x, LOWER | True), "region holds all of an image"),
        (lambda: region_log_prob(model, x, LOWER & False), "none of it"),
        (lambda: region_log_prob(model, x, LOWER, order=2), "knows the raster order alone"),
        (lambda: region_log_prob(model, x, MIDDLE, particles=0), "particles is 0"),
        (lambda: pixel_probabilities(model, x[0], 3, 0), "The pixel 3,0 is outside of the image of 3 x 3"),
        (
            lambda: pixel_probabilities(model, x[0], 0, 0, given="after"),
            "given is 'after'; expected 'before'",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match=r"region has dtype .*; expected a boolean mask"):
        region_log_prob(model, x, LOWER.long())
