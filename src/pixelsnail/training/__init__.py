"""Training: recipes, runs, and `train`. Lightning is imported when training starts."""

from pixelsnail.training.events import Event, Progress
from pixelsnail.training.recipe import Option, Recipe, options, packaged, read
from pixelsnail.training.runs import RunFolder
from pixelsnail.training.sections import Data, Optimizer, Run
from pixelsnail.training.train import train
from pixelsnail.training.trained import Trained, check_same_data, check_same_levels, open_as_trained, trained_on

__all__ = [
    "Data",
    "Event",
    "Optimizer",
    "Option",
    "Progress",
    "Recipe",
    "Run",
    "RunFolder",
    "Trained",
    "check_same_data",
    "check_same_levels",
    "open_as_trained",
    "options",
    "packaged",
    "read",
    "train",
    "trained_on",
]
