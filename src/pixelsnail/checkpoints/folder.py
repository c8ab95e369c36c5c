"""Runs and model folders: what `pixelsnail.load` reads and training, `import` and users write."""

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from pixelsnail.checkpoints.reference import check_arguments
from pixelsnail.errors import MissingFileError, WrongValueError, reason
from pixelsnail.files import write_atomically
from pixelsnail.models import MODELS, Model
from pixelsnail.models.weights import CONFIGURATION, load_weights, model_file, read_configuration, weights_file
from pixelsnail.names import instead

ABOUT = "about.json"
HUB = "hf:"
FOLDERS = {"best": "model", "last": "model-last"}
PACKAGED = Path(__file__).resolve().with_name("packaged")
"""Trained models that come with pixelsnail, a folder each."""


def load(name: str | Path, *, weights: str = "best", device: str = "cpu", **download: Any) -> Model:
    """The model of a run, of a model folder, that comes with pixelsnail ("mnist"), or of the Hugging Face hub
    ("hf:owner/name"), in evaluation mode.

    A file or folder that is there wins over a packaged name: a folder mnist hides the packaged mnist. `weights` is
    "best" (those with the lowest validation nats, averaged where training averages) or "last"; a packaged model has
    one set, stored in half precision and computed with in float32.
    Further arguments go to `huggingface_hub.hf_hub_download`. Raises FileNotFoundError for what is not there,
    ValueError for what is not a model or is damaged; nothing is ever loaded in part.
    """
    place = locate(name, weights)
    configuration = read_configuration(_configuration_file(place, download))
    model = build_model(configuration)
    load_weights(model, weights_file(place, download))
    return model.to(device).eval()


def build_model(configuration: Mapping[str, Any]) -> Model:
    """A new model from {"model": name, **constructor arguments}. Raises ValueError for what no model has."""
    arguments = dict(configuration)
    name = arguments.pop("model")
    if name not in MODELS:
        raise WrongValueError(f"There is no model {name!r}; {instead(name, MODELS)}")
    if "shape" in arguments:
        arguments["shape"] = tuple(arguments["shape"])
    check_arguments(arguments, [key for key in signature(MODELS[name].__init__).parameters if key != "self"], name)
    try:
        return MODELS[name](**arguments)
    except TypeError as error:
        raise WrongValueError(f"This configuration does not fit {name}: {reason(error)}.") from None


def locate(name: str | Path, weights: str = "best") -> str:
    """The folder that holds config.json, or a hub id; what a name means is said in `load`.

    Raises FileNotFoundError that says what was looked for.
    """
    if weights not in FOLDERS:
        raise WrongValueError(f"weights is {weights!r}; expected 'best' or 'last'.")
    if str(name).startswith(HUB):
        return str(name).removeprefix(HUB)
    folder = Path(name)
    if is_packaged(name):
        return str(PACKAGED / name)
    if folder.is_file():
        raise WrongValueError(
            f"{folder} is a file, not a run; turn another project's file into a run: pixelsnail import {folder}."
        )
    if not folder.is_dir():
        raise MissingFileError(
            f"There is no run {folder}; expected a run's folder, a model's, hf:owner/name, or a model that comes with "
            f"pixelsnail: {', '.join(packaged())}."
        )
    for candidate in (folder / FOLDERS[weights], folder / FOLDERS["best"], folder):
        if (candidate / CONFIGURATION).is_file():
            return str(candidate)
    if (folder / FOLDERS["last"] / CONFIGURATION).is_file():
        raise MissingFileError(f"{folder} has no best weights yet, only the latest: take weights='last', or train on.")
    run = folder / FOLDERS["best"] / CONFIGURATION
    hidden = f" It hides the {name} that comes with pixelsnail: rename it." if str(name) in packaged() else ""
    raise MissingFileError(f"{folder} holds no model: neither {run} nor {folder / CONFIGURATION} is there.{hidden}")


def packaged() -> list[str]:
    """The names of the models that come with pixelsnail."""
    return sorted(path.parent.name for path in PACKAGED.glob(f"*/{CONFIGURATION}"))


def is_packaged(name: str | Path) -> bool:
    """Whether a name means a model that comes with pixelsnail: it is one's, and no file or folder has it."""
    return str(name) in packaged() and not Path(name).exists()


def save(model: Model, folder: str | Path, *, about: Mapping[str, Any] | None = None) -> None:
    """Writes config.json, model.safetensors and what else is known (about.json), each complete or not at all."""
    folder = Path(folder)
    model.save(folder)
    if about is not None:
        _write_about(folder, about)


def about(name: str | Path, *, weights: str = "best", **download: Any) -> dict[str, Any]:
    """What is known of a model beside its configuration: steps, validation nats, source, ... Empty where nothing is."""
    place = locate(name, weights)
    try:
        path = model_file(place, ABOUT, download)
    except MissingFileError:  # the hub has no such file of that model
        return {}
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WrongValueError(
            f"{path} is not valid JSON ({reason(error)}); restore it from a copy, or remove it."
        ) from None
    return dict(content)


def record(name: str | Path, facts: Mapping[str, Any], *, weights: str = "best") -> None:
    """Adds facts to what is known of a model (about.json). Does nothing to one of the hub or of the package."""
    place = Path(locate(name, weights))
    if place.is_dir() and PACKAGED not in place.resolve().parents:
        _write_about(place, {**about(name, weights=weights), **facts})


def _write_about(folder: Path, facts: Mapping[str, Any]) -> None:
    with write_atomically(folder / ABOUT) as path:
        path.write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")


def _configuration_file(place: str, download: dict[str, Any]) -> Path:
    return model_file(place, CONFIGURATION, download)
