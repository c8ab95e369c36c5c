"""What a model is conditioned on: one small object that checks a context and prepares what layers read.

There is one road. A data set gives a context (`of`), every public verb checks it (`check`), and calling the condition
makes of it what layers read (`Given`): once an image, in a whole image's pass and when a walk starts.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.models.levels import check_labels, check_map
from pixelsnail.nn import Context, Given


class Mapped(Protocol):
    """The maps of a data set: images of their own."""

    @property
    def source(self) -> str:
        """What a message calls them."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Those at some indices: (n, C, H, W)."""
        ...


class Labelled(Protocol):
    """A data set, as far as conditions read it."""

    @property
    def source(self) -> str:
        """What a message calls it."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """(N,), or None."""
        ...

    @property
    def maps(self) -> Mapped | None:
        """A map of each image, or None."""
        ...

    def __len__(self) -> int: ...

    def needed_labels(self) -> Tensor:
        """(N,), each at least 0. Raises ValueError that says why there are none."""
        ...


class Condition(nn.Module):
    """Nothing: the condition of an unconditional model, and what all conditions can."""

    @property
    def words(self) -> str:
        """What a model is conditioned on, for people."""
        return "none (unconditional)"

    def present(self, context: Context | None) -> None:
        """Raises ValueError where a context is missing, or given and not taken. Looks at no value of it."""
        if context is not None:
            raise WrongValueError("This model is unconditional and takes no context; leave context out.")

    def check(self, context: Context | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError for a context that is not one of `batch` images of `size` (H, W)."""
        self.present(context)

    def check_data(self, images: Labelled) -> None:
        """Raises ValueError where a data set does not hold what the model is conditioned on."""

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Context | None:
        """The context of these images of a data set."""
        return None

    def drawn(self, context: Context | None, numbers: Sequence[int]) -> Context | None:
        """A context of training images with what is drawn anew for each, from a random number for each."""
        return context

    def example(self, batch: int, size: tuple[int, int]) -> Context | None:
        """A context of `batch` images of `size` (H, W), of any content."""
        return None

    def shown(self, images: Labelled, count: int) -> Context | None:
        """A context for a grid of `count` images: all classes in turn, and the maps of the first images."""
        return None

    def guided(self, context: Context | None) -> Context:
        """The context of every image, and after these of every image with its label left out: (2 B,).

        Raises ValueError where a model knows no image without its label.
        """
        raise WrongValueError(
            "guidance needs class labels, and this model has none; leave guidance out, or train a model with classes "
            "and label_dropout."
        )

    def forward(self, context: Context | None) -> Given:
        """What layers read of a context. Raises as `present` does."""
        self.present(context)
        return {}


