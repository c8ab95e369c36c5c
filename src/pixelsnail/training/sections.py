"""The sections of a recipe: every field with its type, its bounds, its meaning and its default."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
Number = Annotated[float, Meta(ge=0)]
Levels = Annotated[int, Meta(ge=2)]


@dataclass(frozen=True)
class Data:
    """The section `data`."""

    source: Annotated[str, "the images: mnist-mini, mnist:FOLDER, folder:PATH, npz:PATH, hf:NAME or photos"] = (
        "mnist-mini"
    )
    binarize: Annotated[
        Literal["dynamic", "threshold", "none"] | None,
        "how grey levels become 0 and 1: dynamic, threshold or none; null takes the source's own",
    ] = None
    levels: Annotated[
        Levels | None, "how many levels there are, where the data's rule would not say so; 65536 keeps all of 16 bits"
    ] = None
    axes: Annotated[
        Literal["NHW", "NCHW", "NHWC"] | None, "which axis of an array is which, where its shape does not say"
    ] = None
    batch: Annotated[Count, "images a step, over all devices"] = 32
    maps: Annotated[
        str | None,
        "a map of each image, to condition the model on: the name of an array or column beside the images, or a source",
    ] = None
    validation: Annotated[Whole, "training images held out, where a source has no validation split"] = 0
    orders: Annotated[
        Literal[1, 2, 4, 8],
        "raster orders that one model is trained on, drawn anew for each image and epoch: 1, 2, 4 (along rows) or 8",
    ] = 1


@dataclass(frozen=True)
class Optimizer:
    """The section `optimizer`."""

    name: Annotated[
        Literal["adam", "adamw", "muon"],
        "adam, adamw, or muon (orthogonalised momentum for matrices, adam for all other weights)",
    ] = "adam"
    lr: Annotated[Number, "learning rate"] = 1e-3
    matrix_lr: Annotated[Number, "learning rate of the matrices, for muon"] = 0.01
    betas: Annotated[tuple[float, float], "decay of the two running moments"] = (0.9, 0.999)
    eps: Annotated[Number, "added to the root of the second moment"] = 1e-8
    eps_inside: Annotated[
        bool, "add eps inside that root instead, as the paper's authors do (adam without weight decay only)"
    ] = False
    weight_decay: Annotated[Number, "weight decay: L2 for adam, decoupled for adamw and for the matrices of muon"] = 0.0
    schedule: Annotated[
        Literal["constant", "exponential", "cosine", "trapezoid"],
        "constant, exponential (times `decay` each step), cosine (to zero at the last step) or trapezoid (constant, "
        "then linearly to zero over the last `cooldown` steps)",
    ] = "constant"
    decay: Annotated[Number, "learning rate's factor a step, for schedule: exponential"] = 1.0
    cooldown: Annotated[
        Number, "linear decay to zero at the end, for schedule: trapezoid; below 1 a share of all steps, else steps"
    ] = 0
    warmup: Annotated[Whole, "steps of linear warm-up"] = 0
    clip: Annotated[Number | None, "largest gradient norm; null does not clip"] = None
    ema: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        "decay of the running average of the weights, at most (1 + t) / (10 + t) after t steps; null keeps none",
    ] = None


@dataclass(frozen=True)
class Run:
    """The section `run`."""

    log: Annotated[Count, "steps between rows of metrics"] = 10
    validate: Annotated[Whole | None, "steps between validations; null: each epoch, 0: only at the end"] = None
    samples: Annotated[Whole | None, "steps between sample grids; null: each epoch, 0: only at the end"] = None
    checkpoint: Annotated[Count | None, "steps between checkpoints; null goes by checkpoint_minutes"] = None
    checkpoint_minutes: Annotated[Number, "minutes between checkpoints, where checkpoint is null"] = 10.0
    compile: Annotated[bool, "compile the model (torch.compile)"] = False
    channels_last: Annotated[bool, "keep convolution weights channels-last"] = False
    checkpoint_activations: Annotated[
        bool, "keep the inputs of blocks alone, and compute them again for gradients: less memory, more time"
    ] = False
    initialize: Annotated[
        Whole, "images of the data-dependent initialisation, for models with weight normalisation; 0: none"
    ] = 64


SECTIONS: dict[str, type[Any]] = {"data": Data, "optimizer": Optimizer, "run": Run}
