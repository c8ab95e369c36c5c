"""Parts, pixels, detection and restoration with a condition, and at other sizes: each image by its own context."""

import pytest
import torch

from pixelsnail import data
from pixelsnail.evaluation import detect, fit, pixel_probabilities, region_log_prob, restore
from pixelsnail.models.condition import of_images
from tiny import MODELS, context_of, random_levels
from tolerance import assert_close, close_to

CONDITIONED = pytest.mark.parametrize(
    "name", ["PixelSNAIL of classes", "PixelSNAIL of a map", "PixelSNAIL of a map and classes"]
)
SIZES = pytest.mark.parametrize("size", [(4, 4), (2, 6)])
LEVELS = 3


def given(name, size, count=4):
    """A model built for 4 x 4, and images of a size with their contexts, all different."""
    model = MODELS[name]((1, 4, 4), LEVELS).double()
    return model, random_levels(LEVELS, (count, 1, *size)), all_different(context_of(model, count, size))


def all_different(context):
    """A context in which each image has a map of its own."""
    if isinstance(context, dict):
        return {name: all_different(part) for name, part in context.items()}
    if context.dim() == 1:
        return context
    return random_levels(int(context.max()) + 1, context.shape, seed=5)


def one(x, context, i):
    return x[i : i + 1], of_images(context, slice(i, i + 1))


def middle(size):
    """A region with pixels of the rest before and after it."""
    region = torch.zeros(size, dtype=torch.bool)
    region[: size[0] - 1, 1:3] = True
    return region


@torch.no_grad()
@CONDITIONED
@SIZES
def test_a_region_is_scored_by_the_image_s_own_context(name, size):
    model, x, context = given(name, size)
    region = torch.zeros(size, dtype=torch.bool)
    region[-1] = True
    found = region_log_prob(model, x, region, context=context, batch=3)
    assert found.exact
    assert_close(found.log_prob, -model.pixel_nats(x, context)[:, region].sum(-1))
    shifted = of_images(context, torch.arange(1, len(x) + 1) % len(x))
    assert not torch.allclose(region_log_prob(model, x, region, context=shifted).log_prob, found.log_prob)
    estimated = region_log_prob(model, x, middle(size), context=context, particles=3, batch=6)
    rest = model.posterior(x, ~middle(size), particles=3, context=context)
    assert_close(estimated.log_prob, model.log_prob(x, context) - rest.log_evidence)


@torch.no_grad()
@CONDITIONED
@SIZES
def test_a_pixel_has_its_probabilities_given_the_context(name, size):
    model, x, context = given(name, size)
    for i in range(2):
        image, own = one(x, context, i)
        before = pixel_probabilities(model, image[0], 1, 1, context=own)
        table = model.distribution(image, own).table(0, image.permute(0, 2, 3, 1)[..., :0])
        assert_close(before[0], table[0, 1, 1])
        rest = pixel_probabilities(model, image[0], 1, 1, given="rest", context=own, batch=2)
        every = image.repeat(LEVELS, 1, 1, 1)
        every[:, 0, 1, 1] = torch.arange(LEVELS)
        joint = model.log_prob(every, of_images(own, torch.zeros(LEVELS, dtype=torch.long)))
        assert_close(rest[0], joint.softmax(0))


@torch.no_grad()
@CONDITIONED
@SIZES
def test_a_detector_scores_by_the_context(name, size):
    model, x, context = given(name, size, 20)
    images = data.from_arrays(x.numpy(), levels=LEVELS)
    detector = fit(model, images, rate=0.1, pixel_rate=0.1, context=context)
    found = detect(model, images, detector, context=context, batch=7)
    assert_close(found.scores["nats"], -model.log_prob(x, context))
    assert_close(found.maps, model.pixel_nats(x, context).float())
    assert found.anomalous.sum() <= 2
    with pytest.raises(ValueError, match=r"has no (labels|maps)"):
        detect(model, images, detector)


@torch.no_grad()
@CONDITIONED
@SIZES
def test_an_image_is_restored_by_its_own_context(name, size):
    """The first image has no suspects, so that those that are drawn are others than the first."""
    model, x, context = given(name, size)
    suspects = torch.zeros(len(x), *size, dtype=torch.bool)
    suspects[1:, 0, 1] = True
    found = restore(model, x, suspects, particles=4, grow=0, seed=2, context=context)
    assert torch.equal(found.images[~found.replaced], x[~found.replaced])
    expected = model.complete(
        x[1:], ~suspects[1:, None], particles=4, seed=2, context=of_images(context, torch.arange(1, len(x)))
    )
    assert torch.equal(found.images[1:], expected.long())


@torch.no_grad()
@CONDITIONED
@SIZES
def test_particles_weigh_and_move_by_the_context(name, size):
    model, x, context = given(name, size, 3)
    known = ~middle(size)
    together = model.posterior(x, known, particles=3, refine=1, seed=1, context=context)
    assert together.images.shape == (3, 3, 1, *size)
    alone = model.posterior(*one(x, None, 0)[:1], known, particles=3, refine=1, seed=1, context=one(x, context, 0)[1])
    assert torch.equal(alone.images[0], together.images[0])
    assert alone.log_evidence.item() == close_to(together.log_evidence[0].item())
    above = torch.zeros(size, dtype=torch.bool)
    above[0] = True
    exact = model.posterior(x, above, particles=2, context=context).log_evidence
    assert_close(exact, -model.pixel_nats(x, context)[:, above].sum(-1))
