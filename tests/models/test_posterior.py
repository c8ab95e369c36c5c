"""Sequential Monte Carlo against the enumerated posterior of tiny images."""

import math
import shutil

import pytest
import torch

from pixelsnail.engine import library
from pixelsnail.engine.particles import effective_size, stops_of, systematic
from pixelsnail.models import Ordered
from pixelsnail.models.condition import of_images
from pixelsnail.models.posterior import posterior
from tiny import MODELS, context_of, every_image, fit, random_levels, randomised, same_context
from tolerance import assert_close, close_to

SHAPE = (1, 3, 3)
HOLE = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 1]]).bool()
"""Known pixels come after unknown ones, in two runs."""
RUNS = 2_000


@pytest.fixture(scope="module")
def model():
    """A model whose later pixels say much about the earlier ones."""
    return MODELS["PixelSNAIL"](SHAPE, 2, seed=3).double()


def truth(model, x, known, context=None):
    """The images that agree with x (1, C, H, W) where it is known, p of each given that, and log p(known)."""
    images = every_image(model.levels, model.shape)
    agree = (images == x)[:, :, known].flatten(1).all(1)
    images = images[agree]
    nats = model.log_prob(images, None if context is None else of_images(context, torch.zeros(len(images)).long()))
    return images, (nats - nats.logsumexp(0)).exp(), nats.logsumexp(0)


def estimated(found, images):
    """The mean over runs of the weighted share of each image."""
    same = (found.images[:, :, None].long() == images).flatten(3).all(3)  # (runs, N, images)
    return torch.einsum("rn,rni->i", found.log_weights.exp(), same.double()) / len(found.images)


def distance(a, b):
    return (a - b).abs().sum().item() / 2


@torch.no_grad()
def test_particles_converge_to_the_true_posterior_and_one_alone_does_not(model):
    x = random_levels(2, (1, *SHAPE), seed=1)
    images, right, _ = truth(model, x, HOLE)
    runs = x.expand(RUNS, -1, -1, -1)
    far = [distance(estimated(posterior(model, runs, HOLE, particles=n, batch=16_000), images), right)
           for n in (1, 4, 32)]  # fmt: skip
    assert far[0] > 0.1
    assert far[0] > 1.5 * far[1]
    assert far[1] > 1.5 * far[2]
    assert far[2] < 0.03


@torch.no_grad()
@pytest.mark.parametrize("particles", [1, 2, 8])
def test_the_evidence_is_unbiased(model, particles):
    x = random_levels(2, (1, *SHAPE), seed=1)
    evidence = truth(model, x, HOLE)[2]
    found = posterior(model, x.expand(RUNS, -1, -1, -1), HOLE, particles=particles, batch=16_000)
    ratio = (found.log_evidence - evidence).exp()
    assert abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / math.sqrt(RUNS)
    assert ratio.std().item() > 0.05  # it is an estimate
    assert found.resampled.any() == (particles > 2)


@torch.no_grad()
def test_one_particle_is_a_clamped_draw_weighed_by_nothing(model):
    x = random_levels(2, (1, *SHAPE), seed=1)
    found = posterior(model, x.expand(RUNS, -1, -1, -1), HOLE, particles=1, batch=4_000)
    assert (found.effective == 1).all()
    images, right, _ = truth(model, x, HOLE)
    clamped = model.complete(x.expand(RUNS, -1, -1, -1), HOLE, seed=5, batch=4_000)
    same = (clamped[:, None].long() == images).flatten(2).all(2).double().mean(0)
    assert distance(estimated(found, images), same) < 0.05 < distance(same, right)


@torch.no_grad()
def test_an_upper_half_needs_no_weights(model):
    """Exact by itself: the evidence is that of the known pixels, whatever is drawn."""
    x = random_levels(2, (4, *SHAPE))
    known = torch.zeros(3, 3).bool()
    known[:1] = True
    found = posterior(model, x, known, particles=5)
    for image in range(4):
        assert found.log_evidence[image].item() == close_to(truth(model, x[image : image + 1], known)[2].item())
    assert_close(found.effective, torch.full((4,), 5.0).double())


