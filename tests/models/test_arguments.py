"""Whole numbers are what Python takes for an index, and levels are integers of any type, at every public door."""

import inspect
import json

import numpy as np
import pytest
import torch

import pixelsnail
from pixelsnail import evaluation, pictures
from pixelsnail.models import MODELS as NAMES
from pixelsnail.whole import whole
from tiny import MODELS, context_of, every_model, fit, random_levels


def as_type(context, dtype):
    """A context, whatever its parts, as integers of this type."""
    if isinstance(context, dict):
        return {name: as_type(part, dtype) for name, part in context.items()}
    return context if context is None else context.to(dtype)


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]


@pytest.fixture(scope="module")
def model():
    return MODELS["PixelSNAIL"]((1, 4, 5), 3)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)])
def test_what_python_takes_for_an_index_is_a_whole_number(value):
    assert type(whole("count", value, 1)) is int
    assert whole("count", value, 3) == 3


@pytest.mark.parametrize(
    "value", [0, True, np.bool_(True), torch.tensor(True), 3.0, np.float64(3), "3", None, [3], np.array([3, 3])]
)
def test_anything_else_is_none(value):
    with pytest.raises(ValueError, match=r"^count is .*; expected a whole number of at least 1\.$"):
        whole("count", value, 1)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "Ordered"])  # takes a configuration
def test_a_models_arguments_may_be_numpys_and_its_configuration_is_kept(name, tmp_path):
    sizes = {"channels": 4, "blocks": 1, "layers": 1, "residuals": 1, "key": 2, "value": 2, "heads": 2, "mixtures": 2}
    taken = inspect.signature(NAMES[name]).parameters
    arguments = {key: np.int64(value) for key, value in sizes.items() if key in taken}
    model = NAMES[name](tuple(np.array([1, 4, 8])), np.arange(5).max() + 1, **arguments)
    assert model.shape == (1, 4, 8)
    assert model.levels == 5
    assert {key: model.configuration[key] for key in arguments} == {key: sizes[key] for key in arguments}
    assert json.loads(json.dumps(model.configuration)) is not None
    model.save(tmp_path)
    x = random_levels(5, (2, 1, 4, 8))
    assert torch.equal(pixelsnail.load(tmp_path).log_prob(x), model.log_prob(x))


def test_numpys_numbers_are_taken_by_every_verb(model, tmp_path):
    two, x = np.int64(2), random_levels(3, (3, 1, 4, 5))
    known = torch.arange(4)[:, None].expand(4, 5) < 2
    assert torch.equal(model.sample(two, seed=two, batch=two, size=(two, two)), model.sample(2, seed=2, size=(2, 2)))
    assert torch.equal(model.complete(x, known, seed=two, batch=two), model.complete(x, known, seed=2))
    assert torch.equal(evaluation.score(model, x, batch=two).nats, evaluation.score(model, x, batch=2).nats)
    field = evaluation.receptive_field(model, x, (two, two), batch=two)
    assert torch.equal(field.influence, evaluation.receptive_field(model, x, (2, 2), batch=2).influence)
    pictures.grid(x, np.int64(3), columns=two, scale=two)
    for wrong in (
        {"count": True},
        {"count": 1, "batch": True},
        {"count": 1, "seed": -1},
        {"count": 1, "size": (1.0, 2)},
    ):
        with pytest.raises(ValueError, match="whole number"):
            model.sample(**wrong)


@every_model
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_every_verb_takes_every_integer_type(build, dtype):
    model = build(fit(build, (1, 4, 5)), 3)
    x = random_levels(3, (2, *model.shape))
    context, known = context_of(model, 2), torch.arange(x.shape[-1]).expand(x.shape[2:]) < 2
    given, other = x.to(dtype), as_type(context, dtype)
    assert torch.equal(model.log_prob(given, other), model.log_prob(x, context))
    assert torch.equal(model.bits_per_dim(given, other), model.bits_per_dim(x, context))
    assert torch.equal(model.distribution(given, other).table(0), model.distribution(x, context).table(0))
    completed = model.complete(given, known, context=other)
    assert torch.equal(completed, model.complete(x, known, context=context))
    scores = evaluation.score(model, given, context=other).nats
    assert torch.equal(scores, evaluation.score(model, x, context=context).nats)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_levels_outside_are_named_in_every_integer_type(model, dtype):
    x = torch.zeros(2, 1, 4, 5, dtype=torch.int64)
    x[1, 0, 2, 3] = 100
    with pytest.raises(ValueError, match="holds level 100 at image 1, row 2, column 3"):
        model.log_prob(x.to(dtype))
