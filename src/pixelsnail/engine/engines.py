"""Which engine decides images: a whole forward pass a pixel, the walk, or the walk of a compiled program."""

import time
from contextlib import suppress
from typing import Any, cast

from torch import Tensor

from pixelsnail.engine import library
from pixelsnail.engine.naive import naive_walk
from pixelsnail.engine.plan import Plan, Rule
from pixelsnail.engine.sources import Source
from pixelsnail.engine.walk import Progress, Walkable, walk
from pixelsnail.errors import WrongValueError
from pixelsnail.nn import Context, merged

ENGINES = ("auto", "compiled", "eager", "naive")

LARGEST = 32
"""Images in a batch up to which a program is the faster engine: at 64 it saved nothing when measured."""
PAYS = 900.0
"""Seconds of eager work ahead that pay for making a program: it takes 100 at most, and saves 15 % at least."""


class Engine:
    """Decides batch after batch of a model's images of one size (H, W), as a plan says.

    "auto" takes a compiled program that is loaded or on the disk, else the eager engine, unless the images ahead
    clearly pay for compiling.
    """

    def __init__(self, model: Any, plan: Plan, size: tuple[int, int]) -> None:
        """Raises ValueError for an unknown engine, CompilationError where "compiled" is asked for and cannot be had."""
        if plan.engine not in ENGINES:
            raise WrongValueError(f"There is no engine {plan.engine!r}; expected one of {', '.join(ENGINES)}.")
        self.model: Any = merged(model)
        self.plan, self.size = plan, size
        self.walked: Walkable = cast(Any, self.model)
        self.may_compile = plan.engine == "auto" and model.device.type == "cpu" and plan.batch <= LARGEST
        if plan.engine == "compiled":
            self.walked = library.Compiled(self.model, size)
        elif self.may_compile and library.is_at_hand(self.model, size):
            self._compile()

    def decide(
        self,
        source: Source,
        batch: int,
        rest: int,
        context: Context | None,
        rule: Rule,
        progress: Progress | None,
        until: int | None = None,
    ) -> Tensor:
        """Levels (batch, C, H, W) of the next images, right before pixel `until`; `rest` more images will follow."""
        cache = self.model.start(batch, size=self.size, context=context, guided=bool(rule.guidance))
        if self.plan.engine == "naive":
            return naive_walk(self.model, source, cache, rule, progress, context, until)
        start = time.perf_counter()
        levels = walk(self.walked, source, cache, self.plan, rule, progress, until)
        if self.may_compile and (time.perf_counter() - start) / batch * rest > PAYS and library.compiler():
            self._compile()
        return levels

    def _compile(self) -> None:
        self.may_compile = False
        with suppress(library.CompilationError):  # then the eager engine goes on
            self.walked = library.Compiled(self.model, self.size)
