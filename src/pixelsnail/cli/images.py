"""The images that a command reads: a split of a data source, or image files."""

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pixelsnail.cli.arguments import Parser, count, file, one_of
from pixelsnail.cli.errors import UsageError
from pixelsnail.cli.terminal import Terminal, quoted
from pixelsnail.errors import WrongValueError

if TYPE_CHECKING:
    from torch import Tensor

    from pixelsnail.data import Images
    from pixelsnail.models import Model

SOURCES = "mnist-mini, mnist:FOLDER, folder:PATH, npz:PATH, hf:NAME or photos"


def add_data(parser: Parser, files: bool = False) -> None:
    """Which images; with `files`, image files instead of a source, too."""
    where = parser.add_mutually_exclusive_group() if files else parser
    where.add_argument(
        "--data", metavar="SOURCE",
        help=f"{SOURCES} (default: what the run was trained on; mnist-mini for the packaged mnist)",
    )  # fmt: skip
    if files:
        where.add_argument(
            "--images", metavar="FILE", nargs="+", type=file,
            help="image files instead; made grey or RGB as the model is, and binarised by threshold (default: none)",
        )  # fmt: skip
    parser.add_argument(
        "--split", metavar="SPLIT", type=one_of("train", "validation", "test"), default="test",
        help="split of the source: train, validation or test",
    )  # fmt: skip
    parser.add_argument(
        "--binarize", metavar="HOW", type=one_of("auto", "dynamic", "threshold", "none"), default="auto",
        help="how grey levels of a source become bits: dynamic, threshold or none; auto does as the training did",
    )  # fmt: skip


def add_limit(parser: Parser) -> None:
    """How many images."""
    parser.add_argument("--limit", metavar="N", type=count, help="only the first N images (default: all)")


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a run was trained on, as far as it says; of a packaged model, the images at hand that are of its kind."""

    source: str | None
    binarize: str | None
    validation: int = 0


def trained_on(run: str, weights: str) -> Trained:
    """What a run says of its data: in its recipe, which knows of images held out, else beside its weights."""
    from pixelsnail import checkpoints, training

    recipe = training.RunFolder(Path(run)).recipe
    if recipe.is_file():
        data = training.read(recipe).data
        return Trained(data.source, data.binarize, data.validation)
    about = checkpoints.about(run, weights=weights)
    return Trained(about.get("source") or about.get("default_data"), about.get("binarize"))


def data_hint(arguments: Namespace, model: "Model") -> str | None:
    """What a next command needs to find images: nothing where the run knows, else --data; None where nobody knows."""
    asked = getattr(arguments, "data", None)
    if asked is not None:
        return f" --data {quoted(asked)}"
    if trained_on(arguments.run, arguments.weights).source is not None:
        return ""
    return " --data mnist-mini" if (model.shape, model.levels) == ((1, 28, 28), 2) else None


def open_data(arguments: Namespace, model: "Model", terminal: Terminal) -> "Images":
    """The split that was asked for, binarised where the model has two levels. Raises as `pixelsnail.data.open`."""
    from pixelsnail import data

    known = trained_on(arguments.run, arguments.weights)
    source = arguments.data or known.source
    if source is None:
        raise UsageError(f"{arguments.run} does not say what it was trained on; say which images: --data {SOURCES}.")
    validation = known.validation if source == known.source else 0
    automatic = arguments.binarize == "auto"
    how = "none" if automatic else arguments.binarize
    images = data.open(source, arguments.split, binarize=how, validation=validation)
    if automatic and model.levels == 2 and images.levels == 256 and images.shape[0] == 1:
        how = known.binarize if known.binarize in ("dynamic", "threshold") else "dynamic"
        images = dataclasses.replace(images, binarize=how)
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
        mask = data.from_files([file(name)]).batch([0])[0]  # (C, H, W)
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
