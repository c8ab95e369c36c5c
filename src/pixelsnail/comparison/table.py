"""A comparison of recipes: what is compared, the results so far, and how they are shown."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from pixelsnail.comparison.budget import Budget
from pixelsnail.errors import WrongValueError, reason
from pixelsnail.training.history import read_history, training_seconds

if TYPE_CHECKING:
    from pixelsnail.evaluation import Protocol

COLUMNS = ("recipe", "model", "parameters", "steps", "seconds", "nats/image", "bits/dim")


@dataclass(frozen=True)
class Entry:
    """A recipe as it is trained: `asked` as it was given, `recipe` with the budget's width and end, as plain values."""

    asked: dict[str, Any]
    recipe: dict[str, Any]
    parameters: int


@dataclass(frozen=True)
class Result:
    """One training, judged with the weights of the fewest validation nats.

    seconds   of training steps, without validations; times that the machine paused count as their usual time
    """

    recipe: str
    seed: int
    steps: int
    seconds: float
    validation_nats: float | None
    nats: float
    nats_standard_error: float | None


@dataclass(frozen=True)
class Row:
    """A recipe's results: means over its seeds. `spread` is their standard deviation, None for one seed."""

    recipe: str
    model: str
    parameters: int
    seeds: tuple[int, ...]
    steps: int
    seconds: float
    nats: float
    spread: float | None
    bits_per_dim: float

    def cells(self) -> tuple[str, ...]:
        """The row in words, in the order of COLUMNS."""
        spread = "" if self.spread is None else f" +- {self.spread:.2f}"
        return (
            self.recipe,
            self.model,
            f"{self.parameters:,}",
            f"{self.steps:,}",
            f"{self.seconds:.0f}",
            f"{self.nats:.2f}{spread}",
            f"{self.bits_per_dim:.4f}",
        )


@dataclass
class Comparison:
    """Recipes under one budget and one protocol, and their results so far: the content of comparison.json."""

    budget: Budget
    protocol: "Protocol"
    machine: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

    def result(self, recipe: str, seed: int) -> Result | None:
        """That of one training; None before it is over."""
        return next((one for one in self.results if (one.recipe, one.seed) == (recipe, seed)), None)

    def rows(self) -> list[Row]:
        """One row a recipe that has results, fewest nats first."""
        return sorted((self._row(name) for name in self.entries if self._of(name)), key=lambda row: row.nats)

    def markdown(self) -> str:
        """The table as Markdown, with what it means above it."""
        rows = [COLUMNS, ("---", "---", *["---:"] * (len(COLUMNS) - 2)), *(row.cells() for row in self.rows())]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return f"# Comparison\n\n{self.description()}\n\n{table}\n"

    def description(self) -> str:
        """Protocol, budget, seeds and machine in words."""
        seeds = sorted({one.seed for one in self.results})
        many = f"mean and standard deviation over {len(seeds)} seeds ({', '.join(map(str, seeds))})"
        machine = "; ".join(f"{name} {value}" for name, value in self.machine.items())
        return (
            f"Nats: {self.protocol}; weights with the fewest validation nats. Every recipe: {self.budget}; "
            f"{many if len(seeds) > 1 else f'seed {seeds[0]}'}. Measured on: {machine}."
        )

    def as_dict(self) -> dict[str, Any]:
        """The table, its results and what they mean, for JSON."""
        return {
            "protocol": dataclasses.asdict(self.protocol),
            "budget": dataclasses.asdict(self.budget),
            "machine": self.machine,
            "rows": [dataclasses.asdict(row) for row in self.rows()],
            "results": [dataclasses.asdict(one) for one in self.results],
        }

    def write(self, path: Path) -> None:
        """Writes comparison.json, complete or not at all."""
        from pixelsnail.files import write_atomically

        with write_atomically(path) as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Comparison":
        """From comparison.json. Raises ValueError for another or a damaged file."""
        from pixelsnail.evaluation import Protocol  # imports torch, which reading a recipe can do without

        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                budget=Budget(**content["budget"]),
                protocol=Protocol(**content["protocol"]),
                machine=content["machine"],
                entries={name: Entry(**entry) for name, entry in content["entries"].items()},
                results=[Result(**result) for result in content["results"]],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            wrong = f"{type(error).__name__}: {reason(error)}"
            raise WrongValueError(
                f"{path} is not the record of a comparison ({wrong}); restore it, or replace the comparison "
                "(overwrite=True)."
            ) from None

    def _of(self, recipe: str) -> list[Result]:
        return [one for one in self.results if one.recipe == recipe]

    def _row(self, name: str) -> Row:
        entry, found = self.entries[name], self._of(name)
        nats = mean(one.nats for one in found)
        return Row(
            recipe=name,
            model=entry.recipe["model"]["name"],
            parameters=entry.parameters,
            seeds=tuple(sorted(one.seed for one in found)),
            steps=found[0].steps,
            seconds=mean(one.seconds for one in found),
            nats=nats,
            spread=stdev(one.nats for one in found) if len(found) > 1 else None,
            bits_per_dim=nats / (self.protocol.dims * math.log(2)),
        )


@dataclass(frozen=True)
class Curve:
    """Validation nats of a recipe during training: mean, least and most over its seeds, whose validations fall on the
    same steps; `seconds` is the mean of their training times until then."""

    steps: list[int]
    seconds: list[float]
    nats: list[float]
    least: list[float]
    most: list[float]


def curve(runs: Sequence[Path]) -> Curve | None:
    """The curve of some runs of one recipe; None without validations."""
    points: dict[int, list[tuple[float, float]]] = {}
    for run in runs:
        rows = read_history(run)
        for row, seconds in zip(rows, training_seconds(rows), strict=True):
            if row.split == "validation":
                points.setdefault(row.step, []).append((seconds, row.nats))
    whole = {step: found for step, found in sorted(points.items()) if len(found) == len(runs)}
    if not whole:
        return None
    nats = [[value for _, value in found] for found in whole.values()]
    return Curve(
        steps=list(whole),
        seconds=[mean(seconds for seconds, _ in found) for found in whole.values()],
        nats=[mean(values) for values in nats],
        least=[min(values) for values in nats],
        most=[max(values) for values in nats],
    )


def draw(curves: Mapping[str, Curve], folder: Path) -> list[Path]:
    """Writes nats against steps and against seconds, as PNG and SVG, cut at 1.5 times the least."""
    from pixelsnail import pictures

    top = 1.5 * min(min(one.nats) for one in curves.values())
    drawn = []
    for name, label in (("steps", "training step"), ("seconds", "seconds of training")):
        series = {recipe: (getattr(one, name), one.nats) for recipe, one in curves.items()}
        bands = {recipe: (one.least, one.most) for recipe, one in curves.items()}
        for suffix in (".png", ".svg"):
            drawn.append(folder / f"nats-by-{name}{suffix}")
            pictures.curves(series, drawn[-1], label, "validation nats/image", bands=bands, upto=top)
    return drawn
