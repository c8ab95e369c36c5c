"""`compare`: equal budgets, means and spreads that are those of the runs, and resumption that changes nothing."""

import dataclasses
import itertools
import json
import math
from statistics import mean, stdev
from types import SimpleNamespace

import pytest

from pixelsnail import data, evaluation, load
from pixelsnail.comparison import Budget, Comparison, compare
from pixelsnail.comparison.budget import count_parameters, steps_within, with_parameters
from pixelsnail.training import read
from pixelsnail.training.history import Row, read_history, training_seconds


@pytest.fixture
def recipes(tmp_path, source):
    """Two recipe files on the same data, with a test split."""
    paths = []
    for name, more in (("with", ""), ("without", ", attention: false")):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"model: {{name: PixelSNAIL, channels: 4, blocks: 1, residuals: 1, key: 2, value: 2{more}}}\n"
            f"data: {{source: '{source}', binarize: dynamic, batch: 8}}\n"
            "trainer: {max_epochs: 1, accelerator: cpu}\n"
        )
        paths.append(path)
    return paths


class _KilledError(Exception):
    """Stands for a kill."""


def figures(found):
    """The results without times."""
    return {(one.recipe, one.seed): (one.steps, one.nats, one.validation_nats) for one in found.results}


def test_the_table_is_the_mean_and_spread_of_the_runs(recipes, source, tmp_path):
    found = compare(recipes, out=tmp_path / "out", steps=6, seeds=3)
    assert len(found.results) == 6
    for row in found.rows():
        nats = []
        for seed in range(3):
            run = tmp_path / "out/runs" / row.recipe / f"seed-{seed}"
            test = data.open(source, "test", binarize="dynamic")
            nats.append(evaluation.evaluate(load(run), test).nats)
            assert read_history(run)[-1].step == 6
        assert row.nats == pytest.approx(mean(nats))
        assert row.spread == pytest.approx(stdev(nats))
        assert row.bits_per_dim == pytest.approx(mean(nats) / (30 * math.log(2)))
        assert len(set(nats)) == 3  # another seed, another training
    assert [row.nats for row in found.rows()] == sorted(row.nats for row in found.rows())
    table = (tmp_path / "out/table.md").read_text()
    for row in found.rows():
        assert f"| {row.recipe} | PixelSNAIL | {row.parameters:,} | 6 |" in table
        assert f"| {row.nats:.2f} +- {row.spread:.2f} |" in table
    assert "11 images" in table
    assert "binarisation dynamic, 1 draw of each image" in table
    assert "mean and standard deviation over 3 seeds (0, 1, 2)" in table
    assert json.loads((tmp_path / "out/table.json").read_text()) == json.loads(json.dumps(found.as_dict()))
    for name in ("nats-by-steps", "nats-by-seconds"):
        assert (tmp_path / f"out/{name}.png").stat().st_size > 5_000
        assert "<svg" in (tmp_path / f"out/{name}.svg").read_text()


def test_an_interrupted_comparison_goes_on_to_the_same_figures(recipes, tmp_path):
    whole = compare(recipes, out=tmp_path / "whole", steps=6, seeds=2)
    events = []

    def stop(event):
        events.append(event)
        if len([one for one in events if one.phase == "train"]) == 9:  # the third step of the second training
            raise _KilledError

    with pytest.raises(_KilledError):
        compare(recipes, out=tmp_path / "parts", steps=6, seeds=2, progress=stop, **{"run.checkpoint": 2})
    notes = []
    found = compare(
        recipes, out=tmp_path / "parts", steps=6, seeds=2, resume=True, note=notes.append, **{"run.checkpoint": 2}
    )
    assert figures(found) == figures(whole)
    assert [note for note in notes if "seed" in note] == [
        "2 of 4: without, seed 0", "3 of 4: with, seed 1", "4 of 4: without, seed 1",
    ]  # fmt: skip


def test_a_comparison_takes_in_more_seeds_and_recipes(recipes, tmp_path):
    out = tmp_path / "out"
    first = compare(recipes[:1], out=out, steps=3, seeds=1)
    both = compare(recipes, out=out, steps=3, seeds=2, resume=True)
    assert len(both.results) == 4
    assert both.results[0] == first.results[0]
    assert Comparison.read(out / "comparison.json") == both


