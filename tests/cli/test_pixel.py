"""`pixelsnail pixel`."""

import json

import pytest


def test_the_levels_of_a_pixel_are_a_table_a_figure_and_json(pixelsnail, run, source, tmp_path):
    line = ("pixel", run, "--data", source, "--at", "3,2", "--image", 1)
    outcome = pixelsnail(*line, "--out", tmp_path / "p.png")
    assert outcome.status == 0, outcome.err
    header, *rows = outcome.out.splitlines()
    assert header.split() == ["channel", "level", "probability"]
    assert sum(float(row.split()[2]) for row in rows) == pytest.approx(1, abs=1e-5)
    assert sum("the image's" in row for row in rows) == 1
    assert (tmp_path / "p.png").is_file()
    before, rest = (json.loads(pixelsnail(*line, "--json", "--given", given).out) for given in ("before", "rest"))
    assert before["probabilities"] != rest["probabilities"]
    assert before["pixel"] == [3, 2]


def test_what_cannot_be_is_said(pixelsnail, run, source):
    for words, refusal in ((("--at", "9,0"), "The pixel 9,0 is outside"), (("--at", "0,0", "--image", 99), "has 11")):
        outcome = pixelsnail("pixel", run, "--data", source, *words)
        assert outcome.status in (1, 2)
        assert refusal in outcome.err
