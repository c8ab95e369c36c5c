"""The dictionaries of arrays that CIFAR-10 and ImageNet 32 come as, read from pickles without running anything.

A pickle names functions and calls them. Here only the few names are known by which numpy writes plain arrays, each
stands for an object of ours that keeps what it is given, and every other name is refused; the arrays are then made from
their bytes. Nothing of numpy, and nothing else, is called on behalf of the file.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data.store import Array
from pixelsnail.errors import WrongValueError, reason

DTYPES = {f"{kind}{size}" for kind in "ui" for size in (1, 2, 4, 8)} | {"f4", "f8", "b1"}
"""Arrays of these are read: plain numbers."""


class _Kept:
    """An object that keeps the arguments and the state that a pickle gives it, and does nothing."""

    __slots__ = ("arguments", "state")

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments, self.state = arguments, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DType(_Kept):
    __slots__ = ()


class _Array(_Kept):
    __slots__ = ()


class _Bytes(_Kept):
    __slots__ = ()


class _Name:
    """Stands where a pickle names a function or class: calling it keeps the arguments."""

    __slots__ = ("_made",)

    def __init__(self, made: type[_Kept] | None) -> None:
        self._made = made

    def __call__(self, *arguments: Any) -> _Kept:
        if self._made is None:
            raise pickle.UnpicklingError("a class is called that holds no array")
        return self._made(arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function is given a state")


_KNOWN: dict[tuple[str, str], type[_Kept] | None] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _Array,
    ("numpy._core.numeric", "_frombuffer"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): None,
    ("_codecs", "encode"): _Bytes,
}


class _Reader(pickle.Unpickler):
    """Plain containers, text, numbers, and what `_KNOWN` names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _Name(_KNOWN[module, name])


def read_dictionary(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle: text, numbers, lists and arrays of numbers under names.

    Raises WrongValueError for one that holds or calls anything else, and for damage.
    """
    try:
        content = _Reader(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError(f"it holds {type(content).__name__}, no dictionary")
        return {text(name): _plain(value) for name, value in content.items()}
    except PermissionError:
        raise
    except Exception as error:  # a damaged pickle fails in as many ways as there are instructions
        raise WrongValueError(
            f"{path} is no pickled dictionary of plain arrays ({reason(error)}); nothing of it was run. "
            "Replace it by a good copy."
        ) from None


def text(name: Any) -> str:
    """A name as Python 3 has it."""
    plain = _bytes(name)
    return plain.decode("latin1") if isinstance(plain, bytes) else str(plain)


def _plain(value: Any) -> Any:
    """The value with arrays where arrays were kept."""
    if isinstance(value, _Array):
        return _array(value)
    if isinstance(value, _Bytes):
        return _bytes(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value] if any(isinstance(part, _Kept) for part in value) else value
    if isinstance(value, _Kept | _Name | dict):
        raise pickle.UnpicklingError("it holds more than plain arrays")
    return value


def _array(kept: _Array) -> Array:
    """The array that numpy wrote: as its state (version, shape, dtype, by columns, bytes), in pickle 5 as arguments."""
    state: Any = kept.state  # a wrong one fails here, and is told
    if state is None:
        content, dtype, shape, order = kept.arguments
    else:
        _, shape, dtype, by_columns, content = state
        order = "F" if by_columns else "C"
    content = _bytes(content)
    if not isinstance(dtype, _DType) or not isinstance(content, bytes | bytearray):
        raise pickle.UnpicklingError("an array is of objects")
    name, endian = text(dtype.arguments[0]), text((dtype.state or (0, "|"))[1])
    if name not in DTYPES or endian not in "<>|=" or text(order) not in "CF":
        raise pickle.UnpicklingError(f"an array is of {name}")
    flat = np.frombuffer(content, dtype=(endian if endian != "|" else "") + name)
    return flat.reshape(shape, order="F" if text(order) == "F" else "C")


def _bytes(value: Any) -> Any:
    """Bytes that Python 3 wrote in the protocols of Python 2 as such; anything else as it is."""
    if not isinstance(value, _Bytes):
        return value
    content, encoding = value.arguments
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"bytes are encoded as {encoding!r}")
    return content.encode("latin1")