@torch.no_grad()
def test_masks_of_their_own_give_what_each_gives_alone(model):
    x = random_levels(2, (3, *SHAPE))
    known = torch.stack([HOLE, HOLE.flip(1), HOLE.t()])[:, None]
    together = posterior(model, x, known, particles=6, seed=2)
    for batch in (6, 12):
        again = posterior(model, x, known, particles=6, seed=2, batch=batch)
        assert torch.equal(again.images, together.images)
        assert_close(again.log_evidence, together.log_evidence)
        assert_close(again.log_weights, together.log_weights)
    assert not torch.equal(posterior(model, x, known, particles=6, seed=3).images, together.images)


@torch.no_grad()
@pytest.mark.parametrize("name", ["PixelSNAIL of classes", "PixelCNNpp", "PixelSNAILPrior of a map and classes"])
def test_every_engine_gives_the_same_particles(name):
    shape = (1, 4, 4)
    model = MODELS[name](shape, 3).double()
    x, context = random_levels(3, (2, *shape)), context_of(model, 2)
    known = torch.ones(4, 4).bool()
    known[1:3, 1:3] = False
    walked = posterior(model, x, known, particles=5, seed=4, context=context)
    naive = posterior(model, x, known, particles=5, seed=4, context=context, engine="naive")
    assert torch.equal(walked.images, naive.images)
    assert_close(walked.log_weights, naive.log_weights)
    assert_close(walked.log_evidence, naive.log_evidence)
    kept = known.expand(2, 5, 1, 4, 4)
    assert torch.equal(walked.images[kept], x[:, None].expand(-1, 5, -1, -1, -1)[kept].to(torch.uint8))


@pytest.mark.slow  # a program takes the compiler up to a minute
@pytest.mark.parametrize("name", ["PixelSNAIL", "PixelSNAIL of classes", "PixelCNNpp of a map"])
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
@torch.no_grad()
def test_a_program_gives_the_particles_that_the_model_gives(name, tmp_path, monkeypatch):
    """In float64; made anew, and found by "auto"; particles that are resampled, and particles that move."""
    monkeypatch.setenv("PIXELSNAIL_CACHE", str(tmp_path))
    monkeypatch.setattr(library, "_loaded", {})
    shape = fit(MODELS[name], (2, 4, 3))
    model = MODELS[name](shape, 3).double()
    x, context = random_levels(3, (3, *shape)), context_of(model, 3)
    known = torch.arange(shape[1] * shape[2]).view(shape[1:]) % 3 == 2
    asked = {"particles": 8, "seed": 1, "context": context, "batch": 16}
    for refine in (0, 1):
        eager = model.posterior(x, known, **asked, refine=refine, engine="eager")
        for engine in ("compiled", "auto"):
            found = model.posterior(x, known, **asked, refine=refine, engine=engine)
            assert torch.equal(found.images, eager.images)
            assert_close(found.log_weights, eager.log_weights, torch.float64)
            assert_close(found.log_evidence, eager.log_evidence, torch.float64)
    assert eager.resampled.any() == name.startswith("PixelSNAIL")
    assert (eager.moved > 0).any()
    assert library.is_at_hand(model, shape[1:])


@torch.no_grad()
def test_a_class_has_a_posterior_of_its_own():
    model = MODELS["PixelSNAIL of classes"](SHAPE, 2).double()
    x = random_levels(2, (1, *SHAPE), seed=1)
    runs = x.expand(RUNS, -1, -1, -1)
    context = same_context(model, RUNS, 2)
    found = posterior(model, runs, HOLE, particles=32, context=context, batch=16_000)
    images, right, evidence = truth(model, x, HOLE, context)
    assert distance(estimated(found, images), right) < 0.04
    assert found.log_evidence.exp().mean().item() == pytest.approx(evidence.exp().item(), rel=0.05)


