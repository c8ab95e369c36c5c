"""What changes the distribution that images are drawn from: guidance, temperature, top-k and top-p."""

import pytest
import torch

from pixelsnail.distributions import Bernoulli, Categorical, LogisticMixture
from pixelsnail.engine import Draw, Known, Plan, Rule, naive_walk, walk
from pixelsnail.models import PixelSNAIL, PixelSNAILOriginal
from tiny import fit, pixelcnnpp_of_a_fine_map, pixelsnail_of_both, prior, random_levels, randomised
from tolerance import assert_close

LOGITS = torch.tensor([0.1, 3.0, -1.0, 2.0, 2.0, 0.5]).double()


def kept(**rule):
    """The probabilities of six levels under a rule, and which of them are not zero."""
    pixels = Rule(**rule)(Categorical(1, 6), LOGITS.view(1, 6, 1, 1))
    probabilities = pixels.table(0)[0, 0, 0]
    assert_close(probabilities.sum(), torch.tensor(1.0).double())
    assert_close(pixels.log_prob(torch.tensor([[[[1]]]])).exp()[0, 0, 0], probabilities[1])
    return probabilities, (probabilities > 0).nonzero()[:, 0].tolist()


def test_top_k_keeps_the_likeliest_levels_and_of_equal_ones_the_lowest():
    for k, levels in (
        (1, [1]),
        (2, [1, 3]),
        (3, [1, 3, 4]),
        (4, [1, 3, 4, 5]),
        (6, [0, 1, 2, 3, 4, 5]),
        (9, list(range(6))),
    ):
        probabilities, found = kept(top_k=k)
        assert found == levels
        whole = LOGITS.softmax(0)[levels]
        assert_close(probabilities[levels], whole / whole.sum())
    assert kept(top_k=9)[1] == [0, 1, 2, 3, 4, 5]


def test_top_p_keeps_the_fewest_levels_that_hold_the_share():
    shares = LOGITS.softmax(0)
    assert kept(top_p=1e-9)[1] == [1]
    assert kept(top_p=shares[1].item() - 1e-6)[1] == [1]
    assert kept(top_p=shares[1].item() + 1e-6)[1] == [1, 3]
    assert kept(top_p=shares[[1, 3]].sum().item() + 1e-6)[1] == [1, 3, 4]
    assert kept(top_p=1.0)[1] == [0, 1, 2, 3, 4, 5]


def test_temperature_comes_before_top_k_and_top_k_before_top_p():
    cold = (LOGITS / 0.5).softmax(0)
    assert kept(temperature=0.5, top_p=cold[1].item() - 1e-6)[1] == [1]
    assert len(kept(top_p=cold[1].item() - 1e-6)[1]) > 1
    two = LOGITS.softmax(0)[[1, 3]]
    share = (two[0] / two.sum()).item()  # of what top_k has left, more than of all
    assert kept(top_k=2, top_p=share - 1e-6)[1] == [1]
    assert len(kept(top_p=share - 1e-6)[1]) > 1


def test_guidance_takes_logits_apart():
    with_label, without = torch.randn(2, 5, 1, 1).double(), torch.randn(2, 5, 1, 1).double()
    for w in (-1.0, 0.5, 2.0):
        pixels = Rule(guidance=w)(Categorical(1, 5), torch.cat([with_label, without]))
        log_ratio = with_label.log_softmax(1) - without.log_softmax(1)
        expected = (with_label.log_softmax(1) + w * log_ratio).log_softmax(1)  # p(x|y) (p(x|y) / p(x))^w
        assert_close(pixels.table(0)[:, 0, 0].log(), expected[:, :, 0, 0])
    odds = Rule(guidance=2.0)(Bernoulli(1), torch.cat([with_label[:, :1], without[:, :1]])).logits
    assert_close(odds[:, 0, 0, 0], (3 * with_label - 2 * without)[:, 0, 0, 0])


def test_what_cannot_be_is_refused():
    for rule, head, words in (
        (Rule(temperature=-1.0), Categorical(1, 4), "temperature is -1.0"),
        (Rule(guidance=float("nan")), Categorical(1, 4), "guidance is nan; expected a number of at least -1"),
        (Rule(guidance=1.0), LogisticMixture(1, 4), "a LogisticMixture head has none"),
        (Rule(top_k=0), Categorical(1, 4), "top_k is 0"),
        (Rule(top_p=0.0), Categorical(1, 4), "top_p is 0.0; expected a share"),
        (Rule(top_p=1.5), Categorical(1, 4), "top_p is 1.5; expected a share"),
        (Rule(top_k=2), Bernoulli(1), "top_k is 2, .* a Bernoulli head"),
        (Rule(top_p=0.5), LogisticMixture(1, 4), "top_p is 0.5, .* a LogisticMixture head"),
    ):
        with pytest.raises(ValueError, match=words):
            rule.check(head)


def prior_of_both(shape, levels):
    return prior(shape, levels, classes=3, label_dropout=0.1, map_levels=4)


GUIDED = {"PixelSNAIL": pixelsnail_of_both, "PixelSNAILPrior": prior_of_both}
RULES = [Rule(guidance=1.5), Rule(guidance=-1.0), Rule(0.8, 2.0, 2, 0.9), Rule(top_k=2), Rule(top_p=0.6)]


