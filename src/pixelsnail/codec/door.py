"""What the coder sees of images and their context: themselves, or, of a model of several orders, turned images.

A model of several orders codes each image in the order in which it is likeliest, which the file holds as a part of the
context. At the door it is turned; behind it there is one network, and one order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.models.ordered import Ordered
from pixelsnail.models.orders import COLUMNS
from pixelsnail.nn import Context, raster

Size = tuple[int, int]


@dataclass(frozen=True)
class Door:
    """The model that codes, its context of all images, and the order of each (B,), or None where there is but one."""

    model: Model
    context: Context | None
    order: Tensor | None = None

    @classmethod
    def of(cls, model: Model, context: Context | None, sizes: Sequence[Size]) -> "Door":
        """Into a model, with a context that it takes; without an order all images are in the first one.

        Raises ValueError for an image that is not square and in an order along columns.
        """
        if not isinstance(model, Ordered):
            return cls(model, context)
        named, own = model.condition.split(context)
        order = torch.zeros(len(sizes), dtype=torch.long) if named is None else named.long().cpu()
        for i, (size, one) in enumerate(zip(sizes, order.tolist(), strict=True)):
            if one >= COLUMNS and size[0] != size[1]:
                raise WrongValueError(
                    f"Image {i} is {size[0]} x {size[1]} and in order {one}, along columns; expected an order below "
                    f"{COLUMNS} for an image that is not square, or none: then the best one is taken."
                )
        own = of_images(own, slice(None), torch.device("cpu"))
        return cls(model.network, model.network_context(order, own, False) if len(sizes) else None, order)

    def given(self, images: Sequence[int]) -> Context | None:
        """The context of some images."""
        return of_images(self.context, torch.tensor(images), self.model.device)

    def turned(self, place: int, image: Tensor) -> Tensor:
        """An image (C, H, W) as it is coded."""
        return image if self.order is None else raster.turned(image[None], self.order[place, None], False)[0]

    def turned_back(self, place: int, image: Tensor) -> Tensor:
        """The image that is coded so."""
        return image if self.order is None else raster.turned_back(image[None], self.order[place, None], False)[0]


def with_orders(
    model: Model, images: Sequence[Tensor], context: Context | None, together: Sequence[Sequence[int]]
) -> Context | None:
    """The context with the likeliest order of each image, where the model has several and the context names none.

    `together` are images of one size each, whose likelihoods are computed at a time.
    """
    if not isinstance(model, Ordered) or not images or (isinstance(context, Mapping) and "order" in context):
        return context
    best = torch.zeros(len(images), dtype=torch.long)
    for some in together:
        x = torch.stack([images[i] for i in some]).to(model.device)
        own, square = of_images(context, torch.tensor(some), model.device), x.shape[2] == x.shape[3]
        orders = range(model.orders if square else min(model.orders, COLUMNS))
        with torch.inference_mode():
            nats = torch.stack([-model.log_prob(x, own, order=k) for k in orders])
        best[torch.tensor(some)] = nats.argmin(0).cpu()
    return model.condition.join(best, context, len(images), best.device)
