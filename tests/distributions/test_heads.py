"""Every head is a normalised torch Distribution, finite whatever its parameters are."""

import itertools
import math

import pytest
import torch
from torch.distributions import Distribution

from pixelsnail.distributions import Bernoulli, Categorical, LogisticMixture, choose_head
from tolerance import assert_close, close_to

INDEPENDENT = [Bernoulli(1), Bernoulli(3), Categorical(1, 3), Categorical(2, 3), Categorical(3, 2), Categorical(1, 512)]
HEADS = [
    *INDEPENDENT,
    LogisticMixture(1, 4, 2),
    LogisticMixture(2, 3, 2),
    LogisticMixture(3, 2, 2),
    LogisticMixture(3, 4, 2),
]


@pytest.fixture(params=HEADS, ids=repr)
def head(request):
    return request.param


def every_pixel(head):
    """All levels of one pixel: (L ** C, 1, 1, C)."""
    return torch.tensor(list(itertools.product(range(head.levels), repeat=head.channels)))[:, None, None]


def test_a_distribution_has_pixels_as_batch_and_channels_as_event(head):
    distribution = head.distribution(torch.randn(2, head.size, 4, 5))
    assert isinstance(distribution, Distribution)
    assert distribution.batch_shape == (2, 4, 5)
    assert distribution.event_shape == (head.channels,)
    assert distribution.sample().shape == (2, 4, 5, head.channels)
    assert distribution.sample((3,)).shape == (3, 2, 4, 5, head.channels)
    assert distribution.log_prob(distribution.sample()).shape == (2, 4, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_sum_to_one_over_all_levels(head, dtype):
    parameters = 3 * torch.randn(1, head.size, 1, 1, dtype=dtype)
    nats = head.distribution(parameters).log_prob(every_pixel(head))
    assert nats.double().logsumexp(0).item() == close_to(0, dtype)


def test_tables_agree_with_log_prob(head):
    distribution = head.distribution(torch.randn(1, head.size, 2, 2, dtype=torch.float64))
    value = distribution.sample()
    product = torch.ones(1, 2, 2, dtype=torch.float64)
    for channel in range(head.channels):
        table = distribution.table(channel, value[..., :channel])
        assert_close(table.sum(-1), torch.ones(1, 2, 2, dtype=torch.float64), torch.float64)
        product = product * table.gather(-1, value[..., channel, None])[..., 0]
    assert_close(product.log(), distribution.log_prob(value), torch.float64)


@pytest.mark.parametrize("head", INDEPENDENT, ids=repr)
def test_mean_and_entropy_agree_with_the_definition(head):
    parameters = torch.randn(1, head.size, 1, 1, dtype=torch.float64)
    distribution, values = head.distribution(parameters), every_pixel(head)
    nats = distribution.log_prob(values)
    assert_close(distribution.mean[0, 0, 0], (nats.exp()[..., None] * values).sum(0)[0, 0], torch.float64)
    assert_close(distribution.entropy()[0, 0, 0], -(nats.exp() * nats).sum(), torch.float64)


@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_likelihood_and_gradient_are_finite_at_extreme_parameters(head, size, dtype):
    for place in range(head.size):
        parameters = torch.zeros(1, head.size, 1, 1, dtype=dtype)
        parameters[0, place] = size
        parameters.requires_grad_()
        for level in (0, head.levels - 1):
            nats = head.distribution(parameters).log_prob(torch.full((1, 1, 1, head.channels), level))
            (gradient,) = torch.autograd.grad(nats.sum(), parameters)
            assert nats.isfinite().all()
            assert gradient.isfinite().all()


def test_a_wrong_level_under_certainty_costs_its_nats_and_not_infinity():
    certain = torch.full((1, 1, 1, 1), 1e4)
    assert Bernoulli(1).distribution(certain).log_prob(torch.zeros(1, 1, 1, 1)).item() == -1e4


def test_likelihood_gradients_are_right(head):
    if head.size > 20:
        pytest.skip("one of few parameters shows as much")
    value = torch.randint(0, head.levels, (2, 1, 2, head.channels))
    parameters = torch.randn(2, head.size, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: head.distribution(p).log_prob(value), parameters)


@pytest.mark.parametrize("way", ["sample", "noise"])
def test_draws_follow_the_probabilities(head, way):
    """Pearson's chi-square over all pixels, against its mean and standard deviation for draws that do follow."""
    if head.levels**head.channels > 64:
        pytest.skip("one of few levels shows as much")
    count = 40_000
    parameters = torch.randn(1, head.size, 1, 1, dtype=torch.float64)
    distribution = head.distribution(parameters.expand(1, -1, 1, count))
    uniforms = torch.rand(1, 1, count, head.noise_size, dtype=torch.float64)
    draws = distribution.sample() if way == "sample" else distribution.draw(head.noise(uniforms))
    pixels = every_pixel(head)
    numbers = head.levels ** torch.arange(head.channels).flip(0)  # of the pixels, in the order of every_pixel
    observed = torch.bincount((draws[0, 0] * numbers).sum(-1), minlength=len(pixels))
    expected = count * head.distribution(parameters).log_prob(pixels)[:, 0, 0].exp()
    often = expected >= 5
    assert expected[~often].sum() < count / 100
    chi_square = ((observed - expected) ** 2 / expected)[often].sum().item()
    freedom = int(often.sum()) - 1
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("head", INDEPENDENT, ids=repr)
def test_temperature_divides_the_logits(head):
    parameters = torch.randn(1, head.size, 2, 2)
    cold, divided = head.distribution(parameters, temperature=0.5), head.distribution(parameters * 2)
    value = divided.sample()
    assert_close(cold.log_prob(value), divided.log_prob(value))


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-45, 1e-38, 1e-300])
def test_without_temperature_the_likeliest_level_is_certain(head, temperature):
    parameters = 100 * torch.randn(2, head.size, 3, 3)
    distribution, plain = head.distribution(parameters, temperature), head.distribution(parameters)
    value = distribution.sample()
    for channel in range(head.channels):
        before = value[..., :channel] if channel else None
        assert torch.equal(value[..., channel], plain.table(channel, before).argmax(-1))
    for uniform in (0.0, 2.0**-53, 0.5, 1 - 2.0**-53):  # whatever the noise
        noise = head.noise(torch.full((2, 3, 3, head.noise_size), uniform, dtype=torch.float64))
        assert torch.equal(distribution.draw(noise.float()), value)
    assert_close(distribution.log_prob(value), torch.zeros(2, 3, 3))
    other = distribution.log_prob((value + 1) % head.levels)
    assert other.isfinite().all()
    assert (other < -1e6).all()
    if head in INDEPENDENT:
        assert_close(distribution.mean, value.float())
        assert_close(distribution.entropy(), torch.zeros(2, 3, 3))


