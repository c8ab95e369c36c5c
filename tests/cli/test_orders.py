"""A model of eight raster orders at the command line."""

import json

import pytest

from pixelsnail.checkpoints import save
from pixelsnail.models import Ordered


@pytest.fixture
def eight(tmp_path):
    """A run of eight orders."""
    of = {"model": "PixelSNAIL", "shape": (1, 6, 5), "channels": 4, "blocks": 1, "residuals": 1, "key": 2, "value": 2}
    save(Ordered(of), tmp_path / "eight", about={"source": "mnist-mini", "binarize": "dynamic"})
    return tmp_path / "eight"


@pytest.mark.parametrize(("half", "words"), [("bottom", "order 2 (rows from the bottom left): exact"),
                                             ("right", "order 5 (columns from the top right): exact")])  # fmt: skip
def test_a_model_of_eight_orders_completes_every_half_exactly(pixelsnail, eight, source, tmp_path, half, words):
    done = pixelsnail("complete", eight, "--data", source, "--known", half, "--out", tmp_path / "c", "--draws", 1)
    assert done.status == 0, done.err
    assert words in done.err
    done = pixelsnail("complete", eight, "--data", source, "--known", half, "--out", tmp_path / "d", "--order", 0)
    assert "Known pixels come after unknown ones in order 0" in done.err


def test_an_order_that_a_model_does_not_know_is_refused(pixelsnail, run, eight, source, tmp_path):
    for which, order, words in (
        (run, 3, "knows the raster order alone"),
        (eight, 8, "order is 8, on which this model"),
    ):
        for verb, rest in (
            ("complete", ["--data", source, "--known", "top", "--out", tmp_path / "c"]),
            ("sample", ["--out", tmp_path / "s.png", "--count", 1]),
            ("score", ["--data", source, "--out", tmp_path / "s.csv"]),
            ("evaluate", ["--data", source]),
        ):
            done = pixelsnail(verb, which, *rest, "--order", order)
            assert done.status == 1
            assert words in done.err


def test_evaluate_tells_one_order_and_all(pixelsnail, eight, source):
    done = pixelsnail("evaluate", eight, "--data", source, "--json")
    told = json.loads(done.out)
    one = json.loads(pixelsnail("evaluate", eight, "--data", source, "--json", "--order", 0).out)
    assert told["order_0"]["nats"] == one["nats"] != told["nats"]
    assert "of order 0 alone" in pixelsnail("evaluate", eight, "--data", source).out
    assert "raster orders" in pixelsnail("info", eight).out


def test_looking_at_a_model_of_eight_orders_looks_at_the_first(pixelsnail, eight, source, tmp_path):
    done = pixelsnail("attention", eight, "--data", source, "--pixel", "3,2", "--out", tmp_path / "a.png")
    assert done.status == 0, done.err
    done = pixelsnail("receptive-field", eight, "--data", source, "--out", tmp_path / "f.png")
    assert done.status == 0, done.err
