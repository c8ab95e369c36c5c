"""Compiled programs: made by a C++ compiler in about a minute, kept in the user's cache folder, loaded in seconds."""

import hashlib
import inspect
import json
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixelsnail.engine.program import export, signature_of, weights
from pixelsnail.errors import StoppedError, reason
from pixelsnail.nn import Segment, merged

Run = Callable[..., Tensor]

_loaded: dict[str, Run] = {}


class CompilationError(StoppedError):
    """A program is asked for and cannot be made."""


class Compiled:
    """A model whose segment calls run as a program. Walks as the model does, with the same result."""

    def __init__(self, model: Any, size: tuple[int, int]) -> None:
        """Loads the program for images of `size` (H, W), or compiles it, which takes about a minute.

        Raises CompilationError where it must be compiled and cannot be, in one sentence.
        """
        model = merged(model)
        self.head = model.head
        self.run = _load(model, size)
        self.signature = signature_of(model, size)
        self.weights = list(weights(model).values())

    def __call__(self, x: Tensor, segment: Segment) -> Tensor:
        """A segment's parameters."""
        # A program takes memory as it was laid out when it was compiled, unchecked.
        return self.run(x.contiguous(), *self.signature.arguments(segment), self.weights)


def is_at_hand(model: Any, size: tuple[int, int]) -> bool:
    """Whether a program for images of this size (H, W) is loaded or on the disk."""
    name = key(model, size)
    return name in _loaded or (folder() / f"{name}.pt2").is_file()


def compiler() -> str | None:
    """The C++ compiler that torch would take."""
    return next((c for c in (os.environ.get("CXX"), "g++", "clang++") if c and shutil.which(c)), None)


def folder() -> Path:
    """Where programs are kept: $PIXELSNAIL_CACHE, or pixelsnail in the user's cache folder."""
    own = os.environ.get("PIXELSNAIL_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixelsnail"


def key(model: Any, size: tuple[int, int], read: Callable[[Path], bytes] = Path.read_bytes) -> str:
    """What a program depends on: configuration, size, types, the code that the model runs, versions and the machine."""
    code = hashlib.sha256()
    for file in code_of(model):
        code.update(read(file))
    first = next(model.parameters())
    versions = (version("pixelsnail"), torch.__version__, platform.python_version())
    machine = (platform.machine(), torch.backends.cpu.get_cpu_capability(), sys.platform)
    parts = (model.configuration, size, str(first.dtype), first.device.type, code.hexdigest(), versions, machine)
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def code_of(model: Any) -> list[Path]:
    """The files that a segment call's graph comes from: all layers, all models, and those of foreign modules."""
    own = Path(__file__).parent
    floors = [file for floor in ("nn", "models") for file in (own.parent / floor).glob("*.py")]
    foreign = {Path(inspect.getfile(type(module))) for module in model.modules()}
    foreign = {file for file in foreign if not file.is_relative_to(Path(torch.__file__).parent)}
    return sorted({*floors, *foreign, own / "program.py"})


def _load(model: Any, size: tuple[int, int]) -> Run:
    name = key(model, size)
    if name not in _loaded:
        file = folder() / f"{name}.pt2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about its own code
            if not file.is_file():
                _compile(model, size, file)
            from torch._inductor import aoti_load_package

            _loaded[name] = aoti_load_package(str(file))
    return _loaded[name]


def _compile(model: Any, size: tuple[int, int], file: Path) -> None:
    from pixelsnail.files import write_atomically

    if not compiler():
        raise CompilationError(
            "engine 'compiled' needs a C++ compiler and found none; install g++, or use engine 'eager'."
        )
    if size[0] * size[1] < 4:
        raise CompilationError(
            f"Images of {size[0]} x {size[1]} pixels are too small to compile for; use engine 'eager'."
        )
    try:
        with torch.inference_mode(False), torch.no_grad():
            exported = export(model, size)
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(file) as temporary:
                from torch._inductor import aoti_compile_and_package

                aoti_compile_and_package(exported, package_path=str(temporary))
    except Exception as error:
        raise CompilationError(f"The model could not be compiled ({reason(error)}); use engine 'eager'.") from error