@pytest.mark.parametrize("build", GUIDED.values(), ids=GUIDED)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_engine_draws_the_same_image_by_a_rule(build, rule):
    model = build((1, 4, 4), 3).double()
    context = model.condition.example(5, (4, 4))
    expected = model.sample(5, seed=3, context=context, engine="naive", **vars(rule))
    for segment, leave in ((None, 7 / 8), (1, 1.0), (3, 1.0), (16, 0.0)):
        cache = model.start(5, context=context, guided=bool(rule.guidance))
        assert torch.equal(walk(model, Draw(3), cache, Plan(segment=segment, leave=leave), rule), expected.long())
    assert torch.equal(model.sample(5, seed=3, context=context, batch=2, **vars(rule)), expected)
    assert not torch.equal(model.sample(5, seed=3, context=context), expected)


def test_guided_completions_keep_what_is_known():
    model = pixelsnail_of_both((1, 4, 5), 3).double()
    x, known = random_levels(3, (3, 1, 4, 5)), torch.arange(4)[:, None].expand(4, 5) < 2
    context = model.condition.example(3, (4, 5))
    completed = model.complete(x, known, context=context, guidance=1.0, seed=2)
    assert torch.equal(completed[:, :, :2].long(), x[:, :, :2])
    assert torch.equal(model.complete(x, known, context=context, guidance=1.0, seed=2, engine="naive"), completed)


def test_guidance_minus_one_draws_without_the_label():
    """The label of none is what training gave where it left labels out: its images do not depend on the label."""
    model = pixelsnail_of_both((1, 4, 5), 3).double()
    context = model.condition.example(4, (4, 5))
    others = {**context, "labels": (context["labels"] + 1) % 3}
    first, second = (model.sample(4, context=one, guidance=-1.0) for one in (context, others))
    assert torch.equal(first, second)
    assert not torch.equal(model.sample(4, context=context), model.sample(4, context=others))


def test_likelihoods_know_nothing_of_label_dropout_or_guidance():
    model = pixelsnail_of_both((1, 4, 5), 3)
    x, context = random_levels(3, (3, 1, 4, 5)), model.condition.example(3, (4, 5))
    nats = model.train().log_prob(x, context)
    assert torch.equal(model.log_prob(x, context), nats)  # in training mode labels are left out at random, here never
    torch.manual_seed(0)
    drawn = torch.stack([model.train().pixel_nats(x, context).sum() for _ in range(20)])
    assert drawn.unique().numel() > 1


def test_guidance_is_refused_where_nothing_was_left_out():
    x = torch.tensor([0, 1])
    labels = randomised(PixelSNAIL((1, 4, 5), 2, channels=4, blocks=1, classes=2))
    with pytest.raises(ValueError, match=r"trained with all of them; train with model\.label_dropout"):
        labels.sample(2, context=x, guidance=1.0)
    nothing = randomised(PixelSNAIL((1, 4, 5), 2, channels=4, blocks=1))
    with pytest.raises(ValueError, match="guidance needs class labels, and this model has none"):
        nothing.sample(2, guidance=1.0)
    maps = prior((1, 4, 4), 3, map_levels=4)
    with pytest.raises(ValueError, match="guidance needs class labels"):
        maps.sample(2, context=maps.condition.example(2, (4, 4)), guidance=1.0)
    mixture = PixelSNAILOriginal((1, 4, 4), 4, channels=4, blocks=1, residuals=1, key=2, classes=2, label_dropout=0.1)
    with pytest.raises(ValueError, match="a LogisticMixture head has none"):
        mixture.sample(2, context=x, guidance=1.0)
    with pytest.raises(ValueError, match=r"expected one of model\.start"):
        walk(labels, Draw(0), labels.start(2, context=x), rule=Rule(guidance=1.0))
    for dropout, classes, words in ((1.0, 2, "below 1"), (-0.1, 2, "at least 0"), (0.1, 0, "0, since classes is 0")):
        with pytest.raises(ValueError, match=f"label_dropout is {dropout}; expected .*{words}"):
            PixelSNAIL((1, 4, 5), 2, channels=4, blocks=1, classes=classes, label_dropout=dropout)


def test_streams_of_whole_rows_are_paired_too():
    model = pixelcnnpp_of_a_fine_map(fit(pixelcnnpp_of_a_fine_map, (1, 4, 4)), 3).double()
    with pytest.raises(ValueError, match="LogisticMixture"):
        model.sample(2, context=model.condition.example(2, (4, 4)), guidance=1.0)
    from pixelsnail import PixelCNNpp

    kind = {"channels": 4, "residuals": 1, "classes": 3, "label_dropout": 0.2, "head": "Categorical"}
    model = randomised(PixelCNNpp((1, 4, 4), 3, **kind)).double()
    rule, context = Rule(guidance=1.0), torch.tensor([0, 1, 2])
    expected = naive_walk(model, Draw(1), model.start(3, context=context), rule, context=context)
    cache = model.start(3, context=context, guided=True)
    assert torch.equal(walk(model, Draw(1), cache, Plan(segment=2, leave=1.0), rule), expected)
    x, known = random_levels(3, (3, 1, 4, 4)), torch.arange(4)[:, None].expand(3, 1, 4, 4) < 1
    cache = model.start(3, context=context, guided=True)
    assert torch.equal(walk(model, Known(x, known, Draw(1)), cache, rule=rule)[:, :, :1], x[:, :, :1])