def test_of_levels_that_are_as_likely_the_lowest_is_taken():
    for head in (Bernoulli(2), Categorical(2, 3)):
        assert not head.distribution(torch.zeros(1, head.size, 1, 1), 0).sample((9,)).any()
    mixture = LogisticMixture(1, 3, 2)  # two components that mirror each other around the middle
    parameters = torch.tensor([0.0, 0.0, -1.0, 1.0, -7.0, -7.0]).view(1, 6, 1, 1)
    assert not mixture.distribution(parameters, 0).sample((9,)).any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_values_may_have_any_integer_dtype(head, dtype):
    distribution = head.distribution(torch.randn(1, head.size, 2, 2))
    value = distribution.sample().clamp(max=100)
    assert torch.equal(distribution.log_prob(value.to(dtype)), distribution.log_prob(value))


def test_the_head_follows_from_the_levels_and_an_impossible_choice_names_the_right_one():
    assert choose_head(None, 1, 2) == Bernoulli(1)
    assert choose_head(None, 3, 256) == Categorical(3, 256)
    assert choose_head("Categorical", 1, 2) == Categorical(1, 2)
    assert choose_head("LogisticMixture", 3, 256) == LogisticMixture(3, 256, mixtures=10)
    with pytest.raises(ValueError, match="use head='Categorical' for codes, head='LogisticMixture' for images"):
        choose_head("Bernoulli", 3, 256)
    with pytest.raises(ValueError, match="did you mean 'Bernoulli'"):
        choose_head("Bernouli", 1, 2)


def test_only_a_mixture_has_mixtures():
    assert choose_head("LogisticMixture", 3, 256, mixtures=5) == LogisticMixture(3, 256, 5)
    for name in (None, "Categorical"):
        with pytest.raises(ValueError, match=r"mixtures is 5; a Categorical head has none\. .* LogisticMixture head"):
            choose_head(name, 3, 256, mixtures=5)
    with pytest.raises(ValueError, match="at least 1 mixture component, not 0"):
        choose_head("LogisticMixture", 3, 256, mixtures=0)
    with pytest.raises(ValueError, match="at least 2 levels, not 1"):
        choose_head("LogisticMixture", 3, 1)
