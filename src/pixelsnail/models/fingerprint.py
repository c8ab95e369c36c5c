"""Which model this is: sixteen bytes that two models share only if they give the same probabilities."""

import hashlib
import json

import torch

from pixelsnail.models.model import Model

BYTES = 16


def fingerprint(model: Model) -> bytes:
    """The first 16 bytes of SHA-256 over the configuration and all weights, wherever they are.

    Weights count by their values, so that a model in float32 and the same model in float64 have one fingerprint; any
    changed weight gives another one.
    """
    digest = hashlib.sha256(json.dumps(model.configuration, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().to(torch.float64 if tensor.is_floating_point() else torch.int64).contiguous()
        digest.update(json.dumps([name, list(values.shape)]).encode())
        digest.update(values.numpy().astype(values.numpy().dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.digest()[:BYTES]
