"""The mixture of logistics: exact, coupled, and the original's (golden files: tests/golden/README.md)."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pixelsnail.distributions import LogisticMixture
from tolerance import assert_close, close_to

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    """The head of a golden file, and its arrays, parameters channels first."""
    arrays = {key: torch.from_numpy(array) for key, array in np.load(GOLDEN / f"{name}.npz").items()}
    told = json.loads((GOLDEN / f"{name}.json").read_text())
    arrays["parameters"] = arrays["parameters"].permute(0, 3, 1, 2)
    mixtures = arrays["parameters"].shape[1] // 10
    assert told["config"].get("nr_logistic_mix", mixtures) == mixtures
    return LogisticMixture(3, told["levels"], mixtures), arrays


def official_nats(distribution, value):
    """-log p as `discretized_mix_logistic_loss` computes it, with its fallback, from our means, scales and weights."""
    x = ((value.to(distribution.means.dtype) - 127.5) / 127.5).movedim(-1, 1)[:, :, None]  # (B, 3, 1, H, W)
    k, log_scales = distribution.coefficients, distribution.log_scales
    mean = torch.stack(
        [
            distribution.means[:, 0],
            distribution.means[:, 1] + k[:, 0] * x[:, 0],
            distribution.means[:, 2] + k[:, 1] * x[:, 0] + k[:, 2] * x[:, 1],
        ],
        dim=1,
    )
    plus, minus, mid = ((x - mean + shift) * (-log_scales).exp() for shift in (1 / 255, -1 / 255, 0))
    difference = plus.sigmoid() - minus.sigmoid()
    fallback = mid - log_scales - 2 * F.softplus(mid) - math.log(127.5)
    interior = torch.where(difference > 1e-5, difference.clamp(min=1e-12).log(), fallback)
    masses = torch.where(x > 0.999, -F.softplus(minus), interior)
    masses = torch.where(x < -0.999, plus - F.softplus(plus), masses)
    return -(distribution.log_weights + masses.sum(1)).logsumexp(1)


def test_the_original_form_gives_the_original_nats_and_gradients():
    """So layout, coupling, clamp and weights are the original's: the form is all that differs."""
    head, arrays = golden("official_loss_a")
    parameters = arrays["parameters"].requires_grad_()
    nats = official_nats(head.distribution(parameters), arrays["x"]).sum((1, 2))
    assert_close(nats, arrays["nats"], rtol=1e-4)  # sums of differences of near-equal numbers
    (gradient,) = torch.autograd.grad(nats.sum(), parameters)
    expected = arrays["grad_parameters"].permute(0, 3, 1, 2)
    assert (gradient - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_exact_form_equals_the_original_at_first_and_last_levels_and_its_own_figures_elsewhere(dtype):
    head, arrays = golden("official_loss_a")
    nats = -head.distribution(arrays["parameters"].to(dtype)).log_prob(arrays["x"]).sum((1, 2))
    assert_close(nats[:2].float(), arrays["nats"][:2])  # images of level 0, of level 255
    assert_close(nats.tolist(), [10286.29, 9273.15, 10598.13, 9928.68], rtol=1e-6)  # as printed


def test_the_exact_form_equals_the_original_where_its_difference_is_large():
    head = LogisticMixture(3, 256, 4)
    parameters = torch.randn(2, head.size, 8, 8, dtype=torch.float64) * 0.5
    distribution, value = head.distribution(parameters), torch.randint(64, 192, (2, 8, 8, 3))
    assert_close(-distribution.log_prob(value), official_nats(distribution, value), torch.float64)


def test_the_original_form_loses_up_to_two_parts_in_100_000():
    """Why the exact form is taken: the sum over all levels of one component, in three channels alike."""
    log_scales, means = torch.linspace(-7, 5, 97), torch.linspace(0, 0.02, 21)
    parameters = torch.zeros(97, 10, 21, 256, dtype=torch.float64)
    parameters[:, [1, 4, 7]] = means[:, None].double()
    parameters[:, [2, 5, 8]] = log_scales[:, None, None, None].double()
    value = torch.arange(256)[:, None].expand(97, 21, 256, 3)
    distribution = LogisticMixture(3, 256, 1).distribution(parameters)
    original = (-official_nats(distribution, value) / 3).exp().sum(-1)
    assert 1 - 2e-5 < original.min() < 1 - 1e-5
    assert original.max() < 1 + 1e-9
    exact = (distribution.log_prob(value) / 3).exp().sum(-1)
    assert_close(exact, torch.ones_like(exact), torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (1, 256), (2, 2), (2, 256), (3, 2), (3, 4), (3, 32), (4, 3)])
