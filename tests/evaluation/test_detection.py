"""Scores, thresholds that hold their rates, and what is refused."""

import json
import math

import numpy as np
import pytest
import torch

from pixelsnail import data
from pixelsnail.evaluation import Detector, auroc, detect, fit, nats_of, restore
from pixelsnail.evaluation.anomaly import file_nats
from pixelsnail.evaluation.detection import quantile
from tiny import MODELS, random_levels
from tolerance import assert_close, close_to

SHAPE = (1, 6, 6)


def images(count, seed=0, shape=SHAPE, levels=2):
    return data.from_arrays(random_levels(levels, (count, *shape), seed=seed).numpy(), levels=levels)


@pytest.fixture(scope="module")
def model():
    return MODELS["PixelSNAIL"](SHAPE, 2, seed=1)


def test_a_rate_holds_for_new_images_whatever_they_are():
    """Over many fits and new images, the share above the threshold is the rate at most, and not far below."""
    generator = torch.Generator().manual_seed(0)
    for n, rate in ((19, 0.05), (50, 0.1), (33, 0.25)):
        scores = torch.randn(4_000, n + 1, generator=generator).double() ** 3
        alarms = [float(row[-1] > quantile(row[:-1], rate)) for row in scores]
        share = sum(alarms) / len(alarms)
        error = math.sqrt(rate / len(alarms))
        assert rate - 1 / (n + 1) - 3 * error < share < rate + 3 * error
    assert quantile(torch.arange(18.0), 0.05) == math.inf
    assert quantile(torch.arange(19.0), 0.05) == 18


@torch.no_grad()
def test_a_fitted_detector_keeps_its_rates_on_images_like_those_it_saw(model):
    normal, new = images(199), images(400, seed=1)
    for score in ("nats", "typicality", "complexity"):
        detector = fit(model, normal, rate=0.1, pixel_rate=0.02, score=score)
        found = detect(model, new, detector)
        assert 0.03 < found.anomalous.double().mean().item() < 0.19
        assert found.pixels.double().mean().item() < 0.03
        assert torch.equal(found.anomalous, found.p_values[score] <= 0.1)
        assert set(found.scores) == {"nats", "typicality", "complexity"}


@torch.no_grad()
def test_scores_are_their_definitions(model):
    other = MODELS["PixelSNAIL"](SHAPE, 2, seed=2)
    normal = images(40)
    x = normal.batch(range(40))
    found = nats_of(model, normal, background=other)
    scores = found.scores(7.0)
    assert_close(scores["nats"], -model.log_prob(x))
    assert_close(scores["typicality"], (-model.log_prob(x) - 7).abs())
    assert_close(scores["ratio"], other.log_prob(x) - model.log_prob(x))
    assert_close(scores["complexity"], -model.log_prob(x) - file_nats(x, 2))
    assert_close(found.maps.double().sum((1, 2)), found.nats)
    detector = fit(model, normal, rate=0.1, pixel_rate=0.1, background=other, score="ratio")
    assert detector.typical == close_to(found.nats[::2].mean().item())
    assert len(detector.calibration["typicality"]) == 20
    assert detector.threshold == close_to(scores["ratio"].sort().values[36].item())


def test_noise_is_a_longer_file_than_a_blank_image():
    blank = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    for levels in (2, 16, 256):
        noise = random_levels(levels, (1, 1, 28, 28))
        assert file_nats(noise, levels).item() > 1.5 * file_nats(blank, levels).item()
    assert file_nats(random_levels(256, (2, 3, 8, 8)), 256).shape == (2,)


def test_the_area_under_the_curve_is_that_of_the_definition():
    generator = torch.Generator().manual_seed(1)
    normal, others = torch.randn(60, generator=generator), torch.randn(50, generator=generator) + 1
    area, error = auroc(normal, others)
    pairs = [1.0 if b > a else 0.5 if a == b else 0.0 for a in normal.tolist() for b in others.tolist()]
    assert area == close_to(float(np.mean(pairs)))
    drawn = [auroc(torch.randn(60, generator=generator), torch.randn(50, generator=generator) + 1)[0]
             for _ in range(400)]  # fmt: skip
    assert error == pytest.approx(float(np.std(drawn)), rel=0.35)
    assert auroc(torch.zeros(3), torch.zeros(4))[0] == 0.5
    with pytest.raises(ValueError, match="expected two of each"):
        auroc(torch.zeros(1), torch.zeros(4))


def test_a_detector_is_read_as_it_was_written_and_nothing_else_is(model, tmp_path):
    detector = fit(model, images(40), rate=0.1, pixel_rate=0.1)
    detector.save(tmp_path / "d.json")
    assert Detector.load(tmp_path / "d.json") == detector
    for content in ("", "[]", "{}", json.dumps({**json.loads((tmp_path / "d.json").read_text()), "version": 9})):
        (tmp_path / "wrong.json").write_text(content)
        with pytest.raises(ValueError, match="is not a detector"):
            Detector.load(tmp_path / "wrong.json")
    with pytest.raises(FileNotFoundError, match="There is no detector"):
        Detector.load(tmp_path / "none.json")


def test_what_does_not_fit_is_said(model):
    other = MODELS["PixelSNAIL"](SHAPE, 2, seed=2)
    detector = fit(model, images(40), rate=0.1, pixel_rate=0.1)
    grey = data.from_arrays(np.random.default_rng(0).integers(0, 256, (40, 6, 6), dtype=np.uint8))
    bits = grey.as_like(SHAPE, 2, binarize="threshold")
    for call, words in (
        (lambda: detect(other, images(3), detector), "fitted to another model"),
        (lambda: detect(model, images(3, shape=(1, 6, 8)), detector), r"fitted to images \(1, 6, 6\)"),
        (lambda: detect(model, bits, detector), "with binarisation none, but .* with threshold"),
        (lambda: detect(model, images(3), detector, background=other), "fitted without a background"),
        (lambda: fit(model, images(18)), "has 18 normal images, and a rate of 0.01 needs 99"),
        (lambda: fit(model, images(40), rate=1.5), "rate is 1.5; expected a share"),
        (lambda: fit(model, images(40), rate=0.1, pixel_rate=0.1, score="ratio"), "needs a background model"),
        (lambda: fit(model, images(40), rate=0.1, pixel_rate=0.1, score="rato"), "did you mean 'ratio'"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@torch.no_grad()
def test_restoring_draws_suspects_and_their_neighbours_anew_and_nothing_else(model):
    x = images(3).batch(range(3))
    suspects = torch.zeros(3, 6, 6, dtype=torch.bool)
    suspects[0, 2, 3] = suspects[2, 0, 0] = True
    found = restore(model, x, suspects, particles=8, seed=1)
    assert found.replaced.flatten(1).sum(1).tolist() == [9, 0, 4]
    assert torch.equal(found.images[~found.replaced], x[~found.replaced])
    assert torch.equal(found.images, restore(model, x, suspects, particles=8, seed=1).images)
    changed = [restore(model, x, suspects, particles=8, seed=seed).images for seed in range(5)]
    assert any(not torch.equal(one, x) for one in changed)
    with pytest.raises(ValueError, match="Nothing of image 0 is left"):
        restore(model, x, ~suspects, grow=1)
    with pytest.raises(ValueError, match=r"suspects is torch\.bool of shape"):
        restore(model, x, suspects[:2])
