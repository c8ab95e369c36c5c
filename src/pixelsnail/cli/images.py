"""The images that a command reads: a split of a data source, or image files."""

from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.parameters import SOURCES, Source
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import WrongValueError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model


def data_hint(run: str, weights: str, asked: str | None, model: "Model") -> str | None:
    """What a next command needs to find images: nothing where the run knows, else --data; None where nobody knows."""
    if asked is not None:
        return f" --data {quoted(asked)}"
    from pixelsnail import training

    if training.trained_on(run, weights).source is not None:
        return ""
    return " --data mnist-mini" if (model.shape, model.levels) == ((1, 28, 28), 2) else None


def open_data(run: str, weights: str, asked: Source, model: "Model", terminal: Terminal) -> "Images":
    """The split that was asked for, binarised where the model has two levels. Raises as `pixelsnail.data.open`."""
    from pixelsnail import training

    known = training.trained_on(run, weights)
    if asked.data is None and known.source is None:
        raise UsageError(f"{run} does not say what it was trained on; say which images: --data {SOURCES}.")
    how = None if asked.binarize == "auto" else asked.binarize
    images = training.open_as_trained(known, model, asked.data, asked.split, how)
    _tell_size(images.shape, model, terminal)
    return images


def read_files(files: list[Path], model: "Model", terminal: Terminal) -> "Tensor":
    """Image files as the model's channels and levels: (N, C, H, W). Says what it had to change.

    Raises FileNotFoundError or ValueError for files that are no images or of different sizes.
    """
    from pixelsnail import data

    x = data.from_files(files).batch(range(len(files)))
    if x.shape[1] == 3 and model.shape[0] == 1:
        red, green, blue = x.long().unbind(1)  # Pillow's own weights, ITU-R 601-2
        x = ((19595 * red + 38470 * green + 7471 * blue + 2**15) >> 16).to(x.dtype)[:, None]
        terminal.note("The images are in colour, the model is grey: they were made grey.")
    elif x.shape[1] == 1 and model.shape[0] == 3:
        x = x.expand(-1, 3, -1, -1).contiguous()
    if model.levels == 2:
        x = (x >= 128).to(x.dtype)
        terminal.note("The model has 2 levels: the images were binarised, 1 from level 128 on.")
    _tell_size((x.shape[1], x.shape[2], x.shape[3]), model, terminal)
    return x


def read_known(name: str, height: int, width: int) -> "Tensor":
    """The mask (H, W), true where a pixel is known: the upper half, the left half, or where a mask image is white.

    Raises UsageError for another word, FileNotFoundError or ValueError for a file that is no mask of this size.
    """
    import torch

    from pixelsnail import data

    known = torch.zeros(height, width, dtype=torch.bool)
    if name == "top":
        known[: height // 2] = True
    elif name == "left":
        known[:, : width // 2] = True
    elif not Path(name).suffix and not Path(name).exists():
        raise UsageError(f"--known is {name!r}; expected top, left or a mask image, white where pixels are known.")
    else:
        mask = data.from_files([Path(name).expanduser()]).batch([0])[0]  # (C, H, W)
        if mask.shape[1:] != known.shape:
            raise WrongValueError(
                f"The mask {name} is {mask.shape[1]} x {mask.shape[2]}, but the images are {height} x {width}; "
                "expected the same size."
            )
        known = (mask >= 128).all(0)
    return known


def _tell_size(shape: tuple[int, int, int], model: "Model", terminal: Terminal) -> None:
    if shape[1:] != model.shape[1:]:
        terminal.note(
            f"The images are {shape[1]} x {shape[2]}, but the model was built for {model.shape[1]} x {model.shape[2]}; "
            "expect it to model them badly."
        )
