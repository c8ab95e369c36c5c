"""Scores of single images and of their pixels."""

import csv
import errno
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.evaluation import Scores, score
from pixelsnail.models import Model
from tiny import pixelsnail, random_levels
from tolerance import assert_close


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_scores_are_the_models_own(model: Model, batch: int) -> None:
    x = random_levels(2, (10, 1, 5, 7))
    scores = score(model, x, batch=batch)
    assert scores.nats.dtype == torch.float64
    assert scores.maps is None
    assert_close(scores.nats, -model.log_prob(x))
    assert_close(scores.bits_per_dim, model.bits_per_dim(x))


def test_a_map_is_its_image_pixel_by_pixel() -> None:
    model, x = pixelsnail((2, 3, 4), 3), random_levels(3, (5, 2, 3, 4))
    scores = score(model, x, batch=2, maps=True)
    assert scores.maps is not None
    assert_close(scores.maps, model.pixel_nats(x).detach())
    assert_close(scores.maps.double().sum((1, 2)), scores.nats)
    assert scores.dims == 24


def test_a_set_of_images_is_scored_as_its_levels(model: Model, dynamic: Images) -> None:
    assert torch.equal(score(model, dynamic, batch=3).nats, score(model, dynamic.batch(range(10)), batch=3).nats)


def test_a_size_the_model_was_not_built_for_is_scored(model: Model) -> None:
    scores = score(model, random_levels(2, (2, 1, 4, 6)), maps=True)
    assert scores.maps is not None
    assert scores.maps.shape == (2, 4, 6)
    assert scores.dims == 24


def test_the_mode_stays_and_progress_is_told(model: Model) -> None:
    told: list[tuple[int, int]] = []
    model.train()
    score(model, random_levels(2, (5, 1, 5, 7)), batch=2, progress=lambda done, total: told.append((done, total)))
    assert model.training
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.full((3, 1, 5, 7), 2), ValueError, "level 2 at image 0"),
        (torch.rand(3, 1, 5, 7), TypeError, "float32"),
        (torch.zeros(3, 5, 7, dtype=torch.uint8), ValueError, r"\(3, 5, 7\)"),
        (torch.zeros(0, 1, 5, 7, dtype=torch.uint8), ValueError, "at least one image"),
    ],
)
def test_what_is_not_levels_is_refused_before_any_work(
    model: Model, x: Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        score(model, x)


def test_a_wrong_level_in_a_late_batch_is_named_by_its_own_index(model: Model) -> None:
    x = torch.zeros(9, 1, 5, 7, dtype=torch.uint8)
    x[7, 0, 1, 2] = 255
    with pytest.raises(ValueError, match="level 255 at image 7, row 1, column 2"):
        score(model, x, batch=2)


def test_csv_holds_every_image_in_full_precision(model: Model, tmp_path: Path) -> None:
    scores = score(model, random_levels(2, (3, 1, 5, 7)))
    scores.write_csv(tmp_path / "out" / "scores.csv")
    with (tmp_path / "out" / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert [float(row["nats"]) for row in rows] == scores.nats.tolist()
    assert [float(row["bits_per_dim"]) for row in rows] == (scores.nats / (35 * math.log(2))).tolist()


def test_a_full_disk_leaves_no_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        Scores(torch.ones(3), 35).write_csv(tmp_path / "scores.csv")
    assert list(tmp_path.iterdir()) == []
