"""Comparisons: several recipes under one budget, with several seeds, in one table and on one scale."""

from pixelsnail.comparison.budget import Budget
from pixelsnail.comparison.table import Comparison, Entry, Result, Row
from pixelsnail.comparison.trainings import compare

__all__ = ["Budget", "Comparison", "Entry", "Result", "Row", "compare"]
