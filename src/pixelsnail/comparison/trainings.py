"""`compare`: several recipes under one budget, with several seeds, in one table."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pixelsnail.comparison.budget import Budget, count_parameters, steps_within, with_parameters, with_steps
from pixelsnail.comparison.table import Comparison, Entry, Result, curve, draw
from pixelsnail.errors import ExistingFileError, MissingFileError, NotAFolderError, WrongValueError
from pixelsnail.training.events import Progress
from pixelsnail.training.history import read_history, training_seconds
from pixelsnail.training.recipe import Note, Recipe, read
from pixelsnail.training.runs import RunFolder
from pixelsnail.training.train import open_images, open_split, train

if TYPE_CHECKING:
    from pixelsnail.data import Images

RECORD, TABLE, JSON, RUNS = "comparison.json", "table.md", "table.json", "runs"
VALIDATIONS = 10
"""Points of a curve, nearly."""
TURNS = 2
"""Rounds in which all recipes are timed. A recipe's fastest one counts: other work can only slow it down."""
OFF = 0.05
"""By how much a width may miss the number of weights that was asked for before that is said."""


def compare(
    recipes: Sequence[str | Path],
    *,
    out: str | Path,
    steps: int | None = None,
    seconds: float | None = None,
    parameters: int | None = None,
    seeds: int = 3,
    binarizations: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    data: str | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    **overrides: Any,
) -> Comparison:
    """Trains every recipe with the seeds 0 ... `seeds` - 1, judges each on the test images, and writes a table.

    Every recipe is given the same number of training `steps`, or `seconds` of training here (see `Budget`), and with
    `parameters` models about that large. `out` receives table.md, table.json, nats-by-steps and nats-by-seconds as
    .png and .svg, and runs/NAME/seed-N, each a run as `train` leaves it. All recipes take the same images in the same
    way: `data` and overrides, as in `train`, are for all of them. The table is written anew after each training;
    `resume` goes on after an interruption, and takes further recipes or seeds into a comparison that is there.
    Progress and errors are those of `train`; ValueError also for recipes of different protocols, two recipes of one
    name, and a resumed comparison of another budget, protocol or recipe; FileExistsError where `out` is in use.
    """
    tell = note or (lambda _: None)
    if seeds < 1:
        raise WrongValueError(f"seeds is {seeds}; expected a whole number of at least 1.")
    budget, folder = Budget(parameters, steps, seconds), Path(out)
    plans = _plans(recipes, overrides if data is None else {"data": data, **overrides}, tell)
    _check_protocols(plans)
    before = _earlier(folder, resume, overwrite)
    found = _begin(budget, next(iter(plans.values())), binarizations)
    if before is not None:
        _check_same(before, found, plans, folder)
        found = before
    elif overwrite:
        clear(folder)
    found.entries |= _entries({name: plan for name, plan in plans.items() if name not in found.entries}, budget, tell)
    found.write(folder / RECORD)
    members = [(name, seed) for seed in range(seeds) for name in plans]
    for place, (name, seed) in enumerate(members, start=1):
        if found.result(name, seed) is None:
            tell(f"{place} of {len(members)}: {name}, seed {seed}")
            found.results.append(_train(found, name, seed, folder, progress))
            found.write(folder / RECORD)
            report(found, folder)
    report(found, folder)
    return found


def run_of(folder: Path, name: str, seed: int) -> Path:
    """Where a training of a comparison is."""
    return folder / RUNS / name / f"seed-{seed}"


