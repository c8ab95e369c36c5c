"""A model's segment call as one compiled program, kept on disk.

Called pixel by pixel, the published PixelSNAIL is a thousand small operations, whose launching takes longer than their
arithmetic. `torch.export` turns the call into one graph, whose batch, segment and attended length stay open, and
AOTInductor compiles that to a shared library. Weights are arguments of the program, so that one program serves every
model of a configuration; it is kept in the user's cache folder and loaded the next time.
"""

import hashlib
import inspect
import json
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.errors import StoppedError, reason
from pixelsnail.nn import Cache, merged

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
        self.model: Any = merged(model)
        self.head = model.head
        self.run = _load(self.model, size)

    def start(self, batch: int, *, size: tuple[int, int] | None = None, context: Tensor | None = None) -> Cache:
        """A new cache, with the buffers and constants that the model's first call would make."""
        one: Cache = self.model.start(1, size=size, context=context)
        self.model(one.levels(1), one)
        self.constants, self.shared = list(one.constants.values()), list(one.of_segment)
        self.weights = list(_weights(self.model).values())
        cache: Cache = self.model.start(batch, size=size, context=context)
        cache.constants = dict(one.constants)
        cache.buffers = {key: h.new_zeros(batch, *h.shape[1:]) for key, h in one.buffers.items()}
        return cache

    def __call__(self, x: Tensor, cache: Cache, context: Tensor | None = None) -> Tensor:
        """A segment's parameters."""
        shared = [cache.shared(name, x.shape[-1], *arguments) for name, *arguments in self.shared]
        buffers = list(cache.buffers.values())
        # A program takes memory as it was laid out when it was compiled, unchecked.
        return self.run(x.contiguous(), cache.position, cache.canvas, shared, buffers, self.constants, self.weights)


def is_ready(model: Any, size: tuple[int, int]) -> str:
    """What a program for images of this size takes: "loaded", "kept" on disk, "compiler" or, without one, "nothing"."""
    key = _key(model, size)
    if key in _loaded:
        return "loaded"
    if (_folder() / f"{key}.pt2").is_file():
        return "kept"
    return "compiler" if _compiler() and size[0] * size[1] >= 4 else "nothing"


def _load(model: Any, size: tuple[int, int]) -> Run:
    key = _key(model, size)
    if key not in _loaded:
        file = _folder() / f"{key}.pt2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about its own code
            if not file.is_file():
                _compile(model, size, file)
            from torch._inductor import aoti_load_package

            _loaded[key] = aoti_load_package(str(file))
    return _loaded[key]


def _compile(model: Any, size: tuple[int, int], file: Path) -> None:
    from pixelsnail.files import write_atomically

    if not _compiler():
        raise CompilationError(
            "engine 'compiled' needs a C++ compiler and found none; install g++, or use engine 'eager'."
        )
    if size[0] * size[1] < 4:
        raise CompilationError(
            f"Images of {size[0]} x {size[1]} pixels are too small to compile for; use engine 'eager'."
        )
    try:
        with torch.inference_mode(False), torch.no_grad():
            exported = _export(model, size)
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(file) as temporary:
                from torch._inductor import aoti_compile_and_package

                aoti_compile_and_package(exported, package_path=str(temporary))
    except Exception as error:
        raise CompilationError(f"The model could not be compiled ({reason(error)}); use engine 'eager'.") from error


def _export(model: Any, size: tuple[int, int]) -> Any:
    """The graph of a segment call, with every size open that differs between two calls."""
    weights = _weights(model)
    (call, first), (_, second) = (_example(model, size, weights, *sizes) for sizes in ((4, 3), (5, 2)))
    open_sizes = [
        [_differing(a, b) for a, b in zip(h, other, strict=True)] if isinstance(h, list) else _differing(h, other)
        for h, other in zip(first, second, strict=True)
    ]
    return torch.export.export(call, tuple(first), dynamic_shapes=tuple(open_sizes), strict=False)


def _example(
    model: Any, size: tuple[int, int], weights: dict[str, Tensor], batch: int, length: int
) -> tuple["_Call", list[Any]]:
    """The call, and its arguments after one pixel, in a batch of some size with a segment of some length."""
    cache = model.start(batch, size=size)
    cache.commit(cache.levels(1))
    x = cache.levels(length)
    model(x, cache)  # makes buffers, constants and what belongs to the segment
    parts = (cache.of_segment, cache.buffers, cache.constants, weights)
    call = _Call(model, [list(part) for part in parts])
    return call, [x, cache.position, cache.canvas, *(list(part.values()) for part in parts)]


def _differing(a: Tensor, b: Tensor) -> dict[int, Any]:
    return {i: torch.export.Dim.DYNAMIC for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)) if m != n}


class _Call(nn.Module):
    """A segment call as a function of tensors alone."""

    def __init__(self, model: nn.Module, names: list[list[Any]]) -> None:
        super().__init__()
        self.parts = (model, names)  # a tuple, so that the model's weights are not this module's

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        canvas: Tensor,
        shared: list[Tensor],
        buffers: list[Tensor],
        constants: list[Tensor],
        weights: list[Tensor],
    ) -> Tensor:
        model, names = self.parts
        tensors = (shared, buffers, constants, weights)
        named = [dict(zip(keys, values, strict=True)) for keys, values in zip(names, tensors, strict=True)]
        cache = Cache(canvas, position, by_rows=model.by_rows)  # type: ignore[arg-type]
        cache.of_segment, cache.buffers, cache.constants = named[:3]
        result: Tensor = torch.func.functional_call(model, named[3], (x, cache))
        if [len(part) for part in named[:3]] != [len(keys) for keys in names[:3]]:
            raise AssertionError("a later call keeps more than the first")
        return result


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def _key(model: Any, size: tuple[int, int]) -> str:
    """What a program depends on: configuration, size, types, this package's and the model's code, torch and machine."""
    code = hashlib.sha256()
    own = Path(__file__).parent.parent
    for source in [*sorted((own / "nn").glob("*.py")), Path(__file__), Path(inspect.getfile(type(model)))]:
        code.update(source.read_bytes())
    first = next(model.parameters())
    machine = (platform.machine(), torch.backends.cpu.get_cpu_capability(), sys.platform)
    parts = (model.configuration, size, str(first.dtype), first.device.type, code.hexdigest(), torch.__version__)
    return hashlib.sha256(json.dumps([parts, machine], default=str).encode()).hexdigest()[:32]


def _compiler() -> str | None:
    """The C++ compiler that torch would take."""
    return next((c for c in (os.environ.get("CXX"), "g++", "clang++") if c and shutil.which(c)), None)


def _folder() -> Path:
    """Where programs are kept: $PIXELSNAIL_CACHE, or pixelsnail in the user's cache folder."""
    own = os.environ.get("PIXELSNAIL_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixelsnail"
