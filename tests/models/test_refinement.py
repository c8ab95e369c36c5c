"""Moves of completions against the enumerated posterior of tiny images."""

import pytest
import torch

from pixelsnail.engine import Engine, Plan
from pixelsnail.models import Ordered
from pixelsnail.models.posterior import posterior
from pixelsnail.models.refinement import refined
from tiny import MODELS, context_of, every_image, every_model, fit, random_levels, randomised
from tolerance import assert_close

SHAPE = (1, 3, 3)
LOWER = torch.tensor([[0, 0, 0], [0, 0, 1], [1, 1, 1]]).bool()
"""All known pixels come after all unknown ones: particles are weighed once, when all is drawn."""
CHAINS = 4_000


@pytest.fixture(scope="module")
def model():
    """A model whose later pixels say much about the earlier ones."""
    return MODELS["PixelSNAIL"](SHAPE, 2, seed=3).double()


@pytest.fixture(scope="module")
def truth(model):
    """All completions of an image whose lower part is known, and how probable each is."""
    x, images = torch.tensor([0, 0, 0, 0, 0, 1, 1, 0, 1]).view(1, *SHAPE), every_image(2, SHAPE)
    images = images[(images == x)[:, :, LOWER].flatten(1).all(1)]
    with torch.no_grad():
        return images, model.log_prob(images).softmax(0)


def share(images, among):
    """How often each of `among` is there."""
    return (images[:, None] == among).flatten(2).all(2).double().mean(0)


def distance(a, b):
    return (a - b).abs().sum().item() / 2


def swept(model, x, known, sweeps, seed=0):
    found, moved = refined(
        model, Engine(model, Plan(engine="eager"), SHAPE[1:]), x, known, sweeps, seed=seed, image=0, context=None,
        batch=len(x), told=lambda share: None,
    )  # fmt: skip
    assert torch.equal(found[:, :, known], x[:, :, known])
    return found, moved


@torch.inference_mode()
def test_a_draw_of_the_posterior_stays_one(model, truth):
    images, right = truth
    generator = torch.Generator().manual_seed(0)
    x = images[torch.multinomial(right, CHAINS, replacement=True, generator=generator)]
    expected = distance(share(x, images), right)  # of so many exact draws
    for seed in range(3):
        x, moved = swept(model, x, LOWER, 1, seed)
        assert distance(share(x, images), right) < 2 * expected < 0.06
        assert moved > 0.3


@torch.inference_mode()
def test_from_anywhere_moves_converge_to_the_posterior(model, truth):
    images, right = truth
    x = images[right.argmin()].expand(CHAINS, -1, -1, -1)
    far = [distance(share(swept(model, x, LOWER, sweeps)[0], images), right) for sweeps in (0, 1, 12)]
    assert far[0] > 0.9
    assert far[1] < far[0]
    assert far[2] < 0.04


@torch.inference_mode()
def test_moves_make_of_few_particles_what_many_are_worth(model, truth):
    images, right = truth
    runs = images[:1].expand(40, -1, -1, -1)
    alone, moved = (posterior(model, runs, LOWER, particles=2, refine=refine, seed=1) for refine in (0, 6))
    weighed = torch.einsum("rn,rni->i", alone.log_weights.exp(), _same(alone, images)) / 40
    assert distance(_same(moved, images).mean((0, 1)), right) < 0.6 * distance(weighed, right)
    assert (moved.moved > 0).all()
    assert (alone.moved == 0).all()
    for name in ("log_evidence", "effective", "least"):
        assert_close(getattr(moved, name), getattr(alone, name))  # those of the particles before they moved
    assert_close(moved.log_weights.exp(), torch.full((40, 2), 0.5).double())


def _same(found, images):
    return (found.images[:, :, None].long() == images).flatten(3).all(3).double()


@torch.inference_mode()
@every_model
def test_every_model_moves_as_the_naive_sampler_has_it(build):
    shape = fit(build, (1, 4, 4))
    model = build(shape, 3).double()
    x, context = random_levels(3, (2, *shape)), context_of(model, 2)
    known = torch.ones(shape[1:]).bool()
    known[0, :] = known[2, 1:3] = False
    found = posterior(model, x, known, particles=3, refine=1, seed=4, context=context, batch=4)
    naive = posterior(model, x, known, particles=3, refine=1, seed=4, context=context, engine="naive")
    assert torch.equal(found.images, naive.images)
    assert_close(found.moved, naive.moved)
    assert (found.images[..., known] == x[:, None, ..., known]).all()
    unmoved = posterior(model, x, known, particles=3, seed=4, context=context)
    assert not torch.equal(found.images, unmoved.images)


@torch.inference_mode()
def test_images_of_their_own_masks_and_orders_move_as_each_alone():
    of = {"model": "PixelSNAIL", "channels": 8, "blocks": 2, "residuals": 1, "key": 2, "value": 4, "shape": (1, 3, 4)}
    model, seen = randomised(Ordered({**of, "levels": 2})).double(), []
    for parameter in model.parameters():
        parameter.mul_(0.4)  # nothing is certain
    x = random_levels(2, (3, 1, 3, 4), seed=1)
    known = torch.ones(3, 1, 3, 4).bool()
    known[0, :, 1, 1:3] = known[1, :, :, 3] = known[2, :, 0, 1:] = False
    asked = {"particles": 4, "refine": 2, "seed": 3}
    together = model.posterior(x, known, **asked, progress=lambda done, pixels: seen.append((done, pixels)))
    assert torch.equal(together.images, model.posterior(x, known, **asked, batch=4).images)
    assert ((together.images == x[:, None]) | ~known[:, None]).all()
    rows = model.posterior(x, known, **asked, order=0)
    assert torch.equal(rows.images, model.posterior(x, known, **asked, context={"order": torch.zeros(3).long()}).images)
    assert not torch.equal(rows.images, together.images)
    assert torch.equal(model.complete(x, known, **asked), together.draw(seed=3)[:, 0])
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)


def test_what_cannot_be_is_said(model):
    x = random_levels(2, (1, *SHAPE))
    for asked, words in (
        ({"refine": 2}, "refine is 2, but there are no particles to refine; expected particles=N"),
        ({"refine": -1, "particles": 2}, "refine is -1; expected a whole number of at least 0"),
        ({"refine": 1.5, "particles": 2}, "refine is 1.5"),
    ):
        with pytest.raises(ValueError, match=words):
            model.complete(x, LOWER, **asked)
