"""`train`: from a recipe to a run."""

import dataclasses
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pixelsnail.errors import MissingPackageError, WrongValueError
from pixelsnail.machine import check_ranks, is_first_process
from pixelsnail.training.events import Progress
from pixelsnail.training.recipe import Note, Recipe, read
from pixelsnail.training.runs import RunFolder

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model

LARGE = 5_000_000
"""Parameters from which on training without a GPU is a matter of days."""


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    data: str | None = None,
    init: str | Path | None = None,
    progress: Progress | None = None,
    note: Note | None = None,
    **overrides: Any,
) -> "Model":
    """Trains a model into the run folder `out` and returns it with its best weights, in evaluation mode.

        train("recipes/mnist.yaml", out="runs/mnist", **{"trainer.max_epochs": 2})

    `recipe` is a file, a packaged recipe ("mnist", "demo") or a mapping; overrides are its fields under their dotted
    names; `data` is short for `data.source`. `resume` goes on after the run's last checkpoint: in fp32 on one CPU
    thread, uncompiled, with the same weights, bit for bit, as a training that was never interrupted. `overwrite`
    replaces a run. `init` is a run whose weights are the first ones (`resume` has its own); its masked kernels may be
    smaller, and its orders one. `progress` receives an `Event` each step and during validation and sampling, `note` a
    sentence here and there. Ctrl-C finishes the step, saves a checkpoint and raises KeyboardInterrupt.
    Raises ValueError, TypeError or FileNotFoundError for a recipe or data that cannot be, FileExistsError where `out`
    holds a run already, RuntimeError when the loss or the weights stop being finite or memory runs out, OSError when
    the disk is full; the last good checkpoint is always kept.
    """
    tell = note or (lambda _: None)
    plan = read(recipe, overrides if data is None else {"data": data, **overrides}, tell)
    folder = RunFolder(Path(out))
    check_ranks()
    if is_first_process():
        folder.check(resume, overwrite)
    _require("lightning", "tensorboard")
    import torch

    from pixelsnail import checkpoints

    with torch.random.fork_rng(devices=[]):  # the caller's random numbers are not training's
        images, validation = open_images(plan, tell)
        model = build(plan, images)
        for part in (images, validation):
            if part is not None:
                model.condition.check_data(part)
        tell(str(images.read))
        tell(_size(model))
        if model.shape[0] > 1 and not model.head.joint:
            tell(
                f"The {type(model.head).__name__} head takes the {model.shape[0]} channels of a pixel as independent; "
                "model.head LogisticMixture models them jointly."
            )
        plan = _resolved(plan, model, images)
        for sentence in folder.changes(plan) if resume else []:
            tell(sentence)
        from pixelsnail.training.session import Session  # with Lightning: once recipe and data are known to be there

        session = Session(plan, folder, model, images, validation, progress, tell)
        if not resume:
            session.initialize() if init is None else start_from(model, init)
        if session.trainer.is_global_zero:  # and nothing can be wrong with the recipe any more
            if not resume:
                folder.clear()
            folder.describe(plan)
        session.run(resume)
        return checkpoints.load(folder.path)


def _size(model: "Model") -> str:
    """How large a model is, and how it becomes smaller where that is large."""
    weights = sum(parameter.numel() for parameter in model.parameters())
    said = f"{type(model).__name__}: {weights:,} parameters."
    smaller = [f"model.{name}" for name in ("channels", "blocks", "residuals", "layers") if name in model.configuration]
    if weights < LARGE or not smaller:
        return said
    return f"{said} That is large for training without a GPU: lower {' or '.join(smaller[:2])}."


def _resolved(plan: Recipe, model: "Model", images: "Images") -> Recipe:
    """The recipe with what the data decided spelt out."""
    from pixelsnail.models import Ordered

    configuration = model.in_one_order() if isinstance(model, Ordered) else dict(model.configuration)
    name, binarize = configuration.pop("model"), cast(Any, images.binarize)
    return dataclasses.replace(
        plan, model={"name": name, **configuration}, data=dataclasses.replace(plan.data, binarize=binarize)
    )


def open_images(plan: Recipe, note: Note) -> "tuple[Images, Images | None]":
    """The training images, and the validation images where there are any."""
    from pixelsnail import data

    section = plan.data
    options: dict[str, Any] = {
        "binarize": section.binarize,
        "seed": plan.seed,
        "validation": section.validation,
        "maps": section.maps,
    }
    images = data.open(section.source, "train", **options)
    if "validation" in data.splits_of(section.source, validation=section.validation):
        return images, data.open(section.source, "validation", **options)
    note(f"{section.source} has no validation images: best is last (data.validation holds some out).")
    return images, None


def build(plan: Recipe, images: "Images") -> "Model":
    """A new model of the recipe, its shape and levels those of the data. Raises ValueError where they contradict."""
    import torch

    from pixelsnail.models import MODELS, Ordered

    if plan.model["name"] == "Ordered":
        raise WrongValueError("model.name is Ordered; name the model in one order, and set data.orders.")
    arguments = {name: value for name, value in plan.model.items() if name != "name"}
    if images.maps is not None:
        _take_map(plan, arguments, images, images.maps)
    shape, levels = arguments.setdefault("shape", images.shape), arguments.setdefault("levels", images.levels)
    if tuple(shape) != tuple(images.shape):
        raise WrongValueError(
            f"model.shape is {tuple(shape)}, but the images of {plan.data.source} are {tuple(images.shape)}; "
            "leave model.shape out, and it is the images'."
        )
    if levels < images.levels:
        raise WrongValueError(
            f"model.levels is {levels}, but the images of {plan.data.source} have {images.levels} levels; "
            "leave model.levels out, or binarise (data.binarize)."
        )
    torch.manual_seed(plan.seed)
    if plan.data.orders > 1:
        return Ordered({"model": plan.model["name"], **arguments}, plan.data.orders)
    return MODELS[plan.model["name"]](**arguments)


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


def start_from(model: "Model", run: str | Path) -> None:
    """Copies the best weights of another run. Raises ValueError when they don't fit.

    A masked kernel may be larger than that run's: its new taps begin as zeros, and the model as the same function. A
    model of several orders may take the weights of one order: it begins as that model in each of them.
    """
    from pixelsnail import checkpoints
    from pixelsnail.models import Ordered
    from pixelsnail.models.weights import take_state

    first = checkpoints.load(run)
    state = first.state_dict()
    if isinstance(model, Ordered) and not isinstance(first, Ordered):
        state = model.state_of_one_order(state)
    for name, layer in model.named_modules():
        place = f"{name}.weight"
        if getattr(layer, "mask", None) is not None and place in state:
            state[place] = _widened(state[place], layer.weight.shape[-1])
    take_state(model, state, str(run))


def _widened(kernel: "Tensor", size: int) -> "Tensor":
    """A square kernel (outputs, inputs, k, k) in the middle of zeros, where `size` is the larger."""
    import torch.nn.functional as F

    side = (size - kernel.shape[-1]) // 2
    return F.pad(kernel, (side,) * 4) if side > 0 else kernel


def _require(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingPackageError(
                f"Training needs {package}, which is not installed: pip install 'pixelsnail[train]'."
            )
