"""The images that a command reads, and the line that says what was read."""

from typing import TYPE_CHECKING

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.parameters import SOURCES, Source, SourceOrFiles
from pixelsnail.cli.terminal import Terminal, quoted

if TYPE_CHECKING:
    from pixelsnail.data import Images
    from pixelsnail.models import Model
    from pixelsnail.nn import Context


def open_images(run: str, weights: str, asked: Source, model: "Model", terminal: Terminal) -> "Images":
    """The images that were asked for, as the model takes them; says what was read. Raises as `pixelsnail.data.open`."""
    from pixelsnail import data, training

    binarize = None if asked.binarize == "auto" else asked.binarize
    if isinstance(asked, SourceOrFiles) and asked.images is not None:
        images = data.from_files(asked.images, like=(model.shape, model.levels), binarize=binarize or "threshold")
    else:
        known = training.trained_on(run, weights)
        if asked.data is None and not known.can_open:
            why = "does not say what it was trained on"
            if known.source is not None:
                why = "was trained on images in memory, which cannot be opened again"
            raise UsageError(f"{run} {why}; say which images: --data {SOURCES}.")
        images = training.open_as_trained(known, model, asked.data, asked.split, binarize, asked.axes)
    if model.classes and images.labels is None and asked.context is None:
        raise UsageError(
            f"{run} is conditioned on classes 0 ... {model.classes - 1}, but {images.source} has no labels; say which "
            "class with --context LABEL."
        )
    terminal.note(str(images.read))
    if images.shape[1:] != model.shape[1:]:
        terminal.note(
            f"The images are {images.shape[1]} x {images.shape[2]}, but the model was built for {model.shape[1]} x "
            f"{model.shape[2]}; expect it to model them badly."
        )
    return images


def context_of(model: "Model", images: "Images", label: int | None) -> "Context | None":
    """What the model is given of each image: the class of all that was asked for, else the images' own labels."""
    import torch

    if label is not None:
        return torch.full((len(images),), label)
    return model.condition.of(images, range(len(images)))


def data_hint(run: str, weights: str, asked: str | None, model: "Model") -> str | None:
    """What a next command needs to find images: nothing where the run knows, else --data; None where nobody knows."""
    from pixelsnail import training

    if asked is not None:
        return f" --data {quoted(asked)}"
    if training.trained_on(run, weights).can_open:
        return ""
    return " --data mnist-mini" if (model.shape, model.levels) == ((1, 28, 28), 2) else None
