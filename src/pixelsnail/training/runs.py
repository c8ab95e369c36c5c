"""A run: the folder that holds everything needed to continue a training or to judge it."""

import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelsnail.errors import ExistingFileError, MissingFileError, NotAFolderError, WrongValueError
from pixelsnail.training.recipe import Recipe, options
from pixelsnail.training.values import parse

if TYPE_CHECKING:
    from pixelsnail.models import Model

SECTIONS = ("model", "data", "optimizer", "trainer", "seed")
FREE = ("trainer.", "optimizer.lr", "optimizer.matrix_lr")
"""What may change when a training goes on."""


@dataclass(frozen=True)
class RunFolder:
    """The places in a run.

    recipe.yaml        the recipe with every field spelt out
    versions.json      versions of pixelsnail, torch, lightning and python, and the seed
    metrics.csv        a row every `run.log` steps and for each validation
    tensorboard/       the same for TensorBoard, with the sample grids
    checkpoints/       last.ckpt and best.ckpt: all that continuing needs
    samples/           step_000500.png, ...
    model/             the best weights, averaged where training averages: what `pixelsnail.load` reads
    model-last/        the latest ones likewise; absent without validation data, where the latest are the best
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.path / "recipe.yaml"

    @property
    def versions(self) -> Path:
        """The versions' file."""
        return self.path / "versions.json"

    @property
    def metrics(self) -> Path:
        """The table of metrics."""
        return self.path / "metrics.csv"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's folder."""
        return self.path / "tensorboard"

    @property
    def last(self) -> Path:
        """The checkpoint that `resume` continues."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest validation nats."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def model(self) -> Path:
        """The best weights."""
        return self.path / "model"

    @property
    def model_last(self) -> Path:
        """The latest weights."""
        return self.path / "model-last"

    def samples(self, step: int) -> Path:
        """The sample grid of a step."""
        return self.path / "samples" / f"step_{step:06d}.png"

    @property
    def _work(self) -> list[Path]:
        """What training wrote; where none of it is there, nothing is lost by starting."""
        checkpoints, samples = self.last.parent, self.samples(0).parent
        return [checkpoints, self.metrics, self.model, self.model_last, samples, self.tensorboard]

    def check(self, resume: bool, overwrite: bool) -> None:
        """Raises FileExistsError, NotADirectoryError or FileNotFoundError when a training cannot go here."""
        if self.path.exists() and not self.path.is_dir():
            raise NotAFolderError(f"{self.path} is a file; expected a folder for the run.")
        if resume:
            if not self.last.is_file():
                raise MissingFileError(
                    f"{self.last} is missing: there is nothing to resume; train without resume=True."
                )
            if not self.recipe.is_file():
                raise MissingFileError(f"{self.recipe} is missing; a run cannot be resumed without it.")
            return
        content = sorted(self.path.iterdir()) if self.path.is_dir() else []
        is_run = self.recipe.is_file() or (self.model / "config.json").is_file()
        if content and not is_run:
            raise ExistingFileError(
                f"{self.path} holds files that are not a run's ({content[0].name}, ...); choose another folder."
            )
        if not overwrite and any(place.exists() for place in self._work):
            raise ExistingFileError(
                f"{self.path} holds a run already; continue it (resume=True) or replace it (overwrite=True)."
            )

    def clear(self) -> None:
        """Removes what an earlier training wrote, and nothing else."""
        for place in [*self._work, self.recipe, self.versions]:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def replace(self, model: "Model", about: Mapping[str, Any]) -> None:
        """Makes this a run of that model, complete or as it was: it is written beside what it replaces first."""
        from pixelsnail import checkpoints

        was_there = self.path.exists()
        temporary = self.path / f".model-{os.urandom(8).hex()}"
        try:
            checkpoints.save(model, temporary, about=about)
            self.clear()
            os.replace(temporary, self.model)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if not was_there and self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()

    def describe(self, recipe: Recipe) -> None:
        """Writes recipe.yaml and versions.json."""
        from importlib import metadata  # slow, and reading a recipe does without

        from pixelsnail.files import write_atomically

        with write_atomically(self.recipe) as path:
            path.write_text(recipe.yaml(), encoding="utf-8")
        names = ("pixelsnail", "torch", "lightning", "numpy")
        versions = {name: metadata.version(name) for name in names}
        versions |= {"python": platform.python_version(), "platform": platform.platform()}
        with write_atomically(self.versions) as path:
            path.write_text(json.dumps(versions | {"seed": recipe.seed}, indent=2) + "\n", encoding="utf-8")

    def changes(self, recipe: Recipe) -> list[str]:
        """What goes on otherwise in this recipe than in the run so far, a sentence each.

        Raises ValueError when the recipe differs in what a checkpoint cannot change: all but learning rates and the
        sections run and trainer. A field that is younger than the run had its default.
        """
        from pixelsnail.models import MODELS

        model = recipe.model["name"]
        defaults = {option.name: option.default for option in options(model if model in MODELS else None)}
        recorded = _flat(parse(self.recipe.read_text(encoding="utf-8"), str(self.recipe)), SECTIONS)
        now, said = _flat(recipe.tree(), SECTIONS), []
        for key in now | recorded:
            before = recorded.get(key, defaults.get(key))
            if now.get(key) == before:
                continue
            if key == "data.source" and all(str(one).startswith("memory") for one in (before, now[key])):
                raise WrongValueError(
                    f"These images ({now[key]}) are not those that {self.path} was trained on ({before}); resume with "
                    "the same images in the same order."
                )
            if key.startswith(FREE):
                said.append(f"{key} is now {now.get(key)}, and was {before}.")
            else:
                raise WrongValueError(
                    f"{key} is {now.get(key)!r}, but {self.path} was trained with {before!r}; "
                    "resume with that, or train the new recipe in another folder (init takes this run's weights)."
                )
        schedule = recipe.optimizer.schedule
        if schedule in ("cosine", "trapezoid") and any(key.startswith("trainer.max_") for key in _words(said)):
            said.append(
                f"The schedule {schedule} goes by the new end from here: the result is not that of one training to "
                "that end, whose earlier learning rates were others."
            )
        return said


def _words(sentences: list[str]) -> list[str]:
    """The first word of each."""
    return [sentence.split()[0] for sentence in sentences]


def link(source: Path, target: Path) -> None:
    """Makes `target` the same file as `source` in one step; a copy where the file system has no links."""
    from pixelsnail.files import write_atomically

    with write_atomically(target) as path:
        path.unlink()
        try:
            os.link(source, path)
        except OSError:
            shutil.copyfile(source, path)


def _flat(tree: Mapping[str, Any], sections: tuple[str, ...]) -> dict[str, Any]:
    """Dotted name -> value of some sections."""
    flat: dict[str, Any] = {}
    for section in sections:
        content = tree.get(section)
        if isinstance(content, Mapping):
            flat |= {f"{section}.{name}": value for name, value in content.items()}
        else:
            flat[section] = content
    return flat
