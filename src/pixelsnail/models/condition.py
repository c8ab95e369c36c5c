"""What a model is conditioned on: one small object that checks a context and prepares what layers read.

There is one road. A data set gives a context (`of`), every public verb checks it (`check`), and calling the condition
makes of it what layers read (`Given`): once an image, in a whole image's pass and when a walk starts.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.models.levels import check_labels
from pixelsnail.nn import Given


class Labelled(Protocol):
    """A data set, as far as conditions read it."""

    @property
    def source(self) -> str:
        """What a message calls it."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """(N,), or None."""
        ...

    def needed_labels(self) -> Tensor:
        """(N,), each at least 0. Raises ValueError that says why there are none."""
        ...


class Condition(nn.Module):
    """Nothing: the condition of an unconditional model, and what all conditions can."""

    def check(self, context: Tensor | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError for a context that is not one of `batch` images of `size` (H, W)."""
        if context is not None:
            raise WrongValueError("This model is unconditional and takes no context; leave context out.")

    def check_data(self, images: Labelled) -> None:
        """Raises ValueError where a data set does not hold what the model is conditioned on."""

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Tensor | None:
        """The context of these images of a data set."""
        return None

    def example(self, batch: int, size: tuple[int, int]) -> Tensor | None:
        """A context of `batch` images of `size` (H, W), of any content."""
        return None

    def forward(self, context: Tensor | None) -> Given:
        """What layers read of a context."""
        if context is not None:
            raise WrongValueError("This model is unconditional and takes no context; leave context out.")
        return {}


class Labels(Condition):
    """A class label for every image: (B,) whole numbers 0 ... classes - 1, of any integer dtype."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def check(self, context: Tensor | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError for what is not a label of each of `batch` images."""
        check_labels(context, self.classes, batch)

    def check_data(self, images: Labelled) -> None:
        """Raises ValueError for images without labels, or with labels of more classes."""
        most = int(images.needed_labels().max())
        if most >= self.classes:
            raise WrongValueError(
                f"The model is conditioned on {self.classes} classes, but {images.source} has a label {most}; "
                f"expected 0 ... {self.classes - 1}: set classes to {most + 1} at least."
            )

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Tensor | None:
        """The labels of these images."""
        return None if images.labels is None else images.labels[torch.as_tensor(indices)]

    def example(self, batch: int, size: tuple[int, int]) -> Tensor | None:
        """All classes in turn."""
        return torch.arange(batch) % self.classes

    def forward(self, context: Tensor | None) -> Given:
        """The labels as layers index by them."""
        if context is None:
            raise WrongValueError(
                f"This model is conditional and context is missing; expected a class label 0 ... {self.classes - 1} "
                "for each image."
            )
        return {"labels": context.long()}
