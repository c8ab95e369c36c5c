"""What a model is conditioned on reaches every layer, by one road, or is refused."""

import pytest
import torch

from tiny import CONDITIONAL, MODELS, context_of, fit, random_levels

every_conditional_model = pytest.mark.parametrize("build", CONDITIONAL.values(), ids=CONDITIONAL)
LABELS = "class label 0 ... 2 for each"


@every_conditional_model
def test_every_class_has_a_distribution_of_its_own(build):
    shape = fit(build, (1, 4, 5))
    model = build(shape, 3).double()
    x = random_levels(3, (1, *shape)).expand(3, -1, -1, -1)
    parameters = model(x, context=context_of(model, 3)).flatten(2)
    for a, b in ((0, 1), (1, 2)):
        assert (parameters[a] != parameters[b]).any(0).all()  # at every pixel, the first one too
    alone = model(x[:1], context=torch.tensor([2])).flatten(2)
    assert torch.equal(alone[0].round(decimals=9), parameters[2].round(decimals=9))


@every_conditional_model
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_may_have_any_integer_type(build, dtype):
    shape = fit(build, (1, 4, 5))
    model, x = build(shape, 3), random_levels(3, (3, *shape))
    context = context_of(model, 3)
    assert torch.equal(model.log_prob(x, context.to(dtype)), model.log_prob(x, context))
    assert torch.equal(model.sample(3, context=context.to(dtype)), model.sample(3, context=context))


@every_conditional_model
def test_a_missing_or_wrong_label_is_refused_at_every_public_verb(build):
    shape = fit(build, (1, 4, 5))
    model, x = build(shape, 2), random_levels(2, (2, *shape))
    known = torch.zeros(shape[1:], dtype=torch.bool)
    verbs = {
        "log_prob": lambda c: model.log_prob(x, c),
        "bits_per_dim": lambda c: model.bits_per_dim(x, c),
        "distribution": lambda c: model.distribution(x, c),
        "sample": lambda c: model.sample(2, context=c),
        "complete": lambda c: model.complete(x, known, context=c),
    }
    for verb in verbs.values():
        for wrong, words in (
            (None, "context is missing"),
            (torch.tensor([0, 3]), "label 3 at image 1"),
            (torch.tensor([-1, 0]), "label -1 at image 0"),
            (torch.tensor([0]), r"shape \(1,\)"),
        ):
            with pytest.raises(ValueError, match=f"{words}.*{LABELS}"):
                verb(wrong)
        with pytest.raises(TypeError, match=f"float32.*{LABELS}"):
            verb(torch.tensor([0.0, 1.0]))
    for unchecked in (model.pixel_nats, model):
        with pytest.raises(ValueError, match=f"context is missing.*{LABELS}"):
            unchecked(x)


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(CONDITIONAL)))
def test_an_unconditional_model_refuses_a_context(name):
    shape = fit(MODELS[name], (1, 4, 5))
    model, x, context = MODELS[name](shape, 2), random_levels(2, (2, *shape)), torch.tensor([0, 1])
    for verb in (
        lambda: model.log_prob(x, context),
        lambda: model.pixel_nats(x, context),
        lambda: model.sample(2, context=context),
        lambda: model.complete(x, torch.zeros(shape[1:], dtype=torch.bool), context=context),
    ):
        with pytest.raises(ValueError, match="unconditional and takes no context"):
            verb()


def test_labels_that_nothing_would_read_are_refused():
    with pytest.raises(ValueError, match="labels act in residual layers and there are none"):
        type(MODELS["PixelSNAIL"]((1, 3, 4), 2))((1, 3, 4), 2, channels=4, blocks=1, residuals=0, classes=3)
    with pytest.raises(ValueError, match="classes is -1"):
        type(MODELS["PixelSNAIL"]((1, 3, 4), 2))((1, 3, 4), 2, channels=4, blocks=1, classes=-1)
