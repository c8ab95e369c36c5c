"""What a model is conditioned on reaches every layer, by one road, or is refused."""

import pytest
import torch

from tiny import CONDITIONAL, MODELS, OF_MAPS, context_of, fit, random_levels

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
    known = torch.arange(shape[2]).expand(shape[1:]) < 2
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


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(CONDITIONAL) - set(OF_MAPS)))
def test_an_unconditional_model_refuses_a_context(name):
    shape = fit(MODELS[name], (1, 4, 5))
    model, x, context = MODELS[name](shape, 2), random_levels(2, (2, *shape)), torch.tensor([0, 1])
    known = torch.arange(shape[2]).expand(shape[1:]) < 2
    for verb in (
        lambda: model.log_prob(x, context),
        lambda: model.pixel_nats(x, context),
        lambda: model.sample(2, context=context),
        lambda: model.complete(x, known, context=context),
        lambda: model.posterior(x, known, particles=2, context=context),
    ):
        with pytest.raises(ValueError, match="unconditional and takes no context"):
            verb()


def test_labels_that_nothing_would_read_are_refused():
    with pytest.raises(ValueError, match="acts in residual layers, and there are none"):
        type(MODELS["PixelSNAIL"]((1, 3, 4), 2))((1, 3, 4), 2, channels=4, blocks=1, residuals=0, classes=3)
    with pytest.raises(ValueError, match="classes is -1"):
        type(MODELS["PixelSNAIL"]((1, 3, 4), 2))((1, 3, 4), 2, channels=4, blocks=1, classes=-1)


every_model_of_maps = pytest.mark.parametrize("build", OF_MAPS.values(), ids=OF_MAPS)


def map_of(context):
    return context["map"] if isinstance(context, dict) else context


def with_map(context, changed):
    return {**context, "map": changed} if isinstance(context, dict) else changed


@every_model_of_maps
def test_every_code_of_a_map_changes_what_lies_below_it(build):
    """Each pixel, the first one too, depends on the code over it; probabilities stay those of images alone."""
    shape = fit(build, (1, 4, 6))
    model = build(shape, 3).double()
    x, context = random_levels(3, (1, *shape)), context_of(model, 1)
    before = model(x, context=context)
    ratio, levels = shape[1] // map_of(context).shape[2], int(map_of(context).max()) + 1
    for place in range(map_of(context)[0].numel()):
        changed = map_of(context).clone()
        changed.view(-1)[place] = (changed.view(-1)[place] + 1) % levels
        moved = (model(x, context=with_map(context, changed)) != before).any(1)[0]
        row, column = divmod(place % map_of(context)[0, 0].numel(), map_of(context).shape[3])
        assert moved[row * ratio : (row + 1) * ratio, column * ratio : (column + 1) * ratio].all()


@every_model_of_maps
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_a_map_may_have_any_integer_type(build, dtype):
    shape = fit(build, (1, 4, 5))
    model, x = build(shape, 3), random_levels(3, (3, *shape))
    context = context_of(model, 3)
    other = with_map(context, map_of(context).to(dtype))
    assert torch.equal(model.log_prob(x, other), model.log_prob(x, context))
    assert torch.equal(model.sample(3, context=other, batch=2), model.sample(3, context=context))


@every_model_of_maps
def test_a_missing_or_wrong_map_is_refused_at_every_public_verb(build):
    shape = fit(build, (1, 4, 6))
    model, x = build(shape, 2), random_levels(2, (2, *shape))
    known = torch.arange(shape[2]).expand(shape[1:]) < 2
    verbs = (
        lambda c: model.log_prob(x, c),
        lambda c: model.bits_per_dim(x, c),
        lambda c: model.distribution(x, c),
        lambda c: model.sample(2, context=c),
        lambda c: model.complete(x, known, context=c),
    )
    context = context_of(model, 2)
    right = map_of(context)
    levels = model.condition.levels if right is context else model.condition.parts["map"].levels
    below, above = right.clone(), right.clone()
    below[1, 0, 1, 0], above[0, 0, 0, 1] = -1, levels
    expected = rf"expected codes 0 ... {levels - 1}, \(B, C, H / \d, W / \d\) = \(2, \d, \d, \d\)"
    for verb in verbs:
        with pytest.raises(ValueError, match="context is missing"):
            verb(None)
        for wrong, words in (
            (below, "code -1 at image 1, .*row 1, column 0"),
            (above, f"code {levels} at image 0, .*row 0, column 1"),
            (right[:1], r"shape \(1, "),
            (right[..., :-1], "shape"),
            (right[:, 0], r"shape.*unsqueeze\(1\)"),
        ):
            with pytest.raises(ValueError, match=f"{words}.*{expected}" if "unsq" not in words else words):
                verb(with_map(context, wrong))
        with pytest.raises(TypeError, match=f"float32.*{expected}"):
            verb(with_map(context, right.float()))
    for unchecked in (model.pixel_nats, model, lambda x: model.start(len(x))):
        with pytest.raises(ValueError, match="context is missing"):
            unchecked(x)


def test_several_conditions_are_given_by_name_and_each_is_checked():
    shape = (1, 4, 5)
    model, x = OF_MAPS["PixelSNAILPrior of a map and classes"](shape, 3), random_levels(3, (2, *shape))
    context = context_of(model, 2)
    for wrong, words in (
        ({"map": context["map"]}, "holds no labels; expected a mapping with labels and map"),
        ({**context, "order": context["map"]}, "'order', which this model does not take"),
        ({**context, "labels": torch.tensor([0, 3])}, "label 3 at image 1"),
    ):
        with pytest.raises(ValueError, match=words):
            model.log_prob(x, wrong)
    with pytest.raises(TypeError, match="context is a Tensor; expected a mapping with labels and map"):
        model.log_prob(x, context["map"])
    assert model.classes == 3


def test_a_size_that_the_map_s_ratio_does_not_divide_is_refused():
    model = OF_MAPS["PixelSNAILPrior of a map"]((1, 4, 6), 3)
    with pytest.raises(ValueError, match="4 x 5, but PixelSNAILPrior needs a height and width divisible by 2"):
        model.sample(1, size=(4, 5), context=context_of(model, 1, (4, 5)))
    with pytest.raises(ValueError, match=r"5 x 6.*divisible by 2"):
        OF_MAPS["PixelSNAILPrior of a map"]((1, 5, 6), 3)
