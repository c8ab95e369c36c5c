"""The model that a command works with."""

from typing import TYPE_CHECKING

from pixelsnail.cli.parameters import Computing
from pixelsnail.cli.terminal import Terminal
from pixelsnail.errors import WrongValueError

if TYPE_CHECKING:
    from pixelsnail.models import Model


def load(run: str, computing: Computing) -> "Model":
    """The model of RUN, with the weights, on the device and in the precision that were asked for.

    Raises ValueError where CUDA is asked for and not there, and as `pixelsnail.load` does.
    """
    import torch

    import pixelsnail

    model = pixelsnail.load(run, weights=computing.weights, device=choose_device(computing.device))
    return model.to(getattr(torch, computing.precision))


def announce(engine: str, model: "Model", size: tuple[int, int], terminal: Terminal) -> None:
    """Says so where a command will wait for a compiler."""
    from pixelsnail.engine.library import is_at_hand

    if engine == "compiled" and not is_at_hand(getattr(model, "network", model), size):
        terminal.note("Compiling this model for this image size: about a minute, once.")


def choose_device(name: str) -> str:
    """ "auto" as "cuda" or "cpu". Raises ValueError where CUDA is asked for and not there."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(name)
    return name


def check_device(name: str) -> None:
    """Raises ValueError where CUDA is asked for and not there."""
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise WrongValueError("There is no CUDA device that PyTorch can use here; take --device cpu.")


def size_of(shape: tuple[int, int, int]) -> str:
    """An image's size in words: 28 x 28, grey."""
    colours = {1: "grey", 3: "RGB"}.get(shape[0], f"{shape[0]} channels")
    return f"{shape[1]} x {shape[2]}, {colours}"