class Labels(Condition):
    """A class label for every image: (B,) whole numbers 0 ... classes - 1, of any integer dtype.

    In training a label is left out with probability `dropout`: layers then read `classes`, the label of none. So a
    model learns p(x) beside p(x | label), from the same weights (Ho & Salimans 2022, arXiv 2207.12598, algorithm 1).
    """

    def __init__(self, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.classes, self.dropout = classes, dropout

    @property
    def words(self) -> str:
        """The range of labels, and whether they may be left out."""
        left_out = f" (left out of {100 * self.dropout:g} % in training: guidance)" if self.dropout else ""
        return f"class labels 0 ... {self.classes - 1}{left_out}"

    def present(self, context: Context | None) -> None:
        """Raises ValueError where there is none, TypeError for several things."""
        if context is None:
            raise WrongValueError(
                f"This model is conditional and context is missing; expected a class label 0 ... {self.classes - 1} "
                "for each image."
            )

    def check(self, context: Context | None, batch: int, size: tuple[int, int]) -> None:
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

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Context | None:
        """The labels of these images."""
        return None if images.labels is None else images.labels[torch.as_tensor(indices)]

    def example(self, batch: int, size: tuple[int, int]) -> Context | None:
        """All classes in turn."""
        return torch.arange(batch) % self.classes

    def shown(self, images: Labelled, count: int) -> Context | None:
        """All classes in turn."""
        return self.example(count, images.shape[1:])

    def guided(self, context: Context | None) -> Context:
        """The labels, and as many times the label of none."""
        assert isinstance(context, Tensor)
        if not self.dropout:
            raise WrongValueError(
                "guidance needs a model that also knows images without their labels, and this one was trained with "
                "all of them; train with model.label_dropout 0.1, or leave guidance out."
            )
        return torch.cat([context.long(), torch.full_like(context, self.classes, dtype=torch.long)])

    def forward(self, context: Context | None) -> Given:
        """The labels as layers index by them; in training some are left out."""
        self.present(context)
        assert isinstance(context, Tensor)
        labels = context.long()
        if self.training and self.dropout:
            labels = labels.masked_fill(torch.rand(labels.shape, device=labels.device) < self.dropout, self.classes)
        return {"labels": labels}


class Map(Condition):
    """Codes of another level at an integer ratio: levels (B, C, H / ratio, W / ratio) in [0, L), of any integer dtype.

    `stack` makes features of them, once an image. Layers of a lower resolution, whose nodes are `nodes` pixels wide,
    read the features over the first pixel of each node.
    """

    def __init__(self, channels: int, levels: int, ratio: int, stack: nn.Module, nodes: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.channels, self.levels, self.ratio, self.stack = channels, levels, ratio, stack
        self.nodes = tuple(nodes)

    @property
    def words(self) -> str:
        """Levels and size."""
        planes = f"{self.channels} x " if self.channels > 1 else ""
        size = f"H / {self.ratio} x W / {self.ratio}" if self.ratio > 1 else "H x W"
        return f"a map of {planes}{size} codes 0 ... {self.levels - 1}"

    def shape(self, batch: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """That of the context of `batch` images of `size` (H, W)."""
        return batch, self.channels, size[0] // self.ratio, size[1] // self.ratio

    def present(self, context: Context | None) -> None:
        """Raises ValueError where there is none."""
        if context is None:
            raise WrongValueError(
                f"This model is conditional and context is missing; expected a map of codes 0 ... {self.levels - 1}, "
                f"(B, {self.channels}, H / {self.ratio}, W / {self.ratio})."
            )

    def check(self, context: Context | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError for what is not a map of each of `batch` images of `size`."""
        self.present(context)
        check_map(context, self.levels, self.shape(batch, size), self.ratio)

    def check_data(self, images: Labelled) -> None:
        """Raises ValueError for images without maps of codes, or with maps of another size or of more levels."""
        maps = self._maps(images)
        expected = self.shape(len(maps), images.shape[1:])[1:]
        if maps.shape != expected:
            raise WrongValueError(
                f"The maps of {maps.source} are (C, H, W) = {maps.shape}, but for images of {images.shape[1]} x "
                f"{images.shape[2]} this model is conditioned on {expected} (map_channels {self.channels}, map_ratio "
                f"{self.ratio})."
            )
        for first in range(0, len(maps), 1024):
            largest = maps.batch(range(first, min(first + 1024, len(maps)))).flatten(1).amax(1)
            wrong = (largest >= self.levels).nonzero()
            if len(wrong):
                place = int(wrong[0])
                raise WrongValueError(
                    f"Map {first + place} of {maps.source} holds code {int(largest[place])}, but this model is "
                    f"conditioned on codes 0 ... {self.levels - 1} (map_levels {self.levels})."
                )

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Context | None:
        """The maps of these images."""
        return self._maps(images).batch(indices)

    def example(self, batch: int, size: tuple[int, int]) -> Context | None:
        """All levels in turn."""
        shape = self.shape(batch, size)
        return torch.arange(torch.Size(shape).numel()).view(shape) % self.levels

    def shown(self, images: Labelled, count: int) -> Context | None:
        """The maps of the first images."""
        return self.of(images, [i % len(images) for i in range(count)])

    def forward(self, context: Context | None) -> Given:
        """The features (B, H / ratio, W / ratio, D), a place's side by side; (B, H / n, W / n, D) of nodes of n."""
        self.present(context)
        features = self.stack(context).permute(0, 2, 3, 1).contiguous()
        given = {"map": features}
        for n in self.nodes:
            if n > 1:
                whole = features.repeat_interleave(self.ratio, 1).repeat_interleave(self.ratio, 2)
                given[f"map_{n}"] = whole[:, ::n, ::n].contiguous()
        return given

    def _maps(self, images: Labelled) -> Mapped:
        if images.maps is None:
            raise WrongValueError(
                f"{images.source} has no maps beside its images, and this model is conditioned on one for each: "
                f"{self.words}; say where they are (data.maps, --context-data)."
            )
        return images.maps


class Several(Condition):
    """More than one condition, each by its name: a context is a mapping from every name to that condition's own."""

    def __init__(self, **parts: Condition) -> None:
        super().__init__()
        self.names = tuple(parts)
        for name, part in parts.items():
            self.add_module(name, part)

    @property
    def parts(self) -> dict[str, Condition]:
        """The conditions by name."""
        return {name: child for name, child in self.named_children() if isinstance(child, Condition)}

    @property
    def words(self) -> str:
        """All of them."""
        return " and ".join(part.words for part in self.parts.values())

    def present(self, context: Context | None) -> None:
        """Raises ValueError where one is missing or not taken, TypeError for what is no mapping."""
        expected = f"expected a mapping with {' and '.join(self.names)}"
        if context is None:
            raise WrongValueError(f"This model is conditional and context is missing; {expected}.")
        if not isinstance(context, Mapping):
            raise WrongTypeError(f"context is a {type(context).__name__}; {expected}, each of all images.")
        for name in self.names:
            if name not in context:
                raise WrongValueError(f"context holds no {name}; {expected}.")
        for name in context:
            if name not in self.names:
                raise WrongValueError(f"context holds {name!r}, which this model does not take; {expected}.")

    def check(self, context: Context | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError where one of them is not that of `batch` images of `size`."""
        for name, part in self._each(context):
            self.parts[name].check(part, batch, size)

    def check_data(self, images: Labelled) -> None:
        """Raises ValueError where a data set does not hold all of them."""
        for part in self.parts.values():
            part.check_data(images)

    def of(self, images: Labelled, indices: Sequence[int] | Tensor) -> Context | None:
        """All of these images."""
        return _by_name({name: part.of(images, indices) for name, part in self.parts.items()})

    def example(self, batch: int, size: tuple[int, int]) -> Context | None:
        """An example of each."""
        return _by_name({name: part.example(batch, size) for name, part in self.parts.items()})

    def shown(self, images: Labelled, count: int) -> Context | None:
        """That of each."""
        return _by_name({name: part.shown(images, count) for name, part in self.parts.items()})

    def guided(self, context: Context | None) -> Context:
        """The label is left out; all else is given twice."""
        labels = [name for name, part in self.parts.items() if isinstance(part, Labels)]
        if not labels:
            return super().guided(context)
        found = dict(self._each(context))
        twice = {name: torch.cat([part, part]) for name, part in found.items()}
        return twice | _by_name({name: self.parts[name].guided(found[name]) for name in labels})

    def forward(self, context: Context | None) -> Given:
        """What layers read of all of them."""
        given: dict[str, Tensor] = {}
        for name, part in self._each(context):
            given.update(self.parts[name](part))
        return given

    def _each(self, context: Context | None) -> list[tuple[str, Tensor]]:
        self.present(context)
        assert isinstance(context, Mapping)
        return [(name, context[name]) for name in self.names]


def conditions(**parts: Condition | None) -> Condition:
    """The condition of a model that has these: nothing, the one that there is, or several by name."""
    found = {name: part for name, part in parts.items() if part is not None}
    if len(found) > 1:
        return Several(**found)
    return next(iter(found.values()), Condition())


def of_images(context: Context | None, some: slice | Tensor, device: torch.device | None = None) -> Context | None:
    """The context of some of the images, on a device."""
    if context is None:
        return None
    if isinstance(context, Mapping):
        return {name: part[some].to(device) for name, part in context.items()}
    return context[some].to(device)


def _by_name(contexts: Mapping[str, Context | None]) -> dict[str, Tensor]:
    return {name: part for name, part in contexts.items() if isinstance(part, Tensor)}
