"""Arrays from npz, npy and torch files, without running anything that is in them."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixelsnail.data import kinds
from pixelsnail.data.store import MEMORY, Array
from pixelsnail.errors import MissingFileError, NotAFileError, WrongValueError, reason

SUFFIXES = (".npz", ".npy", ".pt", ".pth")


def load(path: Path, memory: int | None = None) -> dict[str, Array]:
    """Every array of the file by its name, `x` for a single one; more than `memory` bytes stay on the disk if they can.

    `memory` is MEMORY unless given.

    Raises WrongValueError for damage, for pickled objects and for files of another kind.
    """
    if path.is_dir():
        raise NotAFileError(f"{path} is a folder; expected a file of arrays. Images in a folder are folder:{path}.")
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}; expected an npz, npy or pt file with integer arrays.")
    kind, memory = kinds.kind(path), MEMORY if memory is None else memory
    if kind == kinds.TORCH:
        return _torch(path, memory)
    if kind not in kinds.ARRAYS and not kind.startswith(("a damaged", "a file of an unknown")):
        raise WrongValueError(f"{path} is {kind}; expected an npz, npy or pt file with integer arrays.")
    try:
        return _numpy(path, memory)
    except (PermissionError, WrongValueError, MemoryError):
        raise
    except Exception as error:  # damage shows as one of many types, in zipfile, zlib or numpy
        if "allow_pickle" in str(error):
            raise _pickled(path) from None
        raise WrongValueError(f"{path} is not a whole npz file ({reason(error)}). Replace it by a good copy.") from None


def _pickled(path: Path) -> WrongValueError:
    return WrongValueError(
        f"{path} holds pickled objects, or is no npz file; expected plain integer arrays. Pickles are never opened, "
        "since they can run code: save the arrays with an integer dtype."
    )


def _numpy(path: Path, memory: int) -> dict[str, Array]:
    large = path.stat().st_size > memory
    with path.open("rb") as file:  # numpy itself would leave a damaged file open
        archive: Any = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            return {"x": np.load(path, mmap_mode="r", allow_pickle=False) if large else archive}
        if not large:
            return {name: archive[name] for name in archive.files}
        return {name: _mapped(path, name) if _is_stored(path, name) else archive[name] for name in archive.files}


def _is_stored(path: Path, name: str) -> bool:
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(f"{name}.npy").compress_type == zipfile.ZIP_STORED


def _mapped(path: Path, name: str) -> Array:
    """An uncompressed array of an npz file, left on the disk."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            raise WrongValueError(f"{name} in {path} is of npy version {version}; expected 1.0 or 2.0: save it anew.")
        shape, by_column, dtype = read[version](member)
        header, start = member.tell(), archive.getinfo(f"{name}.npy").header_offset
    if dtype.hasobject:
        raise _pickled(path)
    with path.open("rb") as file:  # a local header is 30 bytes, a name and an extra field
        file.seek(start + 26)
        lengths = np.frombuffer(file.read(4), dtype="<u2")
    offset = start + 30 + int(lengths.sum()) + header
    return np.memmap(path, dtype, "r", offset, shape, "F" if by_column else "C")


def _torch(path: Path, memory: int) -> dict[str, Array]:
    """Tensors that torch saved: one, a dictionary of them, a pair (images, labels), or a list of images."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=path.stat().st_size > memory)
    except (PermissionError, MemoryError):
        raise
    except Exception as error:
        raise WrongValueError(
            f"{path} is a torch file that cannot be read as tensors ({reason(error)}); expected a tensor of levels, "
            "or a dictionary of tensors. Nothing else of it is opened, since it can run code."
        ) from None
    return {name: array for name, array in _tensors(content, path).items() if array.size}


def _tensors(content: Any, path: Path) -> dict[str, Array]:
    import torch

    if isinstance(content, torch.Tensor):
        return {"x": _plain(content, path)}
    if isinstance(content, Mapping) and content and all(isinstance(name, str) for name in content):
        kept = {name: value for name, value in content.items() if isinstance(value, torch.Tensor | int)}
        if any(name.endswith((".weight", ".bias", "_state_dict")) for name in content):
            raise WrongValueError(f"{path} holds a model's weights; expected images or codes. `import` reads weights.")
        return {name: _plain(torch.as_tensor(value), path) for name, value in kept.items()}
    if isinstance(content, list | tuple) and content and all(isinstance(part, torch.Tensor) for part in content):
        if is_pair(content):
            return {"x": _plain(content[0], path), "y": _plain(content[1], path)}
        shapes = {tuple(part.shape) for part in content}
        if len(shapes) == 1 and len(next(iter(shapes))) in (2, 3):
            return {"x": _plain(torch.stack(list(content)), path)}
    raise WrongValueError(
        f"{path} holds {type(content).__name__}; expected a tensor of levels, a dictionary of tensors, a pair (images, "
        "labels), or a list of images of one shape."
    )


def is_pair(content: Sequence[Any]) -> bool:
    """Whether these are images and a label for each, as arrays or tensors."""
    if len(content) != 2 or not all(hasattr(part, "ndim") for part in content):
        return False
    return content[0].ndim >= 3 and content[1].ndim < 3 and content[0].shape[:1] == content[1].shape[:1]


def _plain(tensor: Any, path: Path) -> Array:
    if tensor.is_sparse or tensor.is_quantized:
        raise WrongValueError(f"{path} holds a sparse or quantised tensor; expected integers: save it dense.")
    detached = tensor.detach()
    return np.asarray((detached.float() if str(tensor.dtype) == "torch.bfloat16" else detached).numpy())
