"""Deciding images pixel by pixel: the walk, its sources, and the naive reference."""

from pixelsnail.engine.engines import ENGINES, Engine
from pixelsnail.engine.naive import naive_walk
from pixelsnail.engine.program import CompilationError, Compiled, is_ready
from pixelsnail.engine.sources import Decisions, Draw, Known, Source
from pixelsnail.engine.walk import Progress, walk

__all__ = [
    "ENGINES",
    "CompilationError",
    "Compiled",
    "Decisions",
    "Draw",
    "Engine",
    "Known",
    "Progress",
    "Source",
    "is_ready",
    "naive_walk",
    "walk",
]
