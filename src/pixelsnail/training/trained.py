"""What runs say of their data: which images a trained model is judged on, and how they were binarised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.errors import WrongValueError
from pixelsnail.training.recipe import read
from pixelsnail.training.runs import RunFolder

if TYPE_CHECKING:
    from pixelsnail.data import Images, Opened
    from pixelsnail.models import Model


@dataclass(frozen=True)
class Trained:
    """What a run was trained on and how that was read, as far as it says.

    Of a packaged model, the images at hand that are of its kind. A source `memory:...` is what was in memory.
    """

    source: str | None
    binarize: str | None
    validation: int = 0
    maps: str | None = None
    levels: int | None = None
    axes: str | None = None

    @property
    def can_open(self) -> bool:
        """Whether the images can be opened again."""
        return self.source is not None and not self.source.startswith("memory")


def trained_on(run: str | Path, weights: str = "best") -> Trained:
    """What a run says of its data: in its recipe, which knows of images held out, else beside its weights."""
    from pixelsnail import checkpoints

    recipe = RunFolder(Path(run)).recipe
    if recipe.is_file():
        data = read(recipe).data
        return Trained(data.source, data.binarize, data.validation, data.maps, data.levels, data.axes)
    about = checkpoints.about(run, weights=weights)
    source = about.get("source") or about.get("default_data")
    return Trained(source, about.get("binarize"), maps=about.get("maps"))


def open_as_trained(
    known: Trained,
    model: "Model",
    source: str | None = None,
    split: str | None = None,
    binarize: str | None = None,
    maps: str | None = None,
    axes: str | None = None,
) -> "Images":
    """Images to judge a model by, as it takes them: by default those that its training did not see.

    Of the training's own source that is its test split, or the validation images of one without; another source is
    taken whole where it has no splits, else its test split. Levels, axes and bits are read as in the training, `axes`
    and `binarize` say otherwise. With the training's own source come its maps; `maps` are others. Raises as
    `pixelsnail.data.open` and `Images.as_like` do, and ValueError where neither says which images, or the training's
    were in memory.
    """
    from pixelsnail import data

    if source is None and known.source is not None and not known.can_open:
        raise WrongValueError(
            "The model was trained on images in memory, which cannot be opened again; say which images to take."
        )
    own = source is None or (known.source is not None and data.resolve(source) == data.resolve(known.source))
    source = source or known.source
    if source is None:
        raise WrongValueError("It is not known what the model was trained on; say which images to take.")
    if binarize in ("dynamic", "threshold") and model.levels != 2:
        raise WrongValueError(f"binarize is {binarize}, but the model has {model.levels} levels; leave binarize out.")
    validation = known.validation if own else 0
    levels = known.levels or (model.levels if model.levels > 256 else None)
    axes, maps = axes or (known.axes if own else None), known.maps if maps is None and own else maps
    opened = data.Opened(source, levels=levels, axes=axes)
    split = split or _unseen(opened, validation, own)
    images = opened.images(split, binarize="none", validation=validation, maps=maps)
    how = known.binarize if known.binarize in ("dynamic", "threshold") else "dynamic"
    return images if binarize == "none" else images.as_like(model.shape, model.levels, binarize=binarize or how)


def _unseen(opened: "Opened", validation: int, own: bool) -> str:
    """The split to judge by."""
    if not own and opened.is_flat:
        return "all"
    splits = opened.splits(validation)
    return "validation" if own and "validation" in splits and "test" not in splits else "test"


def check_same_data(runs: Sequence[str], weights: str = "best", *, source: bool = True, binarize: bool = True) -> None:
    """Raises ValueError where runs were trained on different images (`source`) or bits (`binarize`)."""
    first, *others = runs
    known = trained_on(first, weights)
    for run in others:
        other = trained_on(run, weights)
        for asked, what, here, there in (
            (source, "source", known.source, other.source),
            (binarize, "binarisation", known.binarize, other.binarize),
        ):
            if asked and here != there:
                raise WrongValueError(
                    f"{first} was trained on {here} and {run} on {there}: nats of different images or binarisations do "
                    f"not belong in one table; name one {what} for both."
                )


def check_same_levels(models: "Sequence[Model]", names: Sequence[str]) -> None:
    """Raises ValueError for models of other images than the first's."""
    first = models[0]
    for model, name in zip(models, names, strict=True):
        if (model.shape[0], model.levels) != (first.shape[0], first.levels):
            raise WrongValueError(
                f"{name} models images of {model.shape[0]} channels and {model.levels} levels, {names[0]} images of "
                f"{first.shape[0]} and {first.levels}: their nats do not belong in one table; evaluate each by itself."
            )
