"""What a run's metrics.csv tells: nats against steps and time."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pixelsnail.errors import MissingFileError, WrongValueError
from pixelsnail.training.metrics import COLUMNS

PAUSE = 3
"""An interval so many times the median of its kind was a pause of the machine, and counts as the median."""


@dataclass(frozen=True)
class Row:
    """A line of metrics.csv: the step, "train" or "validation", nats an image, and seconds of training until then."""

    step: int
    split: str
    nats: float
    seconds: float


@dataclass(frozen=True)
class Standing:
    """How far a training was at a time.

    train        nats of the training images of the last tenth of the steps
    validation   the latest nats of the validation images; None before the first
    """

    seconds: float
    step: int
    train: float
    validation: float | None


def read_history(run: str | Path) -> list[Row]:
    """The rows of a run's metrics.csv, its time without pauses. Raises FileNotFoundError or ValueError."""
    path = Path(run) / "metrics.csv"
    if not path.is_file():
        raise MissingFileError(f"{path} is missing; expected the folder of a run that pixelsnail trained.")
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise WrongValueError(
                f"{path} does not begin with {','.join(COLUMNS)}; expected the table that training wrote."
            )
        complete = [line for line in table if line["seconds"]]  # a last line may be cut short by a kill
    rows = [Row(int(line["step"]), line["split"], float(line["nats"]), float(line["seconds"])) for line in complete]
    if not rows:
        raise WrongValueError(f"{path} holds no row yet; expected one every run.log steps.")
    return _without_pauses(rows)


def standing(rows: Sequence[Row], seconds: float) -> Standing | None:
    """How far the training was after so many seconds; None before its first row."""
    done = [row for row in rows if row.seconds <= seconds]
    train = [row for row in done if row.split == "train"]
    if not train:
        return None
    step = train[-1].step
    recent = [row.nats for row in train if row.step > 0.9 * step]
    validation = [row.nats for row in done if row.split == "validation"]
    return Standing(done[-1].seconds, step, sum(recent) / len(recent), validation[-1] if validation else None)


def training_seconds(rows: Sequence[Row]) -> list[float]:
    """The seconds of training steps until each row, without validations.

    Exact where a training row comes with each validation, at the same step; else the steps since then are left out.
    """
    spent, before, total = [], 0.0, 0.0
    for row in rows:
        total += row.seconds - before if row.split == "train" else 0.0
        before = row.seconds
        spent.append(total)
    return spent


def smooth(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Seconds and training nats, each the mean over the last tenth of the steps until then."""
    train = [row for row in rows if row.split == "train"]
    found = [standing(train, row.seconds) for row in train]
    return [row.seconds for row in train], [one.train for one in found if one is not None]


def _without_pauses(rows: Sequence[Row]) -> list[Row]:
    """The rows with every interval that was a pause cut to the median of its split."""
    before = [0.0, *(row.seconds for row in rows)]
    intervals = [row.seconds - start for row, start in zip(rows, before, strict=False)]
    usual = {
        split: median(spent for row, spent in zip(rows, intervals, strict=True) if row.split == split)
        for split in {row.split for row in rows}
    }
    kept, seconds = [], 0.0
    for row, spent in zip(rows, intervals, strict=True):
        seconds += usual[row.split] if spent > PAUSE * usual[row.split] else spent
        kept.append(Row(row.step, row.split, row.nats, seconds))
    return kept
