"""The one door for other projects' weights."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixelsnail.checkpoints import official, pytorch_generative, rosinality
from pixelsnail.checkpoints.reference import known, without_prefix
from pixelsnail.errors import MissingFileError, WrongValueError, reason
from pixelsnail.models import Model

PROJECTS: dict[str, Any] = {"pytorch-generative": pytorch_generative, "official": official, "rosinality": rosinality}

State = Mapping[str, Tensor | np.ndarray[Any, Any]]


def convert(
    project: str,
    name: str,
    config: Mapping[str, Any],
    state: State,
    *,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
) -> Model:
    """Our model with another project's weights: `model(x)` equals the reference's output, (B, P, H, W).

    `project` is "pytorch-generative", "official" (the paper's own code) or "rosinality" (vq-vae-2-pytorch); `name` the
    reference's class or function; `config` its arguments under its own names (those that the tensors show may be left
    out); `state` its tensors under its own names, numpy or torch, with or without the prefixes `module.` and
    `_orig_mod.`. `shape` (C, H, W) and `levels` are what the arguments don't hold: by default the size the file tells,
    or the one published.
    Raises ValueError for an unknown project, model or argument, for tensors of another project, and one that lists
    every tensor that is missing, extra or of the wrong shape. Nothing is ever loaded in part.
    """
    theirs = PROJECTS[known("project", project, PROJECTS)]
    check_project(project, state)
    tensors = {key: torch.as_tensor(value) for key, value in without_prefix(state).items()}
    return theirs.convert(name, config, tensors, shape, levels)


def import_file(
    file: str | Path,
    project: str,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    *,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
) -> tuple[Model, dict[str, Any]]:
    """The model in another project's file, and what else the file tells (steps, epochs, seconds).

    `name` may be left out where the tensors show which model's they are: all but official's. Arguments that the file
    tells need not be in `config`. Never runs code from the file: PyTorch files are read with `weights_only=True`,
    .safetensors and .npz hold nothing but arrays. Raises FileNotFoundError or ValueError.
    """
    theirs = PROJECTS[known("project", project, PROJECTS)]
    content = read_tensors(Path(file))
    check_project(project, content)
    found = theirs.read(content)
    if name is None:
        name = theirs.name_of(without_prefix(found.state))
    told = {**found.told, "imported_from": project, "reference": name}
    full = {**found.config, **(config or {})}
    return convert(project, name, full, found.state, shape=shape, levels=levels), told


def check_project(project: str, content: Mapping[str, Any]) -> None:
    """Raises ValueError for what a file holds, or a state, where it has another project's names."""
    like = [name for name, theirs in PROJECTS.items() if theirs.recognises(without_prefix(theirs.read(content).state))]
    if like and project not in like:
        raise WrongValueError(f"These weights look like those of {like[0]}, not of {project}; say --project {like[0]}.")


def read_tensors(path: Path) -> Mapping[str, Any]:
    """What a file of tensors holds, without unpickling code: .safetensors, .npz, else a PyTorch file."""
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}; expected a checkpoint (.ckpt, .pt, .safetensors or .npz).")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        with torch.serialization.safe_globals([Namespace]):  # arguments as plain data, beside some projects' weights
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every reader has exceptions of its own for a damaged file
        raise WrongValueError(
            f"{path} cannot be read as a checkpoint ({reason(error)}); it is damaged, of another kind, or holds code, "
            "which is never run. Expected tensors as torch, safetensors or numpy write them."
        ) from None
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise WrongValueError(f"{path} holds a {type(content).__name__}; expected a dictionary of tensors by name.")
    return content
