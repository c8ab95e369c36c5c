"""The receptive field: exactly the pixels that can matter, and gradients that are those of the definition."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from pixelsnail import PixelCNN, PixelCNNpp, PixelSNAIL
from pixelsnail.evaluation import ReceptiveField, connectivity, fresh, receptive_field
from pixelsnail.models import Model
from tiny import MODELS, SEES_ALL, Build, fit, random_levels, randomised, same_context
from tolerance import assert_close


def changed_by_flips(model: Model, t: int, shape: tuple[int, int, int]) -> Tensor:
    """The pixels of which a change changes the parameters at t, for some of many images and weights, in float64."""
    pixels = shape[1] * shape[2]
    found = torch.zeros(pixels, dtype=torch.bool)
    for seed in range(6):
        drawn = randomised(model, seed).double()
        x = random_levels(model.levels, (1, *shape), seed).repeat(pixels, 1, 1, 1)
        other = x.clone()
        for u in range(pixels):
            other[u].view(shape[0], -1)[:, u] += 1
        with torch.inference_mode():
            context = same_context(model, pixels, 0)
            before, after = (drawn(h, context=context).flatten(2)[:, :, t] for h in (x, other % model.levels))
        found |= (before != after).any(1)
    return found.view(shape[1:])


@pytest.mark.parametrize("build", [build for name, build in MODELS.items() if "Prior" not in name])
def test_what_can_matter_is_what_matters_when_it_is_changed(build: Build) -> None:
    shape = fit(build, (1, 6, 8))
    model = build(shape, 3)
    expected = changed_by_flips(build(shape, 3), 4 * shape[2] + 3, shape)
    assert torch.equal(connectivity(model, (4, 3)), expected)


@pytest.mark.parametrize("name", sorted(SEES_ALL))
def test_pixelsnail_sees_every_earlier_pixel(name: str) -> None:
    seen = connectivity(MODELS[name]((1, 6, 8), 2), (4, 3)).flatten()
    assert seen[: 4 * 8 + 3].all()
    assert not seen[4 * 8 + 3 :].any()


def test_masked_squares_have_a_blind_spot_up_and_to_the_right() -> None:
    """A 7 x 7 stem, then layers of 3 x 3: three columns ahead in the row above, one more in each row further up."""
    seen = connectivity(PixelCNN((1, 6, 16), channels=4, layers=9, head_channels=4), (5, 4))
    expected = torch.zeros(6, 16, dtype=torch.bool)
    for above in range(1, 6):
        expected[5 - above, : 4 + 3 + above] = True
    expected[5, :4] = True
    assert torch.equal(seen, expected)


def test_connectivity_tells_how_many_pixels_it_has_found() -> None:
    told: list[tuple[int, int]] = []
    seen = connectivity(MODELS["PixelCNN"]((1, 6, 8), 2), (4, 3), progress=lambda *counts: told.append(counts))
    assert len(told) >= 2
    assert told[-1] == (seen.sum(), 35)


def test_what_starts_at_zero_hides_nothing() -> None:
    class Zeroed(PixelSNAIL):
        def __init__(self) -> None:
            super().__init__((1, 4, 5), channels=4, blocks=1, residuals=1, key=2, value=2)
            torch.nn.init.zeros_(self.out[1].weight)

    assert connectivity(Zeroed(), (2, 3)).sum() == 13


@pytest.mark.parametrize("name", ["PixelSNAIL", "PixelCNN", "GatedPixelCNN"])
def test_influence_is_that_of_small_changes(name: str) -> None:
    """Central differences of the parameter, which is one for two levels and a Bernoulli head."""
    shape = (1, 5, 7)
    model, x = MODELS[name](shape, 2).double(), random_levels(2, (3, *shape))
    found = receptive_field(model, x, (3, 2), batch=2)
    expected = torch.zeros(shape[1:], dtype=torch.float64)
    with torch.inference_mode():
        for row, column in product(*map(range, shape[1:])):
            step = torch.zeros_like(x, dtype=torch.float64)
            step[..., row, column] = 1e-5
            change = model(x + step) - model(x - step)
            expected[row, column] = change[:, 0, 3, 2].abs().mean() / 2e-5
    assert found.earlier == 3 * shape[2] + 2
    assert not found.influence.flatten()[found.earlier :].any()
    assert_close(found.influence, expected, rtol=1e-4, atol=1e-7)  # differences over 1e-5 have an error of that


def test_several_parameters_are_summed_with_random_signs() -> None:
    """The mean over all signs, which random ones come to."""
    model = MODELS["PixelSNAIL"]((2, 3, 4), 3).double()  # six parameters a pixel
    x = random_levels(3, (1, 2, 3, 4))
    jacobian = torch.autograd.functional.jacobian(lambda levels: model(levels)[0, :, 1, 2], x.double())[:, 0]
    signs = torch.tensor(list(product((-1.0, 1.0), repeat=6)), dtype=torch.float64)
    expected = torch.einsum("sp,pchw->schw", signs, jacobian).abs().mean((0, 1))
    found = receptive_field(model, x.repeat(4000, 1, 1, 1), (1, 2), batch=2000).influence
    assert_close(found, expected, rtol=0.05, atol=1e-6)  # a mean over 4,000 random signs
    norm = jacobian.norm(dim=0).mean(0)
    assert (expected <= norm + 1e-9).all()
    assert (expected >= 0.707 * norm - 1e-9).all()


def test_numbers_of_a_known_field() -> None:
    influence = torch.zeros(4, 5, dtype=torch.float64)
    influence[3, 1], influence[3, 0], influence[0, 2] = 4.0, 2.0, 6.0
    field = ReceptiveField((3, 2), influence, 1)
    assert field.earlier == 17
    assert field.share(0.5) == 2 / 17
    assert field.share(0.01) == 3 / 17
    assert field.half_distance == 2  # 4 at distance 1, 2 more at 2: half of 12
    assert field.relative.max() == 1
    nothing = ReceptiveField((3, 2), torch.zeros(4, 5), 1)
    assert nothing.share() == 0
    assert math.isnan(nothing.half_distance)


def test_the_batch_changes_nothing_and_progress_is_told(model: Model) -> None:
    x, told = random_levels(2, (5, 1, 5, 7)), list[tuple[int, int]]()
    model.train()
    one = receptive_field(model, x, batch=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert one.pixel == (3, 3)
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert_close(receptive_field(model, x, batch=5).influence, one.influence)


def test_fresh_weights_are_those_of_a_seed_and_nothing_else_moves(model: Model) -> None:
    x = random_levels(2, (2, 1, 5, 7))
    torch.manual_seed(3)
    expected = PixelSNAIL((1, 5, 7), 2, channels=8, blocks=2, residuals=1, key=2, value=4)
    torch.manual_seed(4)
    random = torch.get_rng_state()
    found = fresh(model, x, seed=3)
    assert torch.equal(torch.get_rng_state(), random)
    assert_close(found.state_dict(), expected.state_dict())


def test_fresh_weight_normalised_layers_are_standardised() -> None:
    x = random_levels(256, (8, 1, 8, 8))
    found = fresh(PixelCNNpp((1, 8, 8), 256, channels=4, residuals=1, mixtures=2), x)
    with torch.inference_mode():
        assert_close(found(x).std((0, 2, 3), correction=0), torch.ones(found.head.size))


def test_a_model_of_classes_takes_its_context() -> None:
    model = PixelCNNpp((1, 8, 8), 2, channels=4, residuals=1, mixtures=2, classes=3)
    x = random_levels(2, (4, 1, 8, 8))
    assert receptive_field(model, x, context=torch.tensor([0, 1, 2, 0]), batch=3).influence.any()
    assert connectivity(model).any()


@pytest.mark.parametrize(
    ("pixel", "message"),
    [
        ((5, 0), "pixel 5,0 is outside an image of 5 x 7"),
        ((0, -1), "pixel 0,-1 is outside"),
        ((0, 0), "pixel 0,0 has no earlier pixel"),
    ],
)
def test_a_pixel_that_cannot_be_is_refused(model: Model, pixel: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        receptive_field(model, random_levels(2, (1, 1, 5, 7)), pixel)
    with pytest.raises(ValueError, match=message):
        connectivity(model, pixel)


def test_levels_that_are_not_the_models_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="level 2"):
        receptive_field(model, torch.full((1, 1, 5, 7), 2))


def test_a_model_with_a_table_of_levels_is_refused(model: Model) -> None:
    model.table = torch.nn.Embedding(2, 3)
    for reader in (model, MODELS["PixelSNAILPrior"]((1, 5, 7), 2)):
        name = type(reader).__name__
        with pytest.raises(TypeError, match=f"{name} reads levels from a table, which has no derivative"):
            receptive_field(reader, random_levels(2, (1, 1, 5, 7)))
