"""One budget for several recipes: equally many weights, equally many steps or equally long."""

import dataclasses
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pixelsnail.errors import WrongValueError
from pixelsnail.training.events import Event
from pixelsnail.training.recipe import Recipe
from pixelsnail.training.train import build, train

if TYPE_CHECKING:
    from pixelsnail.data import Images

SKIPPED, TIMED, LEAST = 3, 100, 5.0
"""Steps before timing begins, and most steps that are timed; after these seconds of timing, 10 steps are enough."""
WIDEST, STEP = 4096, 64
"""The widest model that is tried, and how far apart the widths that a model allows may be."""


@dataclass(frozen=True)
class Budget:
    """What every recipe is given.

    parameters   weights: each model has the width (`channels`) whose count comes nearest; None: the recipe's own width
    steps        training steps; or else
    seconds      of training: the steps that take so long by the median of the first ones, measured beforehand, so that
                 learning rate schedules know their end and all seeds of a recipe take as many
    """

    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise WrongValueError(
                f"The budget is {self.steps} steps and {self.seconds} seconds; expected one of the two."
            )
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value > 0:
                raise WrongValueError(f"The budget's {name} is {value}; expected more than 0.")

    def __str__(self) -> str:
        length = f"{self.steps:,} steps" if self.steps else f"{self.seconds:g} seconds of training"
        return length if self.parameters is None else f"{self.parameters:,} parameters, {length}"


def count_parameters(recipe: Recipe, images: "Images") -> int:
    """The number of weights of a recipe's model."""
    import torch

    with torch.random.fork_rng(devices=[]):
        return sum(parameter.numel() for parameter in build(recipe, images).parameters())


def with_parameters(recipe: Recipe, images: "Images", parameters: int) -> Recipe:
    """The recipe with the width, `model.channels`, whose weights come nearest in number, which grows with the width.

    Raises ValueError as building the model does, where no width that is tried allows it.
    """

    def with_width(channels: int) -> Recipe:
        return dataclasses.replace(recipe, model={**recipe.model, "channels": channels})

    counts: dict[int, int] = {}
    least, most = 1, WIDEST
    while least <= most:
        middle = width = min((least + most) // 2, max(counts, default=STEP) * 2)
        while width not in counts:  # the next width that the model allows
            try:
                counts[width] = count_parameters(with_width(width), images)
            except ValueError:
                if width >= middle + STEP:
                    raise
                width += 1
        if counts[width] < parameters:
            least = width + 1
        else:
            most = middle - 1
    return with_width(min(counts, key=lambda channels: abs(counts[channels] - parameters)))


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with another end."""
    kept = {name: value for name, value in recipe.trainer.items() if name not in ("max_epochs", "max_time")}
    return dataclasses.replace(recipe, trainer={**kept, "max_steps": steps})


def steps_within(seconds: float, recipe: Recipe) -> int:
    """How many steps of this recipe take so many seconds here, by the median of the first ones; at least 1."""
    marks: list[float] = []

    def tell(event: Event) -> None:
        if event.phase == "train":
            marks.append(time.monotonic())
        timed = len(marks) - SKIPPED - 1
        if timed >= TIMED or (timed >= 10 and marks[-1] - marks[SKIPPED] >= LEAST):
            raise _EnoughError

    quiet = dataclasses.replace(recipe.run, validate=0, samples=0, checkpoint=None, checkpoint_minutes=1e9)
    timed = with_steps(dataclasses.replace(recipe, run=quiet), SKIPPED + TIMED + 2)
    with TemporaryDirectory() as folder, suppress(_EnoughError):
        train(timed, out=Path(folder) / "run", progress=tell)
    pairs = zip(marks[SKIPPED:], marks[SKIPPED + 1 :], strict=False)
    return max(1, round(seconds / median(after - before for before, after in pairs)))


class _EnoughError(Exception):
    """Enough steps were timed."""
