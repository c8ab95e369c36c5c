"""`train`: from a recipe to a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pixelsnail.errors import MissingPackageError, WrongTypeError, WrongValueError
from pixelsnail.machine import check_ranks, is_first_process
from pixelsnail.training.events import Progress
from pixelsnail.training.recipe import Note, Recipe, read
from pixelsnail.training.runs import RunFolder
from pixelsnail.training.showing import showing

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.data.given import Arrays
    from pixelsnail.models import Model

LARGE = 5_000_000
"""Parameters from which on training without a GPU is a matter of days."""


def train(
    recipe: "str | Path | Mapping[str, Any] | Recipe | Model",
    *,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    data: "str | Arrays | None" = None,
    validation: "Arrays | None" = None,
    model: "Model | Mapping[str, Any] | None" = None,
    init: str | Path | None = None,
    progress: Progress | bool | None = None,
    note: Note | None = None,
    **overrides: Any,
) -> "Model":
    """Trains a model into the run folder `out` and returns it with its best weights, in evaluation mode.

        train("recipes/mnist.yaml", out="runs/mnist", **{"trainer.max_epochs": 2})
        train(model, data=(x, labels), validation=(y, others), out="runs/mine", **{"trainer.max_steps": 1000})

    `recipe` is a file, a packaged recipe ("mnist", "demo"), a mapping, or a model, then trained with the fields that a
    recipe has by default; `model` stands in place of another recipe's. A model that is given begins with the weights
    that it has, and is the one that is returned. Overrides are a recipe's fields under their dotted names.

    `data` is a source (short for `data.source`), or images in memory as `pixelsnail.data.from_arrays` takes them: all
    are trained on but those that `data.validation` holds out, and `validation` are images to judge by. Such a run notes
    their fingerprint: it can be resumed with the same images, and not be opened by whoever judges it.

    `resume` goes on after the run's last checkpoint: in fp32 on one CPU thread, uncompiled, with the same weights, bit
    for bit, as a training that was never interrupted. `overwrite` replaces a run. `init` is a run whose weights are the
    first ones (`resume` has its own); its masked kernels may be smaller, and its orders one. `progress` receives an
    `Event` each step and during validation and sampling, or is True for a bar in a terminal or notebook; `note` is told
    a sentence here and there. Ctrl-C finishes the step, saves a checkpoint and raises KeyboardInterrupt.
    Raises ValueError, TypeError or FileNotFoundError for a recipe or data that cannot be, FileExistsError where `out`
    holds a run already, RuntimeError when the loss or the weights stop being finite or memory runs out, OSError when
    the disk is full; the last good checkpoint is always kept.
    """
    tell = note or (lambda _: None)
    plan, own = _plan(recipe, model, data, overrides, tell)
    folder = RunFolder(Path(out))
    check_ranks()
    if is_first_process():
        folder.check(resume, overwrite)
    _require("lightning", "tensorboard")
    import torch

    from pixelsnail.training.precision import with_precision

    with torch.random.fork_rng(devices=[]):  # the caller's random numbers are not training's
        plan, images, judged = _images(plan, data, validation, tell)
        trained = build(plan, images, own)
        for part in (images, judged):
            if part is not None:
                trained.condition.check_data(part)
        _introduce(trained, images, tell)
        plan = with_precision(_resolved(plan, trained, images), tell)
        for sentence in folder.changes(plan) if resume else []:
            tell(sentence)
        from pixelsnail.training.session import Session  # with Lightning: once recipe and data are known to be there

        with showing(progress) as shown:
            session = Session(plan, folder, trained, images, judged, shown, tell)
            if not resume and init is not None:
                tell(start_from(trained, init))
            elif not resume and (own is None or "run.initialize" in overrides):
                session.initialize()
            if session.trainer.is_global_zero:  # and nothing can be wrong with the recipe any more
                if not resume:
                    folder.clear()
                folder.describe(plan)
            session.run(resume)
        return _finished(folder, own)


def _plan(
    recipe: "str | Path | Mapping[str, Any] | Recipe | Model",
    model: "Model | Mapping[str, Any] | None",
    data: "str | Arrays | None",
    overrides: Mapping[str, Any],
    note: Note,
) -> "tuple[Recipe, Model | None]":
    """The recipe, and the model that is trained in place of its own. Images in memory are the source "memory"."""
    given, changes = model, dict(overrides)
    if not isinstance(recipe, str | Path | Mapping | Recipe):
        if data is None:
            raise WrongValueError("There is a model and nothing to train it on; say data=IMAGES, or name a source.")
        recipe, given = {}, recipe
    if isinstance(given, Mapping):
        changes["model"] = given
    if data is not None:
        changes["data.source"] = data if isinstance(data, str) else "memory"
    own = None if given is None or isinstance(given, Mapping) else given
    if own is not None:
        from pixelsnail.models import Model

        if not isinstance(own, Model):
            raise WrongTypeError(f"The model is a {type(own).__name__}; expected a pixelsnail.Model or a recipe.")
    return read(recipe, changes, note, own), own


def _images(
    plan: Recipe, data: "str | Arrays | None", validation: "Arrays | None", note: Note
) -> "tuple[Recipe, Images, Images | None]":
    """The images to train on and to judge by, and the recipe, which names them."""
    if data is None or isinstance(data, str):
        if validation is not None:
            raise WrongValueError(
                "validation is for images in memory, beside data; hold images of a source out by data.validation."
            )
        return plan, *open_images(plan, note)
    from pixelsnail.training.memory import take

    images, judged = take(plan, data, validation)
    if judged is None:
        note("There are no validation images: best is last (data.validation holds some out, or give validation=).")
    prints = "-".join(part.fingerprint() for part in (images, judged) if part is not None)
    return dataclasses.replace(plan, data=dataclasses.replace(plan.data, source=f"memory:{prints}")), images, judged


def _finished(folder: RunFolder, own: "Model | None") -> "Model":
    """The model of a run, or one's own with its weights."""
    from pixelsnail import checkpoints

    if own is None:
        return checkpoints.load(folder.path)
    from pixelsnail.models.weights import WEIGHTS, load_weights
    from pixelsnail.training.recomputation import keep_blocks

    keep_blocks(own)
    load_weights(own, folder.model / WEIGHTS)
    return own.eval()