@torch.no_grad()
def test_an_ordered_model_weighs_in_the_best_order():
    """A hole at the right, where known pixels come late in rows and first in columns: exact without weights."""
    shape = (1, 3, 4)
    of = {"model": "PixelSNAIL", "channels": 8, "blocks": 2, "residuals": 1, "key": 2, "value": 4, "shape": shape}
    model = randomised(Ordered({**of, "levels": 2})).double()
    for parameter in model.parameters():
        parameter.mul_(0.6)  # particles differ
    x = random_levels(2, (2, *shape), seed=1)
    known = torch.ones(3, 4).bool()
    known[:, 3] = False
    found = posterior(model, x, known, particles=6, seed=1)
    assert_close(found.effective, torch.full((2,), 6.0).double())
    assert (found.images[:, :, :, known] == x[:, None, :, known]).all()
    rows = posterior(model, x, known, particles=6, context={"order": torch.tensor([0, 0])})
    assert (rows.effective < 5.9999).all()
    every = every_image(2, shape)
    for image in range(2):
        agree = (every == x[image])[:, :, known].flatten(1).all(1)
        evidence = model.log_prob(every[agree], order=4).logsumexp(0).item()
        assert found.log_evidence[image].item() == close_to(evidence)
    drawn = model.complete(x, known, particles=6, seed=1)
    assert (drawn[:, :, known] == x[:, :, known]).all()


def test_systematic_resampling_names_each_floor_or_ceil_of_its_share():
    weights = torch.tensor([0.45, 0.05, 0.3, 0.2]).double()
    means = torch.stack(
        [torch.bincount(systematic(weights.log(), 10, u / 100), minlength=4) for u in range(100)]
    ).double()
    assert_close(means.mean(0), 10 * weights)
    assert (means >= torch.tensor([4, 0, 3, 2])).all()
    assert (means <= torch.tensor([5, 1, 3, 2])).all()
    assert effective_size(torch.zeros(7).double()).item() == close_to(7)
    assert effective_size(torch.tensor([0.0, -1000.0]).double()).item() == close_to(1)


def test_resampling_waits_for_the_end_of_a_run_of_known_pixels():
    assert stops_of(HOLE.flatten()) == [3, 9]
    assert stops_of(torch.tensor([1, 1, 0, 1, 0, 1, 1, 0]).bool()) == [4, 7, 8]
    assert stops_of(torch.tensor([1, 1, 0, 0]).bool()) == [4]


def test_what_cannot_be_is_said(model):
    x = random_levels(2, (2, *SHAPE))
    one = HOLE.expand(2, 1, 3, 3).clone()
    one[1] = True
    none = HOLE.expand(2, 1, 3, 3).clone()
    none[0] = False
    for known, arguments, words in (
        (HOLE, {"particles": 0}, "particles is 0; expected a whole number of at least 1"),
        (
            one,
            {"particles": 2},
            "known tells all of image 1, so that nothing is left to draw; expected some pixels unk",
        ),
        (none, {"particles": 2}, "known tells nothing of image 0; expected some pixels known, or draw whole images w"),
        (one, {}, "known tells all of image 1, so that nothing is left to draw"),
        (none, {}, "known tells nothing of image 0; expected some pixels known"),
        (HOLE[:2], {"particles": 2}, r"known has shape \(2, 3\)"),
        (HOLE, {"particles": 2, "temperature": 0.5}, "particles weigh by the model.s own"),
    ):
        with pytest.raises(ValueError, match=words):
            model.complete(x, known, **arguments)
    colour = MODELS["PixelSNAIL"]((2, 3, 3), 2)
    apart = torch.stack([HOLE, ~HOLE]).expand(2, 2, 3, 3)
    with pytest.raises(ValueError, match="known tells channels of one pixel apart"):
        colour.complete(random_levels(2, (2, 2, 3, 3)), apart, particles=2)
