"""Which model this is: sixteen bytes that two models share only if they give the same probabilities."""

import hashlib
import inspect
import json
from typing import Any

import torch

from pixelsnail.models.model import Model

BYTES = 16


def fingerprint(model: Model) -> bytes:
    """The first 16 bytes of SHA-256 over the configuration and all weights, wherever they are.

    Weights count by their values, so that a model in float32 and the same model in float64 have one fingerprint; any
    changed weight gives another one. Arguments count where they are not the constructor's defaults, so that one that a
    later version adds changes no fingerprint.
    """
    digest = hashlib.sha256(json.dumps(_told(model), sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().to(torch.float64 if tensor.is_floating_point() else torch.int64).contiguous()
        digest.update(json.dumps([name, list(values.shape)]).encode())
        digest.update(values.numpy().astype(values.numpy().dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.digest()[:BYTES]


def _told(model: Model) -> dict[str, Any]:
    """The configuration without what is a default."""
    defaults = {name: one.default for name, one in inspect.signature(type(model).__init__).parameters.items()}
    same = {name for name, value in model.configuration.items() if name in defaults and _plain(value) == defaults[name]}
    return {name: value for name, value in model.configuration.items() if name not in same}


def _plain(value: Any) -> Any:
    """A list as the tuple that a signature has."""
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value