def _introduce(model: "Model", images: "Images", note: Note) -> None:
    """Says what was read, how large the model is and how it becomes smaller where that is large."""
    note(str(images.read))
    weights = sum(parameter.numel() for parameter in model.parameters())
    said = f"{type(model).__name__}: {weights:,} parameters."
    smaller = [f"model.{name}" for name in ("channels", "blocks", "residuals", "layers") if name in model.configuration]
    if weights >= LARGE and smaller:
        said += f" That is large for training without a GPU: lower {' or '.join(smaller[:2])}."
    note(said)
    if model.shape[0] > 1 and not model.head.joint:
        note(
            f"The {type(model.head).__name__} head takes the {model.shape[0]} channels of a pixel as independent; "
            "model.head LogisticMixture models them jointly."
        )


def _resolved(plan: Recipe, model: "Model", images: "Images") -> Recipe:
    """The recipe with what the data decided spelt out."""
    from pixelsnail.models import Ordered

    configuration = model.in_one_order() if isinstance(model, Ordered) else dict(model.configuration)
    name, binarize = configuration.pop("model"), cast(Any, images.binarize)
    return dataclasses.replace(
        plan, model={"name": name, **configuration}, data=dataclasses.replace(plan.data, binarize=binarize)
    )


def open_split(plan: Recipe, *splits: str) -> "Images":
    """The first of these splits that the recipe's source has, read as the recipe says."""
    return _opened(plan, *splits)[0]


def _opened(plan: Recipe, *splits: str) -> "tuple[Images, Images | None]":
    """The first of these splits, and the validation images where there are any; the source is opened once."""
    from pixelsnail import data

    section = plan.data
    opened = data.Opened(section.source, levels=section.levels, axes=section.axes)
    options: dict[str, Any] = {
        "binarize": section.binarize,
        "seed": plan.seed,
        "validation": section.validation,
        "maps": section.maps,
    }
    there = opened.splits(section.validation)
    images = opened.images(next((split for split in splits if split in there), splits[-1]), **options)
    return images, opened.images("validation", **options) if "validation" in there else None


