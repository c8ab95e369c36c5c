"""What scripts/bundle.py tells of trainings that went on from one another."""

import runpy
from pathlib import Path

import pytest

from pixelsnail.training.history import Row, milestone
from tiny import MODELS
from tolerance import assert_close

BUNDLE = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "bundle.py"))


def part(steps, **more):
    return {"steps": steps, "epochs": steps / 4000, "seconds": 2.0 * steps, "seconds_with_pauses": 3.0 * steps, **more}


def test_a_chain_of_trainings_is_told_in_all_and_by_each_itself():
    first, second = part(1000, recipe="one", validation_nats=85.0), part(3000, recipe="two", seed=1)
    packaged = BUNDLE["added"]({**second, "test_nats": 79.0}, [first])  # and was evaluated
    found = BUNDLE["added"](part(500, recipe="three"), [packaged])
    assert (found["steps"], found["seconds"], found["epochs"]) == (4500, 9000.0, pytest.approx(4500 / 4000))
    assert [one["steps"] for one in found["before"]] == [1000, 3000]
    assert [one["recipe"] for one in found["before"]] == ["one", "two"]
    assert found["before"][1]["test_nats"] == 79.0
    assert sum(one["seconds"] for one in found["before"]) == 8000.0


def test_a_mean_of_weights_has_that_share_of_each():
    one, other = (MODELS["PixelSNAIL"]((1, 3, 3), 2, seed=seed) for seed in (0, 1))
    first, second = ({name: h.clone() for name, h in model.state_dict().items()} for model in (one, other))
    found = BUNDLE["mean"](one, other, 0.4).state_dict()
    for name, weight in found.items():
        assert_close(weight, 0.4 * first[name] + 0.6 * second[name])


def test_a_curve_keeps_its_validations_and_the_means_of_its_training():
    rows = []
    for step in range(10, 80_001, 10):
        rows.append(Row(step, "train", 100 - step / 4000 + step % 7, step / 10))
        if step % 2000 == 0:
            rows.append(Row(step, "validation", 90 - step / 8000, step / 10 + 1))
    kept = BUNDLE["thinned"](rows)
    assert [row for row in kept if row.split == "validation"] == [row for row in rows if row.split == "validation"]
    assert sum(row.split == "train" for row in kept) == BUNDLE["POINTS"]
    assert [row.step for row in kept] == sorted(row.step for row in kept)
    for seconds in (4000.0, 8001.0):
        before, after = milestone(rows, seconds), milestone(kept, seconds)
        assert after.train == pytest.approx(before.train, abs=0.1)
        assert (after.step, after.validation) == (before.step, before.validation)
