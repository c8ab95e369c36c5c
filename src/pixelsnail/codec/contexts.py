"""What images are conditioned on, in their file: a decoder needs it before the first pixel.

number of parts: 0 for a context without names, else that many names and parts
--  names: one packed text
of each part: number of its axes behind the images, those axes, n, the bytes of its stream
    the stream: its values as equally likely ones of n
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pixelsnail.codec.fields import DamageError, Fields, number, text
from pixelsnail.codec.range_coder import read_uniform, write_uniform
from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.nn import Context

MOST = 2**24 - 1
"""Values that a part may have: constriction's uniform tables have no more."""
MOST_PARTS, MOST_AXES = 64, 4


def pack_context(context: Context) -> bytes:
    """The bytes of a context, each part with the images first. Raises TypeError or ValueError for what has no code."""
    if not isinstance(context, Mapping):
        return number(0) + _pack("context", context)
    named = dict(context)
    return number(len(named)) + text(list(named)) + b"".join(_pack(name, part) for name, part in named.items())


def _pack(name: str, part: Tensor) -> bytes:
    if part.is_floating_point():
        raise WrongTypeError(f"{name} has dtype {part.dtype}; expected whole numbers, which a file can hold exactly.")
    values = part.detach().cpu().numpy().astype(np.int64)
    size = max(2, int(values.max()) + 1 if values.size else 2)
    if size > MOST or (values.size and values.min() < 0):
        raise WrongValueError(f"{name} holds {values.min()} ... {values.max()}; expected 0 ... {MOST - 1}.")
    stream = write_uniform(values.reshape(-1), size)
    axes = [number(n) for n in (values.ndim - 1, *values.shape[1:])]
    return b"".join([*axes, number(size), number(len(stream)), stream])


def unpack_context(fields: Fields, count: int) -> Context:
    """The context of `count` images. Raises `DamageError`, or ValueError for a damaged stream."""
    parts = fields.number("parts of the context", MOST_PARTS)
    if parts == 0:
        return _unpack(fields, count)
    names = fields.text("names of the context", parts)
    return {name: _unpack(fields, count) for name in names}


def _unpack(fields: Fields, count: int) -> Tensor:
    axes = [fields.number("an axis", 2**20) for _ in range(fields.number("axes", MOST_AXES))]
    size = fields.number("values of the context", MOST, 2)
    stream = fields.take(fields.number("the length of the context", fields.left))
    values = count * int(np.prod(axes, dtype=object))
    if values > 8 * len(stream):
        raise DamageError(f"its context has {values:,} values in {len(stream):,} bytes")
    return torch.from_numpy(read_uniform(stream, values, size)).view(count, *axes)