def test_probabilities_sum_to_one_with_narrow_and_wide_scales(channels, levels, dtype):
    head = LogisticMixture(channels, levels, 3)
    pixels = torch.cartesian_prod(*[torch.arange(levels)] * channels).view(-1, 1, 1, channels)
    for size in (1.0, 4.0):
        parameters = size * torch.randn(1, head.size, 1, 1, dtype=dtype)
        parameters[:, 2 * head.mixtures] = -9  # below the clamp
        nats = head.distribution(parameters).log_prob(pixels)
        assert nats.double().logsumexp(0).item() == close_to(0, dtype)


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_float32_loses_nothing_where_a_mean_lies_on_an_edge_between_wide_bins(levels):
    head = LogisticMixture(1, levels, 1)
    parameters = torch.zeros(1, 3, 1, 1000)
    parameters[:, 1] = torch.linspace(-1, 1, 1000) * 0.01 / levels + 1 / (levels - 1) * (levels % 2)
    parameters[:, 2] = -7
    assert_close(head.distribution(parameters).table(0).double().sum(-1), torch.ones(1, 1, 1000).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tables_know_which_component_the_earlier_channels_speak_for(dtype):
    head = LogisticMixture(3, 256, 4)
    distribution = head.distribution(torch.randn(2, head.size, 3, 5, dtype=dtype))
    value = distribution.sample()
    tables = [distribution.table(channel, value[..., :channel]) for channel in range(3)]
    product = math.prod(t.gather(-1, value[..., c, None])[..., 0] for c, t in enumerate(tables))
    assert_close(product.log(), distribution.log_prob(value), dtype)
    for table in tables:
        assert_close(table.sum(-1), torch.ones(2, 3, 5, dtype=dtype), dtype)


def test_a_table_without_the_channels_before_is_refused():
    distribution = LogisticMixture(3, 4).distribution(torch.zeros(1, 100, 1, 1))
    with pytest.raises(ValueError, match=r"before holds 0 channels; the table of channel 2 needs the 2 before it\."):
        distribution.table(2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_coefficients_are_dealt_to_the_blocks_like_cards_and_each_couples_its_pair(channels):
    head = LogisticMixture(channels, 8, 1)
    pairs = [(source, target) for target in range(channels) for source in range(target)]
    blocks = [["mean", "scale", *pairs[channel::channels]] for channel in range(channels)]
    layout = ["logit", *itertools.chain(*blocks)]
    assert head.size == len(layout) == 1 + 2 * channels + len(pairs)
    for pair in pairs:
        parameters = torch.zeros(1, head.size, 1, 1)
        parameters[:, layout.index(pair)] = 1
        distribution = head.distribution(parameters)
        for target in range(channels):
            low = torch.zeros(1, 1, 1, target, dtype=torch.long)
            for source in range(target):
                high = low.clone()
                high[..., source] = 7
                moved = not torch.equal(distribution.table(target, low), distribution.table(target, high))
                assert moved == ((source, target) == pair)


def test_with_three_channels_the_layout_is_the_original_one():
    head = LogisticMixture(3, 256, 2)
    raw = torch.randn(1, 20, 1, 1, dtype=torch.float64)
    distribution = head.distribution(raw)
    logits, blocks = raw[0, :2], raw[0, 2:].view(3, 3, 2, 1, 1)
    assert_close(distribution.log_weights[0], logits.log_softmax(0), torch.float64)
    assert_close(distribution.means[0], blocks[:, 0], torch.float64)
    assert_close(distribution.log_scales[0], blocks[:, 1].clamp(min=-7), torch.float64)
    assert_close(distribution.coefficients[0], blocks[:, 2].tanh(), torch.float64)  # R -> G, R -> B, G -> B


def test_the_original_uniforms_draw_the_original_components_and_first_channels():
    """Red agrees after rounding. The original couples green and blue with unrounded channels: up to a bin apart."""
    head, arrays = golden("official_sampler_a")
    uniforms = torch.cat([arrays["u_mixture"], arrays["u_logistic"]], dim=-1).double()
    levels = head.distribution(arrays["parameters"]).draw(head.noise(uniforms).float())
    theirs = 127.5 * arrays["x"] + 127.5
    assert torch.equal(levels[..., 0], theirs[..., 0].round().long())
    assert ((levels - theirs).abs().amax((0, 1, 2)) <= torch.tensor([0.5, 1.0, 2.0]) + 1e-3).all()


def test_noise_is_finite_at_the_ends_of_the_uniforms():
    head = LogisticMixture(3, 256, 4)
    ends = torch.tensor([0.0, 2.0**-53, 1 - 2.0**-53], dtype=torch.float64)[:, None].expand(3, 7)
    noise = head.noise(ends)
    assert noise.isfinite().all()
    assert (noise.diff(dim=0) > 0).all()
    levels = head.distribution(torch.zeros(1, 40, 1, 3)).draw(noise[None, None].float())
    assert levels.tolist() == [[[[0, 0, 0], [0, 0, 0], [255, 255, 255]]]]


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_level_is_finite_with_finite_gradients_at_extreme_parameters(size, dtype):
    head = LogisticMixture(3, 256, 2)
    value = torch.arange(256)[None, None, :, None].expand(1, 1, 256, 3)
    for places in [*([place] for place in range(20)), range(20), [2, 4, 6], [3, 4, 9]]:
        parameters = torch.randn(1, 20, 1, 256).to(dtype)
        parameters[:, list(places)] = size
        parameters.requires_grad_()
        nats = head.distribution(parameters).log_prob(value)
        assert nats.dtype == torch.float32
        assert nats.isfinite().all()
        (gradient,) = torch.autograd.grad(nats.sum(), parameters)
        assert gradient.isfinite().all()
        assert head.distribution(parameters.detach()).table(0).isfinite().all()


def test_the_clamp_passes_the_whole_gradient_at_minus_seven_and_none_below():
    def gradient(log_scale):
        parameters = torch.tensor([0.0, 0.1, log_scale], dtype=torch.float64).view(1, 3, 1, 1).requires_grad_()
        nats = LogisticMixture(1, 256, 1).distribution(parameters).log_prob(torch.full((1, 1, 1, 1), 139))
        return torch.autograd.grad(nats.sum(), parameters)[0][0, 2].item()

    assert abs(gradient(-7.0)) > 1e-3
    assert gradient(-7.0) == pytest.approx(gradient(-7 + 1e-9), rel=1e-6)  # at another point
    assert gradient(-7.001) == 0


def test_temperature_divides_the_logits_and_multiplies_the_scales():
    head = LogisticMixture(3, 16, 2)
    parameters = torch.randn(2, head.size, 3, 3, dtype=torch.float64)
    same = parameters.clone()
    same[:, :2] /= 0.5
    for place in (4, 10, 16):
        same[:, place : place + 2] += math.log(0.5)
    cold, hot = head.distribution(parameters, temperature=0.5), head.distribution(same)
    value = cold.sample()
    assert_close(cold.log_prob(value), hot.log_prob(value), torch.float64)


def test_at_low_temperatures_the_mean_of_the_likeliest_component_is_certain():
    head = LogisticMixture(2, 256, 2)
    parameters = torch.tensor([1.0, 1.5, 0.9, 0.1, 3.0, -9.0, 5.0, 5.0, 0.7, -0.57, 2.0, 1.0]).view(1, 12, 1, 1)
    distribution = head.distribution(parameters, 1e-6)
    first = round(127.5 * 0.1 + 127.5)
    second = round(127.5 * (-0.57 + math.tanh(5) * (2 * first / 255 - 1)) + 127.5)
    assert torch.equal(distribution.sample((100,)), torch.tensor([first, second]).expand(100, 1, 1, 1, 2))
    value = torch.tensor([first, second]).view(1, 1, 1, 2)
    assert distribution.log_prob(value).item() == close_to(0)
    assert not distribution.log_prob(value - 30).isnan().any()
    assert head.distribution(parameters, 1e300).sample().isfinite().all()


def test_without_temperature_it_is_the_mode_which_need_not_be_the_likeliest_components():
    """A wide component of weight 0.6 around level 2, a narrow one of 0.4 at level 12."""
    head = LogisticMixture(1, 16, 2)
    parameters = [math.log(0.6), math.log(0.4), 2 * 2 / 15 - 1, 2 * 12 / 15 - 1, 0.0, -7.0]
    parameters = torch.tensor(parameters).view(1, 6, 1, 1)
    assert head.distribution(parameters, 1e-6).sample().item() == 2
    certain = head.distribution(parameters, 0.0)
    assert certain.sample((50,)).unique().item() == 12
    assert head.distribution(parameters).table(0).argmax().item() == 12
