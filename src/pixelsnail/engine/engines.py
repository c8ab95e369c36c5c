"""Which engine decides images, and when a compiled program is worth its price."""

import time
from contextlib import suppress
from typing import Any

from torch import Tensor

from pixelsnail.engine.naive import naive_walk
from pixelsnail.engine.program import CompilationError, Compiled, is_ready
from pixelsnail.engine.sources import Source
from pixelsnail.engine.walk import walk
from pixelsnail.errors import WrongValueError
from pixelsnail.nn import merged

ENGINES = ("auto", "compiled", "eager", "naive")

SAVES = 0.15
"""The share of the eager engine's time that a program saves at least, as measured by benchmarks/sampling.py: half for
one image, 18 % for 16."""
LARGEST = 32
"""Images in a batch up to which a program is the faster engine: at 64 it saved nothing when measured."""
PRICE = {"loaded": 0.0, "kept": 5.0, "compiler": 100.0}
"""Seconds that a program costs before its first call, generously."""


class Engine:
    """Decides batch after batch of a model's images of one size (H, W), by the engine called `name`.

    "auto" begins with the eager one, and goes on with a program as soon as that saves more time than it costs: at
    once where one is loaded, never for a few images.
    """

    def __init__(self, model: Any, name: str, size: tuple[int, int], context: Tensor | None) -> None:
        """Raises ValueError for an unknown engine, CompilationError where "compiled" is asked for and cannot be had."""
        if name not in ENGINES:
            raise WrongValueError(f"There is no engine {name!r}; expected one of {', '.join(ENGINES)}.")
        self.model = model = merged(model)
        self.size = size
        self.loop = naive_walk if name == "naive" else walk
        self.walked: Any = model
        self.open = name == "auto" and context is None and model.device.type == "cpu"
        if name == "compiled":
            if context is not None:
                raise CompilationError("engine 'compiled' takes no context; use engine 'eager'.")
            self.walked = Compiled(model, size)

    def decide(self, source: Source, batch: int, rest: int, **options: Any) -> Tensor:
        """Levels of `batch` images; `rest` more images will follow. `options` are those of `walk`."""
        if self.open and batch <= LARGEST:
            self._consider(0.0)
        start = time.perf_counter()
        levels = self.loop(self.walked, source, batch, size=self.size, **options)
        if self.open and rest and batch <= LARGEST:
            self._consider((time.perf_counter() - start) / batch * rest)
        return levels

    def _consider(self, ahead: float) -> None:
        """Takes a program where it saves more of the seconds `ahead` than it costs."""
        price = PRICE.get(is_ready(self.model, self.size))
        if price is not None and (price == 0 or SAVES * ahead > price):
            self.open = False
            with suppress(CompilationError):  # then the eager engine goes on
                self.walked = Compiled(self.model, self.size)
