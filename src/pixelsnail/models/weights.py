"""A model on disk: config.json (its name and constructor arguments) beside model.safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pixelsnail.errors import MissingFileError, WrongValueError, disk_is_full, reason
from pixelsnail.files import write_atomically

CONFIGURATION, WEIGHTS = "config.json", "model.safetensors"


def save_model(model: nn.Module, configuration: dict[str, Any], folder: Path) -> None:
    """Writes config.json and model.safetensors, each complete or not at all."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    with write_atomically(folder / WEIGHTS) as path:
        save_file(tensors, path, metadata={"format": "pt"})
    with write_atomically(folder / CONFIGURATION) as path:
        path.write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")


def read_configuration(path: Path, name: str | None = None) -> dict[str, Any]:
    """The configuration in a config.json. Raises ValueError when it is not one of ours, or not that of a `name`."""
    if not path.is_file():
        raise MissingFileError(f"{path} is missing; expected a folder that pixelsnail saved a model in.")
    try:
        configuration = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WrongValueError(
            f"{path} is not valid JSON ({reason(error)}); restore it or save the model again."
        ) from None
    if not isinstance(configuration, dict) or not isinstance(configuration.get("model"), str):
        raise WrongValueError(f"{path} does not name a model; expected the config.json that pixelsnail wrote.")
    saved = configuration["model"]
    if name not in (None, saved):
        raise WrongValueError(
            f"{path} describes a {saved}, not a {name}; use pixelsnail.load, or {saved}.from_pretrained."
        )
    return configuration


def model_file(model_id: str, name: str, download: dict[str, Any]) -> Path:
    """A file of a model in a folder or, if there is no such folder, on the Hugging Face hub."""
    if Path(model_id).is_dir():
        return Path(model_id) / name
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model_id, name, **download))
    except Exception as error:
        raise _of_hub(error, model_id, name) from None


HUB = {
    "EntryNotFoundError": "has no {name}; expected a model that pixelsnail saved",
    "RepositoryNotFoundError": "is not on the hub, or not yours to read; expected hf:owner/name of a model",
    "RevisionNotFoundError": "has no such revision; expected a branch, a tag or a commit of it",
    "HFValidationError": "is no name of the hub; expected hf:owner/name",
    "LocalEntryNotFoundError": "is not in the cache, and the hub cannot be reached; give a folder, or try later",
}
"""What the hub's errors mean, by the name of the most special class."""


def _of_hub(error: Exception, model_id: str, name: str) -> Exception:
    """An error of ours for one of the hub's client, which are of many types and say how to write Python."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    for kind in (one for one in kinds if one in HUB):
        said = HUB[kind].format(name=name)
        return (WrongValueError if kind == "HFValidationError" else MissingFileError)(f"hf:{model_id} {said}.")
    if isinstance(error, PermissionError) or disk_is_full(error):
        return error
    return MissingFileError(f"hf:{model_id} cannot be had from the hub ({reason(error)}); try again, or give a folder.")


def weights_file(model_id: str, download: dict[str, Any]) -> Path:
    """Where the weights are."""
    return model_file(model_id, WEIGHTS, download)


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads all weights from a safetensors file, or raises ValueError and loads none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise MissingFileError(f"{path} is missing; expected the weights beside config.json.")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WrongValueError(
            f"{path} is damaged or not a safetensors file ({reason(error)}); restore it from a copy."
        ) from None
    take_state(model, tensors, str(path))


def take_state(model: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Copies a state into a model. Raises ValueError that lists every name missing, extra or of another shape."""
    check_fit({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}, state, origin, model)
    model.load_state_dict(dict(state))


def check_fit(
    expected: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor], origin: str, model: nn.Module
) -> None:
    """Raises ValueError that lists every name of a state that is missing, extra or of another shape than expected."""
    wrong = [f"{name} is missing" for name in expected if name not in state]
    wrong += [f"{name} is not part of the model" for name in state if name not in expected]
    wrong += [
        f"{name} has shape {tuple(state[name].shape)} instead of {shape}"
        for name, shape in expected.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    if wrong:
        shown = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise WrongValueError(f"{origin} does not fit this {type(model).__name__}: {shown}. Nothing was loaded.")
