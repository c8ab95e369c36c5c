"""p(label | x) by Bayes' rule, from a model of p(x | label)."""

import csv

import numpy as np
import pytest
import torch

from pixelsnail import classify, data
from tiny import (
    context_of,
    every_image,
    pixelcnnpp_of_classes,
    pixelsnail,
    pixelsnail_of_classes,
    prior_of_both,
    random_levels,
)
from tolerance import assert_close


def test_the_posterior_is_bayes_rule():
    model = pixelsnail_of_classes((1, 3, 4), 2)
    x = random_levels(2, (5, 1, 3, 4))
    nats = torch.stack([-model.log_prob(x, torch.full((5,), label)) for label in range(3)], dim=1)
    for given, shares in (
        (None, [1 / 3] * 3),
        ([2, 1, 1], [0.5, 0.25, 0.25]),
        (torch.tensor([0.0, 1.0, 3.0]), [0, 0.25, 0.75]),
    ):
        found = classify(model, x, prior=given, batch=2)
        joint = (-nats).exp() * torch.tensor(shares).double()
        assert_close(found.nats, nats)
        assert_close(found.posterior, joint / joint.sum(1, keepdim=True))
        assert_close(found.marginal_nats, -joint.sum(1).log())
        assert torch.equal(found.best, joint.argmax(1))
    assert found.accuracy(found.best) == (1.0, 0.0)
    assert (found.best != 0).all()


def test_the_marginal_is_a_distribution_of_images():
    images = every_image(2, (1, 2, 3))
    found = classify(pixelsnail_of_classes((1, 2, 3), 2), images, prior=[1, 2, 3])
    assert_close((-found.marginal_nats).exp().sum(), torch.tensor(1.0).double())
    assert_close(found.posterior.sum(1), torch.ones(len(images)).double())


def test_what_else_a_model_is_conditioned_on_is_kept():
    model, x = prior_of_both((1, 4, 5), 3), random_levels(3, (4, 1, 4, 5))
    maps = context_of(model, 4)["map"]
    nats = classify(model, x, context={"map": maps}).nats
    assert_close(nats[:, 1], -model.log_prob(x, {"labels": torch.ones(4).long(), "map": maps}))
    images = data.from_arrays(x, labels=torch.tensor([2, 2, 2, 2]), maps=data.from_arrays(maps, axes="NCHW"))
    assert_close(classify(model, images, batch=3).nats, nats)


def test_progress_counts_every_label():
    seen: list[tuple[int, int]] = []
    model = pixelsnail_of_classes((1, 3, 4), 2)
    classify(model, random_levels(2, (4, 1, 3, 4)), batch=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 12), (4, 12), (6, 12), (8, 12), (10, 12), (12, 12)]


def test_what_cannot_be_classified_is_refused():
    x = random_levels(2, (2, 1, 3, 4))
    with pytest.raises(
        ValueError, match=r"no class labels to choose among: it is conditioned on none \(unconditional\)"
    ):
        classify(pixelsnail((1, 3, 4), 2), x)
    for wrong in ([1.0, 2.0], [1.0, -0.1, 0.2], [0.0, 0.0, 0.0], [1.0, float("nan"), 1.0], [1.0, float("inf"), 1.0]):
        with pytest.raises(ValueError, match="expected a share or count of each of the 3 classes"):
            classify(pixelsnail_of_classes((1, 3, 4), 2), x, prior=wrong)


def test_the_table_has_a_row_an_image(tmp_path):
    model = pixelcnnpp_of_classes((1, 4, 4), 3)
    images = data.from_arrays(random_levels(3, (6, 1, 4, 4)), np.array(["b", "a", "c", "a", "b", "c"])).subset([4, 1])
    found = classify(model, images)
    found.write_csv(tmp_path / "c.csv", images)
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "label", "class", "best", "posterior", "nats_0", "nats_1", "nats_2"]
    assert [(row["index"], row["label"], row["class"]) for row in rows] == [("4", "1", "b"), ("1", "0", "a")]
    assert float(rows[1]["nats_2"]) == found.nats[1, 2].item()
    assert float(rows[0]["posterior"]) == found.posterior[0].max().item()


def test_arrays_are_classified_as_the_tensor_they_are():
    model = pixelsnail_of_classes((1, 3, 4), 2)
    x = random_levels(2, (5, 1, 3, 4))
    assert_close(classify(model, x.numpy()).nats, classify(model, x).nats)
