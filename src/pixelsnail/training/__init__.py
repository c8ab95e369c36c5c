"""Training: recipes, runs, and `train`. Lightning is imported when training starts."""

from pixelsnail.training.compare import compare
from pixelsnail.training.events import Event, Progress
from pixelsnail.training.recipe import Option, Recipe, options, read
from pixelsnail.training.runs import RunFolder
from pixelsnail.training.sections import Data, Optimizer, Run
from pixelsnail.training.train import train

__all__ = [
    "Data",
    "Event",
    "Optimizer",
    "Option",
    "Progress",
    "Recipe",
    "Run",
    "RunFolder",
    "compare",
    "options",
    "read",
    "train",
]
