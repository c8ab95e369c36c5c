"""What a run's metrics.csv tells: nats against steps and time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pixelsnail.errors import MissingFileError, WrongValueError
from pixelsnail.files import read_csv
from pixelsnail.training.metrics import COLUMNS

TIMES = (60, 600, 3600, 6 * 3600, 24 * 3600)
"""Seconds after which `milestones` looks, as far as the training went."""
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
class Milestone:
    """How far a training was at a time.

    train        nats of the training images of the last tenth of the steps
    validation   the latest nats of the validation images; None before the first
    """

    seconds: float
    step: int
    train: float
    validation: float | None

    def words(self) -> tuple[str, str, str, str]:
        """Time, steps, training nats and validation nats, as in a table."""
        validation = "" if self.validation is None else f"{self.validation:.2f}"
        return duration(self.seconds), f"{self.step:,}", f"{self.train:.2f}", validation


def duration(seconds: float) -> str:
    """Hours, minutes and seconds in words: 50 min 11 s."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def read_history(run: str | Path) -> list[Row]:
    """The rows of a run's metrics.csv, its time without pauses. Raises FileNotFoundError or ValueError."""
    path = Path(run) / "metrics.csv"
    if not path.is_file():
        raise MissingFileError(f"{path} is missing; expected the folder of a run that pixelsnail trained.")
    rows = [
        Row(int(line["step"]), line["split"], float(line["nats"]), float(line["seconds"]))
        for line in read_csv(path, COLUMNS)
    ]
    if not rows:
        raise WrongValueError(f"{path} holds no row yet; expected one every run.log steps.")
    return _without_pauses(rows)


def milestones(rows: Sequence[Row]) -> list[Milestone]:
    """How far the training was at each of TIMES that it reached, and at its end."""
    end = rows[-1].seconds
    found = [milestone(rows, seconds) for seconds in (*(time for time in TIMES if time < end), end)]
    return [one for one in found if one is not None]


def milestone(rows: Sequence[Row], seconds: float) -> Milestone | None:
    """How far the training was after so many seconds; None before its first row."""
    done = [row for row in rows if row.seconds <= seconds]
    train = [row for row in done if row.split == "train"]
    if not train:
        return None
    step = train[-1].step
    recent = [row.nats for row in train if row.step > 0.9 * step]
    validation = [row.nats for row in done if row.split == "validation"]
    return Milestone(done[-1].seconds, step, sum(recent) / len(recent), validation[-1] if validation else None)


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
    found = [milestone(train, row.seconds) for row in train]
    return [row.seconds for row in train], [one.train for one in found if one is not None]


def draw_history(rows: Sequence[Row], path: str | Path) -> None:
    """Writes a picture, PNG or SVG, of training and validation nats against minutes.

    Cut at what training nats do not reach any more after the first twentieth of the time, 1.1 to 1.5 times the least.
    """
    from pixelsnail import pictures

    seconds, nats = smooth(rows)
    later = max(n for t, n in zip(seconds, nats, strict=True) if t >= 0.05 * seconds[-1])
    least = min(nats)
    series = {"training": ([t / 60 for t in seconds], nats)}
    judged = [row for row in rows if row.split == "validation"]
    if judged:
        series["validation"] = ([row.seconds / 60 for row in judged], [row.nats for row in judged])
    pictures.curves(series, path, "minutes of training", "nats/image", upto=min(1.5 * least, max(1.1 * least, later)))


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
