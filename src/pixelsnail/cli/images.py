"""The images that a command reads, and the line that says what was read."""

from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.parameters import SOURCES, Source, SourceOrFiles
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.names import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model
    from pixelsnail.nn import Context


def open_images(
    run: str, weights: str, asked: Source, model: "Model", terminal: Terminal, labelled: bool = True
) -> "Images":
    """The images that were asked for, as the model takes them; says what was read. Raises as `pixelsnail.data.open`.

    `labelled` is whether a model of classes needs to know theirs.
    """
    from pixelsnail import data, training

    binarize = None if asked.binarize == "auto" else asked.binarize
    if isinstance(asked, SourceOrFiles) and asked.images is not None:
        images = data.from_files(asked.images, like=(model.shape, model.levels), binarize=binarize or "threshold")
        if asked.context_data is not None:
            images = images.with_maps(open_maps(asked.context_data))
    else:
        known = training.trained_on(run, weights)
        if asked.data is None and not known.can_open:
            why = "does not say what it was trained on"
            if known.source is not None:
                why = "was trained on images in memory, which cannot be opened again"
            raise UsageError(f"{run} {why}; say which images: --data {SOURCES}.")
        images = training.open_as_trained(
            known, model, asked.data, asked.split, binarize, axes=asked.axes, maps=asked.context_data
        )
    labels, maps = ("labels" in model.conditions, "map" in model.conditions)
    if labelled and labels and images.labels is None and asked.context is None:
        raise UsageError(
            f"{run} is conditioned on classes 0 ... {model.classes - 1}, but {images.source} has no labels; say which "
            "class with --context LABEL."
        )
    if maps and images.maps is None:
        raise UsageError(
            f"{run} is conditioned on {model.conditions['map'].words}, but {images.source} has no maps; say where they "
            "are with --context-data SOURCE."
        )
    if asked.context is not None and not labels:
        raise UsageError(f"{run} takes no class labels: it is conditioned on {model.condition.words}.")
    if asked.context_data is not None and not maps:
        raise UsageError(f"{run} takes no maps: it is conditioned on {model.condition.words}.")
    terminal.note(str(images.read))
    if images.shape[1:] != model.shape[1:]:
        terminal.note(
            f"The images are {images.shape[1]} x {images.shape[2]}, but the model was built for {model.shape[1]} x "
            f"{model.shape[2]}; expect it to model them badly."
        )
    return images


def context_of(model: "Model", images: "Images", label: int | None) -> "Context | None":
    """What the model is given of each image: the images' own labels, or the one of all that was asked for, and maps."""
    return model.condition.of(images if label is None else images.labelled(label), range(len(images)))


def open_maps(source: str) -> "Images":
    """The maps of a source, as images are judged: all where there are no splits, else its test split."""
    from pixelsnail import data

    return data.open(source, "all" if data.is_flat(source) else "test", binarize="none")


def check_mask(option: str, mask: str) -> None:
    """Raises UsageError for a mask that is neither a half nor looks like a file."""
    from pixelsnail.data.masks import HALVES

    if mask in HALVES or Path(mask).suffix or Path(mask).exists():
        return
    near = nearest(mask, HALVES)
    hint = f"did you mean {near!r}? E" if near else "e"
    meaning = "are known" if option == "--known" else "belong to it"
    raise UsageError(
        f"{option} is {mask!r}; {hint}xpected {', '.join(HALVES)} or a mask image, its larger value where pixels "
        f"{meaning}."
    )


def open_mask(mask: str, height: int, width: int) -> "Tensor":
    """A half, or a mask image: (H, W), boolean. Raises as `pixelsnail.data.mask` does."""
    from pixelsnail import data
    from pixelsnail.data.masks import HALVES

    return data.mask(mask if mask in HALVES else Path(mask).expanduser(), height, width)


def data_hint(run: str, weights: str, asked: str | None, model: "Model") -> str | None:
    """What a next command needs to find images: nothing where the run knows, else --data; None where nobody knows."""
    from pixelsnail import training

    if asked is not None:
        return f" --data {quoted(asked)}"
    if training.trained_on(run, weights).can_open:
        return ""
    return " --data mnist-mini" if (model.shape, model.levels) == ((1, 28, 28), 2) else None
