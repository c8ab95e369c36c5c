"""The sections of a recipe: every field with its default, its meaning and the least it may be."""

from dataclasses import dataclass, field
from typing import Any, Literal


def _option(default: Any, meaning: str, least: float | None = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": least})


@dataclass(frozen=True)
class Data:
    """The section `data`."""

    source: str = _option(
        "mnist-mini", "the images: mnist-mini, mnist:FOLDER, folder:PATH, npz:PATH, hf:NAME or photos"
    )
    binarize: Literal["dynamic", "threshold", "none"] | None = _option(
        None, "how grey levels become 0 and 1: dynamic, threshold or none; null takes the source's own"
    )
    batch: int = _option(32, "images a step, over all devices", least=1)
    validation: int = _option(0, "training images held out, where a source has no validation split", least=0)


@dataclass(frozen=True)
class Optimizer:
    """The section `optimizer`."""

    name: Literal["adam", "adamw", "muon"] = _option(
        "adam", "adam, adamw, or muon (orthogonalised momentum for matrices, adam for all other weights)"
    )
    lr: float = _option(1e-3, "learning rate", least=0)
    matrix_lr: float = _option(0.01, "learning rate of the matrices, for muon", least=0)
    betas: tuple[float, float] = _option((0.9, 0.999), "decay of the two running moments")
    eps: float = _option(1e-8, "added to the root of the second moment", least=0)
    eps_inside: bool = _option(
        False, "add eps inside that root instead, as the paper's authors do (adam without weight decay only)"
    )
    weight_decay: float = _option(0.0, "weight decay: L2 for adam, decoupled for adamw", least=0)
    schedule: Literal["constant", "exponential", "cosine", "trapezoid"] = _option(
        "constant",
        "constant, exponential (times `decay` each step), cosine (to zero at the last step) or trapezoid (constant, "
        "then linearly to zero over the last `cooldown` steps)",
    )
    decay: float = _option(1.0, "learning rate's factor a step, for schedule: exponential", least=0)
    cooldown: float = _option(
        0, "linear decay to zero at the end, for schedule: trapezoid; below 1 a share of all steps, else steps", least=0
    )
    warmup: int = _option(0, "steps of linear warm-up", least=0)
    clip: float | None = _option(None, "largest gradient norm; null does not clip", least=0)
    ema: float | None = _option(
        None,
        "decay of the running average of the weights, at most (1 + t) / (10 + t) after t steps; null keeps none",
        least=0,
    )


@dataclass(frozen=True)
class Run:
    """The section `run`."""

    log: int = _option(10, "steps between rows of metrics", least=1)
    validate: int | None = _option(None, "steps between validations; null: each epoch, 0: only at the end", least=0)
    samples: int | None = _option(None, "steps between sample grids; null: each epoch, 0: only at the end", least=0)
    checkpoint: int | None = _option(None, "steps between checkpoints; null goes by checkpoint_minutes", least=1)
    checkpoint_minutes: float = _option(10.0, "minutes between checkpoints, where checkpoint is null", least=0)
    compile: bool = _option(False, "compile the model (torch.compile)")
    channels_last: bool = _option(False, "keep convolution weights channels-last")
    checkpoint_activations: bool = _option(
        False, "keep the inputs of blocks alone, and compute them again for gradients: less memory, more time"
    )
    initialize: int = _option(
        64, "images of the data-dependent initialisation, for models with weight normalisation; 0: none", least=0
    )


SECTIONS: dict[str, type[Any]] = {"data": Data, "optimizer": Optimizer, "run": Run}
