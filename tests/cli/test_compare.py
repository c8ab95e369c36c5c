import json
from importlib import import_module
from pathlib import Path

import pytest


@pytest.fixture
def recipes(recipe: Path) -> list[Path]:
    """The tiny recipe, and the same without attention."""
    other = recipe.with_name("without.yaml")
    other.write_text(recipe.read_text().replace("value: 2", "value: 2, attention: false"))
    return [recipe, other]


def test_from_recipes_to_a_table(pixelsnail, recipes, tmp_path):
    out = tmp_path / "out"
    line = ("compare", *recipes, "--steps", 3, "--parameters", 900, "--seeds", 2, "--out", out)
    outcome = pixelsnail(*line)
    assert outcome.status == 0
    header, *rows = outcome.out.splitlines()
    assert header.split()[:4] == ["recipe", "model", "parameters", "steps"]
    assert {row.split()[0] for row in rows} == {"tiny", "without"}
    assert all("+-" in row for row in rows)
    assert "1 of 4: tiny, seed 0" in outcome.err
    assert "Every recipe: 900 parameters, 3 steps" in outcome.err
    assert "Next: pixelsnail sample" in outcome.err
    assert pixelsnail("evaluate", out / "runs/tiny/seed-0").status == 0

    assert pixelsnail(*line).status == 1
    outcome = pixelsnail(*line, "--resume", "--json")
    assert outcome.status == 0
    content = json.loads(outcome.out)
    assert content == json.loads((out / "table.json").read_text())
    assert [row["seeds"] for row in content["rows"]] == [[0, 1], [0, 1]]
    for row in content["rows"]:
        assert row["spread"] > 0
        assert abs(row["parameters"] / 900 - 1) < 0.3


def test_seconds_are_a_budget_too_and_fields_are_for_all(pixelsnail, recipes, tmp_path):
    out = tmp_path / "out"
    fields = ("--optimizer.lr", "2e-3", "--device", "cpu", "--seeds", 1)
    outcome = pixelsnail("compare", *recipes, "--seconds", 0.02, "--out", out, *fields)
    assert outcome.status == 0
    assert "Timing tiny, 1 of 2." in outcome.err
    record = json.loads((out / "comparison.json").read_text())
    assert all(entry["recipe"]["optimizer"]["lr"] == 2e-3 for entry in record["entries"].values())
    assert all(one["spread"] is None for one in json.loads((out / "table.json").read_text())["rows"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "compare needs --steps or --seconds; for example: pixelsnail compare"),
        (("--steps", 2, "--seconds", 3), "not allowed with"),
        (("--seconds", -1), "--seconds is '-1'; expected a number above 0"),
        (("--steps", 2, "--model.chanels", 3), "did you mean 'model.channels'?"),
        (("--steps", 2, "--resume", "--overwrite"), "not allowed with"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(pixelsnail, recipes, tmp_path, words, sentence):
    outcome = pixelsnail("compare", *recipes, "--out", tmp_path / "out", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_interrupted_comparison_says_how_it_goes_on(pixelsnail, recipes, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("pixelsnail.comparison.trainings"), "train", stop)
    outcome = pixelsnail("compare", *recipes, "--steps", 2, "--out", tmp_path / "out")
    assert outcome.status == 130
    assert "the same command with --resume goes on" in outcome.err


def test_recipes_of_different_protocols_are_refused(pixelsnail, recipes, tmp_path):
    recipes[1].write_text(recipes[1].read_text().replace("dynamic", "threshold"))
    outcome = pixelsnail("compare", *recipes, "--steps", 2, "--out", tmp_path / "out")
    assert outcome.status == 1
    assert "do not belong in one table" in outcome.err