def open_images(plan: Recipe, note: Note) -> "tuple[Images, Images | None]":
    """The training images, and the validation images where there are any."""
    from pixelsnail import data

    source = plan.data.source
    if data.is_given(source):
        raise WrongValueError(
            f"The recipe was trained on images in memory ({source}), which cannot be opened again; resume from Python "
            "with the same images, or name a source."
        )
    images, judged = _opened(plan, "train")
    if judged is None:
        note(f"{source} has no validation images: best is last (data.validation holds some out).")
    return images, judged


def build(plan: Recipe, images: "Images", own: "Model | None" = None) -> "Model":
    """A new model of the recipe, its shape and levels those of the data, or one's own.

    Raises ValueError where they contradict.
    """
    import torch

    from pixelsnail.models import MODELS, Ordered

    if own is not None:
        _check_fit(own.shape, own.levels, images, "The {} of the model", "give another model")
        return own.train()
    if plan.model["name"] == "Ordered":
        raise WrongValueError("model.name is Ordered; name the model in one order, and set data.orders.")
    arguments = {name: value for name, value in plan.model.items() if name != "name"}
    if images.maps is not None:
        _take_map(plan, arguments, images, images.maps)
    shape, levels = arguments.setdefault("shape", images.shape), arguments.setdefault("levels", images.levels)
    _check_fit(shape, levels, images, "model.{}", "leave model.{} out, and it is the images'")
    torch.manual_seed(plan.seed)
    if plan.data.orders > 1:
        return Ordered({"model": plan.model["name"], **arguments}, plan.data.orders)
    return MODELS[plan.model["name"]](**arguments)


def _check_fit(shape: Sequence[int], levels: int, images: "Images", what: str, remedy: str) -> None:
    """Raises ValueError for a shape or levels that are not those of the images."""
    if tuple(shape) != tuple(images.shape):
        raise WrongValueError(
            f"{what.format('shape')} is {tuple(shape)}, but the images of {images.source} are {tuple(images.shape)}; "
            f"{remedy.format('shape')}."
        )
    if levels < images.levels:
        raise WrongValueError(
            f"{what.format('levels')} is {levels}, but the images of {images.source} have {images.levels} levels; "
            f"{remedy.format('levels')}, or binarise (data.binarize)."
        )


def _take_map(plan: Recipe, arguments: dict[str, Any], images: "Images", maps: "Images") -> None:
    """Puts what the data's maps say among a model's arguments. Raises ValueError for a model that takes no map."""
    from inspect import signature

    from pixelsnail.models import MODELS

    name = plan.model["name"]
    takes = [one for one, model in MODELS.items() if "map_levels" in signature(model).parameters]
    if name not in takes:
        raise WrongValueError(
            f"data.maps is {plan.data.maps!r}, but {name} takes no map; leave it out, or take {', '.join(takes)}."
        )
    if not arguments.get("map_levels"):
        arguments["map_levels"] = maps.levels
    arguments.setdefault("map_channels", maps.shape[0])
    arguments.setdefault("map_ratio", images.shape[1] // maps.shape[1])


def start_from(model: "Model", run: str | Path) -> str:
    """Copies the best weights of another run, and says so. Raises ValueError when they don't fit.

    The model may be larger where it can begin as the same function: a masked kernel (its new taps are zeros); of a
    PixelSNAIL the keys of its attention and its frequencies. With more blocks a PixelSNAIL begins as nearly the same
    function. A model of several orders may take the weights of one order: it begins as that model in each of them.
    """
    from pixelsnail import checkpoints
    from pixelsnail.models import Ordered
    from pixelsnail.models.weights import take_state

    first = checkpoints.load(run)
    state = first.state_dict()
    if isinstance(model, Ordered) and not isinstance(first, Ordered):
        state = model.state_of_one_order(state)
    deep = model.deepened(state)
    begun = model.widened(deep)
    take_state(model, begun, str(run))
    new = sum(weight.numel() for weight in begun.values()) - sum(weight.numel() for weight in state.values())
    same = "nearly the same: its blocks are split" if deep.keys() != state.keys() else "the same"
    larger = f"; {new:,} weights are new, and what it computes is {same}" if new else ""
    return f"Begins with the weights of {run}{larger}."


def _require(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingPackageError(
                f"Training needs {package}, which is not installed: pip install 'pixelsnail[train]'."
            )
