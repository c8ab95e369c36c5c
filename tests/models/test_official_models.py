"""The paper's PixelSNAIL and PixelCNN++ beyond what the laws and the golden arrays say."""

import pytest
import torch

from pixelsnail.engine import Draw, Plan, naive_walk, walk
from pixelsnail.models import PixelCNNpp, PixelSNAIL, PixelSNAILOriginal
from pixelsnail.nn import merged
from tiny import random_levels, randomised
from tolerance import assert_close

SMALL = {"channels": 4, "residuals": 1, "mixtures": 2}


def conditional():
    return randomised(PixelCNNpp((1, 4, 8), 4, **SMALL, classes=3)).double()


def test_a_size_that_the_definition_does_not_allow_is_said():
    with pytest.raises(ValueError, match="Images are 9 x 8, but PixelCNNpp needs a height and width divisible by 4"):
        PixelCNNpp((3, 9, 8))
    model = PixelCNNpp((1, 4, 8), 4, **SMALL)
    for act in (
        lambda: model.log_prob(torch.zeros(1, 1, 6, 8, dtype=torch.long)),
        lambda: model.sample(1, size=(4, 6)),
        lambda: model.complete(torch.zeros(1, 1, 2, 8, dtype=torch.long), torch.eye(2, 8).bool()),
    ):
        with pytest.raises(ValueError, match="divisible by 4; pad or crop them"):
            act()
    with pytest.raises(ValueError, match="divisible by 2"):
        PixelSNAILOriginal((3, 9, 8), attention_downsample=2)


@pytest.mark.parametrize(
    ("context", "error", "said"),
    [
        (None, ValueError, "context is missing; expected a class label 0 ... 2 for each of 2 images"),
        (torch.tensor([0, 3]), ValueError, "label 3 at image 1"),
        (torch.tensor([-1, 0]), ValueError, "label -1 at image 0"),
        (torch.tensor([0]), ValueError, r"shape \(1,\)"),
        (torch.tensor([0.0, 1.0]), TypeError, "dtype torch.float32"),
        ([0, 1], TypeError, "type list"),
    ],
)
def test_a_context_that_does_not_fit_is_said(context, error, said):
    model, x = conditional(), random_levels(4, (2, 1, 4, 8))
    for act in (lambda: model.log_prob(x, context), lambda: model.sample(2, context=context)):
        with pytest.raises(error, match=said):
            act()


def test_a_context_for_an_unconditional_model_is_refused():
    model = PixelSNAILOriginal((1, 3, 4), 4, **SMALL)
    with pytest.raises(ValueError, match="This model is unconditional and takes no context"):
        model.log_prob(random_levels(4, (2, 1, 3, 4)), torch.tensor([0, 1]))


@torch.no_grad()
def test_every_image_is_conditioned_on_its_own_label():
    model = conditional()
    labels = torch.tensor([0, 1, 2, 1, 0], dtype=torch.int16)
    drawn = model.sample(5, seed=1, context=labels, batch=2)
    assert torch.equal(drawn, model.sample(5, seed=1, context=labels, engine="naive", batch=3))
    for segment in (1, 2, 8):
        walked = walk(model, Draw(1), model.start(5, context=labels), Plan(segment=segment))
        assert torch.equal(walked.to(torch.uint8), drawn)
    alone = naive_walk(model, Draw(1, 4), model.start(1, context=labels[4:]), context=labels[4:])
    assert torch.equal(alone.to(torch.uint8), drawn[4:])
    nats = torch.stack([-model.log_prob(drawn, torch.full((5,), label)) for label in range(3)])
    assert (nats.std(0) > 1e-3).all()
    assert_close(-model.log_prob(drawn, labels), nats.gather(0, labels.long()[None])[0])
    known = torch.arange(4)[:, None].expand(4, 8) < 2
    completed = model.complete(drawn, known, seed=3, context=labels, batch=3)
    assert torch.equal(completed, model.complete(drawn, known, seed=3, context=labels, engine="naive"))


def test_merging_leaves_the_model_as_it_is_and_keeps_nothing():
    model = randomised(PixelSNAILOriginal((2, 3, 4), 4, **SMALL, blocks=1))
    x, state = random_levels(4, (2, 2, 3, 4)), {name: h.clone() for name, h in model.state_dict().items()}
    plain = merged(model)
    assert_close(plain(x), model(x))
    assert not any(name.endswith("gain") for name in plain.state_dict())
    assert all(torch.equal(h, state[name]) for name, h in model.state_dict().items())
    assert merged(plain) is plain
    first = model.sample(4)
    with torch.no_grad():
        model.out.gain.mul_(-3)
    assert torch.equal(model.sample(4), model.sample(4, engine="naive"))
    assert not torch.equal(model.sample(4), first)
    unnormalised = PixelSNAIL((1, 2, 2))
    assert merged(unnormalised) is unnormalised


def test_dropout_acts_in_training_alone():
    model = randomised(PixelSNAILOriginal((1, 3, 4), 4, **SMALL, blocks=1))
    x = random_levels(4, (2, 1, 3, 4))
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.log_prob(x), model.log_prob(x))


def test_a_head_may_be_named():
    assert type(PixelSNAILOriginal((1, 3, 4), 2, **SMALL, head="Bernoulli").head).__name__ == "Bernoulli"
    assert PixelCNNpp((1, 4, 4), 5, **SMALL, head="Categorical").head.size == 5
    with pytest.raises(ValueError, match="LogisticMixture"):
        PixelCNNpp((3, 4, 4), 256, **SMALL, head="Bernoulli")