def report(found: Comparison, folder: Path) -> None:
    """Writes the table, and the curves where there are validations and matplotlib is installed."""
    import json
    from importlib.util import find_spec

    from pixelsnail.files import write_atomically

    for name, text in ((TABLE, found.markdown()), (JSON, json.dumps(found.as_dict(), indent=2) + "\n")):
        with write_atomically(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    curves = {}
    for row in found.rows():
        one = curve([run_of(folder, row.recipe, seed) for seed in row.seeds])
        if one is not None:
            curves[row.recipe] = one
    if curves and find_spec("matplotlib") is not None:
        draw(curves, folder)


def clear(folder: Path) -> None:
    """Removes an earlier comparison, and nothing else."""
    shutil.rmtree(folder / RUNS, ignore_errors=True)
    pictures = [f"nats-by-{x}.{form}" for x in ("steps", "seconds") for form in ("png", "svg")]
    for name in (RECORD, TABLE, JSON, *pictures):
        (folder / name).unlink(missing_ok=True)


def _plans(recipes: Sequence[str | Path], overrides: dict[str, Any], note: Note) -> dict[str, Recipe]:
    """Name -> recipe, seed 0. A recipe's name is its file's."""
    plans: dict[str, Recipe] = {}
    for recipe in recipes:
        name = PurePath(str(recipe)).name.removesuffix(".yaml")
        if name in plans:
            raise WrongValueError(f"Two recipes are named {name}; rename one, as the table could not tell them apart.")
        plans[name] = dataclasses.replace(read(recipe, overrides, note), seed=0)
    if not plans:
        raise WrongValueError("There is no recipe to compare; name at least one.")
    return plans


def _check_protocols(plans: dict[str, Recipe]) -> None:
    """Raises ValueError where nats would not compare."""
    (first, plan), *others = plans.items()
    for name, other in others:
        for field in ("source", "binarize", "validation", "levels", "axes"):
            here, there = getattr(plan.data, field), getattr(other.data, field)
            if here != there:
                raise WrongValueError(
                    f"data.{field} is {here!r} in {first} and {there!r} in {name}: nats of different data or "
                    f"binarisations do not belong in one table; set data.{field} for all."
                )


def _earlier(folder: Path, resume: bool, overwrite: bool) -> Comparison | None:
    """The comparison that is there, to go on with. Raises FileExistsError or FileNotFoundError."""
    if folder.exists() and not folder.is_dir():
        raise NotAFolderError(f"{folder} is a file; expected a folder for the comparison.")
    record = folder / RECORD
    if resume:
        if not record.is_file():
            raise MissingFileError(f"{record} is missing: there is nothing to resume; compare without resume=True.")
        return Comparison.read(record)
    if record.is_file():
        if not overwrite:
            raise ExistingFileError(
                f"{folder} holds a comparison already; continue it (resume=True) or replace it (overwrite=True)."
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise ExistingFileError(f"{folder} holds files that are not a comparison's; choose another folder.")
    return None


def _test_images(plan: Recipe) -> "Images":
    """The test split, or the validation images of a source without one, in the recipe's binarisation."""
    return open_split(plan, "test", "validation")


def _begin(budget: Budget, plan: Recipe, binarizations: int) -> Comparison:
    """A comparison without entries."""
    from pixelsnail.evaluation import Protocol
    from pixelsnail.machine import describe

    return Comparison(budget, Protocol.of(_test_images(plan), binarizations), dict(describe()))


def _check_same(before: Comparison, now: Comparison, plans: dict[str, Recipe], folder: Path) -> None:
    """Raises ValueError where a comparison would go on as another one."""
    for what in ("budget", "protocol"):
        old, new = getattr(before, what), getattr(now, what)
        if old != new:
            raise WrongValueError(f"The {what} is now {new}, but {folder} was begun with {old}; resume with that.")
    for name, plan in plans.items():
        if name in before.entries and before.entries[name].asked != plan.tree():
            raise WrongValueError(
                f"The recipe {name} differs from the one that {folder} was begun with; resume with that one, or "
                "compare in another folder."
            )


def _entries(plans: dict[str, Recipe], budget: Budget, note: Note) -> dict[str, Entry]:
    """The recipes with the budget's width and end."""
    entries = {}
    sized, counts = _sized(plans, budget.parameters, note)
    steps = dict.fromkeys(plans, budget.steps or 0)
    for turn in range(TURNS if budget.seconds is not None else 0):
        for name, recipe in sized.items():
            note(f"Timing {name}, {turn + 1} of {TURNS}.")
            steps[name] = max(steps[name], steps_within(budget.seconds or 0.0, recipe))
    for name, recipe in sized.items():
        every = max(1, steps[name] // VALIDATIONS)
        log = min(recipe.run.log, every)  # a row of metrics before each validation, whose time is then known
        run = dataclasses.replace(recipe.run, samples=0, log=log, validate=every // log * log)
        trained = with_steps(dataclasses.replace(recipe, run=run), steps[name])
        entries[name] = Entry(plans[name].tree(), trained.tree(), counts[name])
    return entries


def _sized(plans: dict[str, Recipe], parameters: int | None, note: Note) -> tuple[dict[str, Recipe], dict[str, int]]:
    """The recipes with the width that gives so many parameters, and how many they then have."""
    if not plans:
        return {}, {}
    images = open_images(next(iter(plans.values())), lambda _: None)[0]
    if parameters is not None:
        plans = {name: with_parameters(plan, images, parameters) for name, plan in plans.items()}
    counts = {name: count_parameters(plan, images) for name, plan in plans.items()}
    for name, count in counts.items():
        if parameters is not None and abs(count / parameters - 1) > OFF:
            note(f"{name} has {count:,} parameters, the nearest to {parameters:,} that its width allows.")
    return plans, counts


def _train(found: Comparison, name: str, seed: int, folder: Path, progress: Progress | None) -> Result:
    """Trains or goes on, and evaluates."""
    from pixelsnail import checkpoints, evaluation

    recipe = dataclasses.replace(read(found.entries[name].recipe), seed=seed)
    run = run_of(folder, name, seed)
    begun = RunFolder(run).last.is_file()
    model = train(recipe, out=run, resume=begun, overwrite=not begun, progress=progress)
    judged = evaluation.evaluate(model, _test_images(recipe), binarizations=found.protocol.binarizations)
    rows, error = read_history(run), judged.standard_error
    return Result(
        recipe=name,
        seed=seed,
        steps=rows[-1].step,
        seconds=training_seconds(rows)[-1],
        validation_nats=checkpoints.about(run).get("validation_nats"),
        nats=judged.nats,
        nats_standard_error=None if error != error else error,
    )