def test_a_comparison_does_not_go_on_as_another(recipes, tmp_path):
    out = tmp_path / "out"
    compare(recipes[:1], out=out, steps=2, seeds=1)
    with pytest.raises(FileExistsError, match=r"holds a comparison already; continue it \(resume=True\)"):
        compare(recipes[:1], out=out, steps=2, seeds=1)
    with pytest.raises(ValueError, match=r"The budget is now 3 steps, but .* was begun with 2 steps"):
        compare(recipes[:1], out=out, steps=3, seeds=1, resume=True)
    with pytest.raises(ValueError, match=r"The protocol is now .* 2 draws of each image, but"):
        compare(recipes[:1], out=out, steps=2, seeds=1, resume=True, binarizations=2)
    with pytest.raises(ValueError, match="The recipe with differs from the one"):
        compare(recipes[:1], out=out, steps=2, seeds=1, resume=True, **{"optimizer.lr": 0.5})
    assert len(compare(recipes[1:], out=out, steps=2, seeds=1, overwrite=True).results) == 1
    assert not (out / "runs/with").exists()
    (out / "comparison.json").write_text("{")
    with pytest.raises(ValueError, match="is not the record of a comparison"):
        compare(recipes[:1], out=out, steps=2, resume=True)


def test_what_cannot_be_compared_is_said_before_anything_is_written(recipes, tmp_path):
    out = tmp_path / "out"
    other = tmp_path / "threshold.yaml"
    other.write_text(recipes[0].read_text().replace("dynamic", "threshold"))
    with pytest.raises(ValueError, match=r"data\.binarize is 'dynamic' in with and 'threshold' in threshold: nats of"):
        compare([recipes[0], other], out=out, steps=2)
    with pytest.raises(ValueError, match="Two recipes are named with"):
        compare([recipes[0], recipes[0]], out=out, steps=2)
    with pytest.raises(ValueError, match="expected one of the two"):
        compare(recipes, out=out)
    with pytest.raises(ValueError, match="seeds is 0"):
        compare(recipes, out=out, steps=2, seeds=0)
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        compare(recipes, out=out, steps=2, resume=True)
    with pytest.raises(ValueError, match="binarizations is 2, but the images have binarize='threshold'"):
        compare(recipes, out=out, steps=2, binarizations=2, **{"data.binarize": "threshold"})
    assert not out.exists()
    out.mkdir()
    (out / "letter.txt").touch()
    with pytest.raises(FileExistsError, match="files that are not a comparison's"):
        compare(recipes, out=out, steps=2, overwrite=True)


@pytest.mark.parametrize("target", [500, 2_000, 40_000])
def test_the_width_is_the_one_whose_weights_come_nearest(recipes, target):
    plan = read(recipes[0])
    images = data.open(plan.data.source, "train", binarize="dynamic")

    def count(channels):
        return count_parameters(dataclasses.replace(plan, model={**plan.model, "channels": channels}), images)

    chosen = with_parameters(plan, images, target).model["channels"]
    distances = {channels: abs(count(channels) - target) for channels in range(max(2, chosen - 3), chosen + 4)}
    assert distances[chosen] == min(distances.values())


def test_seconds_become_steps_by_what_a_step_takes(recipes, monkeypatch):
    """With a clock that says each step takes a quarter of a second."""
    ticks = itertools.count(0, 0.25)
    monkeypatch.setattr("pixelsnail.comparison.budget.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert steps_within(10.0, read(recipes[0])) == pytest.approx(40, abs=1)


def test_training_seconds_leave_validations_out():
    rows = [
        Row(10, "train", 5.0, 1.0), Row(10, "validation", 5.0, 4.0), Row(20, "train", 4.0, 5.5),
    ]  # fmt: skip
    assert training_seconds(rows) == [1.0, 1.0, 2.5]


def test_a_budget_is_steps_or_seconds():
    assert str(Budget(parameters=50_000, seconds=60)) == "50,000 parameters, 60 seconds of training"
    with pytest.raises(ValueError, match="parameters is -1"):
        Budget(parameters=-1, steps=1)
