"""Deciding images pixel by pixel: the walk, its sources, and the naive reference."""

from pixelsnail.engine.engines import ENGINES, Engine
from pixelsnail.engine.library import CompilationError, Compiled
from pixelsnail.engine.naive import naive_walk
from pixelsnail.engine.particles import Particles
from pixelsnail.engine.plan import Plan, Rule
from pixelsnail.engine.sources import Decisions, Draw, Known, Source, standing
from pixelsnail.engine.walk import Progress, Step, Walkable, steps, walk

__all__ = [
    "ENGINES",
    "CompilationError",
    "Compiled",
    "Decisions",
    "Draw",
    "Engine",
    "Known",
    "Particles",
    "Plan",
    "Progress",
    "Rule",
    "Source",
    "Step",
    "Walkable",
    "naive_walk",
    "standing",
    "steps",
    "walk",
]
