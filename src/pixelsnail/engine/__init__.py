"""Deciding images pixel by pixel: the walk, its sources, and the naive reference."""

from pixelsnail.engine.naive import naive_walk
from pixelsnail.engine.sources import Decisions, Draw, Known, Source
from pixelsnail.engine.walk import Progress, walk

__all__ = ["Decisions", "Draw", "Known", "Progress", "Source", "naive_walk", "walk"]
