"""The Hugging Face hub's way to save, load and share a model; its library is imported when something is shared."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from pixelsnail.files import write_atomically
from pixelsnail.models.weights import (
    CONFIGURATION,
    load_weights,
    model_file,
    read_configuration,
    save_model,
    weights_file,
)

DOWNLOAD = ("revision", "cache_dir", "token", "force_download", "local_files_only")
"""What `huggingface_hub.hf_hub_download` is told."""
CARD = """---
library_name: pixelsnail
license: mit
pipeline_tag: unconditional-image-generation
tags: [pixelsnail, {model}]
---

# {model}

An exact-likelihood image model of the Python package pixelsnail:

```python
import pixelsnail

model = pixelsnail.load("hf:OWNER/NAME")
model.sample(16, seed=0)
```
"""


class Shared(nn.Module):
    """What `huggingface_hub.PyTorchModelHubMixin` gives a model, without its import, a quarter of a second."""

    arguments: dict[str, Any]
    """The constructor's, by name: those that JSON knows."""

    def __new__(cls, *arguments: Any, **named: Any) -> "Shared":
        """Notes the arguments."""
        instance = super().__new__(cls)
        signature = inspect.signature(cls.__init__)
        try:
            bound = signature.bind(instance, *arguments, **named)
        except TypeError:  # a copy is made without arguments, and a wrong call is told by the constructor
            return instance
        bound.apply_defaults()
        found = dict(list(bound.arguments.items())[1:])
        for name, parameter in signature.parameters.items():
            if parameter.kind == parameter.VAR_KEYWORD:
                found |= found.pop(name)
        kept = {name: _plain(value) for name, value in found.items()}
        object.__setattr__(instance, "arguments", {name: value for name, value in kept.items() if _in_json(value)})
        return instance

    @property
    def configuration(self) -> dict[str, Any]:
        """The constructor's arguments, and the model's name under "model": what config.json holds."""
        return {"model": type(self).__name__, **self.arguments}

    def save(self, folder: str | Path) -> None:
        """Writes config.json and model.safetensors, each complete or not at all."""
        save_model(self, self.configuration, Path(folder))

    def save_pretrained(
        self, save_directory: str | Path, *, repo_id: str | None = None, push_to_hub: bool = False, **push: Any
    ) -> str | None:
        """`save`, and a model card (README.md) where there is none; `push_to_hub` shares it, and gives the address."""
        folder = Path(save_directory)
        self.save(folder)
        if not (folder / "README.md").exists():
            with write_atomically(folder / "README.md") as path:
                path.write_text(CARD.format(model=type(self).__name__), encoding="utf-8")
        return self.push_to_hub(repo_id or folder.name, **push) if push_to_hub else None

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str = "Push a pixelsnail model",
        private: bool | None = None,
        token: str | None = None,
        branch: str | None = None,
        **upload: Any,
    ) -> str:
        """Shares the model as "owner/name" and gives the commit's address; `upload` goes to `HfApi.upload_folder`."""
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        name = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return str(
                api.upload_folder(
                    repo_id=name, folder_path=folder, commit_message=commit_message, revision=branch, **upload
                )
            )

    @classmethod
    def from_pretrained(cls, name: str | Path, *, map_location: str = "cpu", **options: Any) -> Any:
        """A model of this class from a folder or from the hub ("owner/name"), in evaluation mode.

        `options` are those of `huggingface_hub.hf_hub_download` (revision, token, ...), and arguments that are other
        than the saved ones. Loads all weights, or raises ValueError and loads none.
        """
        download = {key: options.pop(key) for key in DOWNLOAD if key in options}
        arguments = read_configuration(model_file(str(name), CONFIGURATION, download), cls.__name__)
        del arguments["model"]
        model = cls(**(arguments | options))
        load_weights(model, weights_file(str(name), download))
        return model.to(map_location).eval()


def _plain(value: Any) -> Any:
    """An argument with Python's own whole numbers in it, where it has numpy's."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return int(value) if isinstance(value, np.integer) else value


def _in_json(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_in_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _in_json(one) for key, one in value.items())
    return value is None or isinstance(value, bool | int | float | str)
