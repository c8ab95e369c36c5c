"""What training tells while it works."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Where training stands, once a step and several times in each validation and sample grid.

    `phase` is "train", "validate" or "sample"; `done` of `total` parts of it are over (steps, images or pixels).
    """

    phase: str
    done: int
    total: int | None
    """None where training has no last step."""
    step: int
    epoch: int
    nats: float | None
    """Loss in nats an image: of the latest step in training, so far in validation."""
    images_per_second: float | None
    """Of the latest steps, in training."""
    seconds_left: float | None
    """Until training ends, validations and samples included."""


Progress = Callable[[Event], object]
