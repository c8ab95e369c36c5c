"""The orders of an ordered model, as a part of what it is conditioned on."""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pixelsnail.errors import WrongTypeError, WrongValueError
from pixelsnail.models.condition import Condition, Labels, Map, Several
from pixelsnail.nn import Context, Given
from pixelsnail.whole import whole

if TYPE_CHECKING:
    from pixelsnail.models.model import Model

COLUMNS = 4
"""Orders from this one on go along columns."""

Order = int | Tensor | None
"""An order of all images, one of each (B,), or none in particular."""


def described(order: int) -> str:
    """An order in words: "rows from the top left" for 0."""
    lines, rows, columns = "columns" if order & 4 else "rows", "bottom" if order & 2 else "top", order & 1
    return f"{lines} from the {rows} {'right' if columns else 'left'}"


NAMES: dict[type[Condition], str] = {Labels: "labels", Map: "map"}


class Orders(Condition):
    """The orders of a network, beside `own`, what it is conditioned on otherwise. An order may be left out.

    A context is that of `own` alone, or a mapping with "order" and the parts of `own` by their names.
    """

    def __init__(self, orders: int, own: Condition) -> None:
        super().__init__()
        self.orders = orders
        self._own = (own,)  # a tuple: its weights are the network's

    @property
    def words(self) -> str:
        """What `own` is."""
        return self.own.words

    @property
    def own(self) -> Condition:
        """What the model is conditioned on beside an order."""
        return self._own[0]

    @property
    def own_parts(self) -> dict[str, Condition]:
        """The parts of `own` by name."""
        if isinstance(self.own, Several):
            return self.own.parts
        return {name: self.own for kind, name in NAMES.items() if isinstance(self.own, kind)}

    def split(self, context: Context | None) -> tuple[Tensor | None, Context | None]:
        """A context's order, if it has one, and the context of `own`. Raises as `present` does."""
        order, rest = None, context
        if isinstance(context, Mapping) and "order" in context:
            order, parts = context["order"], {name: part for name, part in context.items() if name != "order"}
            single = NAMES.get(type(self.own))
            rest = parts.get(single) if single and set(parts) == {single} else parts or None
        self.own.present(rest)
        return order, rest

    def by_name(self, own: Context | None) -> dict[str, Tensor]:
        """The parts of a context of `own`, by their names."""
        if own is None:
            return {}
        if isinstance(own, Mapping):
            return dict(own)
        return {"map" if isinstance(self.own, Map) else "labels": own}

    def join(self, order: Order, context: Context | None, batch: int, device: torch.device) -> Context | None:
        """A context in an order, which may be one of all images. Raises where it is not one of the model's."""
        if order is None:
            return context
        named, own = self.split(context)
        if named is not None:
            raise WrongValueError("An order is given and context names one too; leave one of them out.")
        every = order if isinstance(order, Tensor) else torch.full((batch,), whole("order", order, 0), device=device)
        self.check_order(every, batch)
        return {"order": every, **self.by_name(own)}

    def check_order(self, order: Tensor, batch: int) -> None:
        """Raises TypeError or ValueError for what is not an order of each of `batch` images."""
        expected = f"expected one of the {self.orders} orders of this model, 0 ... {self.orders - 1}"
        if order.is_floating_point() or order.is_complex() or order.dtype == torch.bool:
            raise WrongTypeError(f"order has dtype {order.dtype}; {expected}, for each image, as integers.")
        if order.shape != (batch,):
            raise WrongValueError(f"order has shape {tuple(order.shape)}; {expected}, for each of {batch} images.")
        wrong = (order < 0) | (order >= self.orders)
        if bool(wrong.any()):
            raise WrongValueError(f"order is {int(order[wrong][0])}, on which this model was not trained; {expected}.")

    def present(self, context: Context | None) -> None:
        """Raises ValueError where what `own` wants is missing, or not taken."""
        self.split(context)

    def check(self, context: Context | None, batch: int, size: tuple[int, int]) -> None:
        """Raises ValueError or TypeError for what is not a context of `batch` images of `size` (H, W)."""
        order, own = self.split(context)
        if order is not None:
            self.check_order(order, batch)
        self.own.check(own, batch, size)

    def check_data(self, images: Any) -> None:
        """Raises ValueError where a data set does not hold what `own` wants."""
        self.own.check_data(images)

    def of(self, images: Any, indices: Any) -> Context | None:
        """The context of these images, in no order."""
        return self.own.of(images, indices)

    def drawn(self, context: Context | None, numbers: Sequence[int]) -> Context | None:
        """The context with an order for each image, from a random number for each."""
        order = torch.tensor([number % self.orders for number in numbers])
        return self.join(order, context, len(numbers), order.device)

    def shown(self, images: Any, count: int) -> Context | None:
        """That of `own`, in no order."""
        return self.own.shown(images, count)

    def guided(self, context: Context | None) -> Context:
        """Raises ValueError where `own` does; the context in its orders, twice."""
        order, own = self.split(context)
        twice = None if order is None else torch.cat([order, order])
        joined = self.join(twice, self.own.guided(own), 0 if twice is None else len(twice), torch.device("cpu"))
        assert joined is not None
        return joined

    def example(self, batch: int, size: tuple[int, int]) -> Context | None:
        """An example of `own`, in raster order."""
        return {"order": torch.zeros(batch, dtype=torch.long), **self.by_name(self.own.example(batch, size))}


class LabelsInOrder(Labels):
    """The labels by which a network of several orders knows orders and classes: order * width + class.

    `width` labels of an order are its classes, and that of none where labels may be left out; 1 without classes.
    """

    def __init__(self, orders: int, classes: int, dropout: float) -> None:
        self.width = max(1, classes + bool(dropout))
        super().__init__(orders * self.width, dropout)

    def guided(self, context: Context | None) -> Context:
        """The labels, and then the label of none in the same orders."""
        assert isinstance(context, Tensor)
        if not self.dropout:
            return super().guided(context)
        return torch.cat([context.long(), self._without(context)])

    def forward(self, context: Context | None) -> Given:
        """The labels as layers index by them; in training some classes are left out, never an order."""
        self.present(context)
        assert isinstance(context, Tensor)
        labels = context.long()
        if self.training and self.dropout:
            left_out = torch.rand(labels.shape, device=labels.device) < self.dropout
            labels = torch.where(left_out, self._without(labels), labels)
        return {"labels": labels}

    def _without(self, labels: Tensor) -> Tensor:
        return torch.div(labels.long(), self.width, rounding_mode="floor") * self.width + self.width - 1


def network_of(of: Mapping[str, Any], orders: int) -> "Model":
    """The network of a configuration, with a label for each order of each class."""
    from pixelsnail.models import MODELS  # whose table this model is in
    from pixelsnail.names import instead

    if orders not in (2, 4, 8):
        raise WrongValueError(
            f"orders is {orders!r}; expected 8, 4 (none along columns) or 2 (from both ends of rows)."
        )
    arguments = dict(of)
    name = str(arguments.pop("model", None))
    if name not in MODELS or name == "Ordered":
        raise WrongValueError(f"of names no model of one order, but {name!r}; {instead(name, MODELS)}")
    names = inspect.signature(MODELS[name].__init__).parameters
    if "classes" not in names:
        able = [one for one, model in MODELS.items() if "classes" in inspect.signature(model.__init__).parameters]
        raise WrongValueError(
            f"{name} takes no class labels, which tell a network its order; expected one of {', '.join(able)}."
        )
    wrong = [argument for argument in arguments if argument not in names]
    if wrong:
        raise WrongValueError(f"{name} has no argument {wrong[0]!r}; {instead(wrong[0], names)}")
    classes, dropout = whole("classes", arguments.get("classes", 0), 0), arguments.pop("label_dropout", 0.0)
    if not 0 <= dropout < 1 or (dropout and not classes):
        raise WrongValueError(f"label_dropout is {dropout!r} with classes {classes}; expected a share, and 0 of none.")
    labels = LabelsInOrder(orders, classes, dropout)
    arguments["classes"] = labels.classes
    if "shape" in arguments:
        arguments["shape"] = tuple(arguments["shape"])
    network = MODELS[name](**arguments)
    check_both(network, orders, *network.shape[1:])
    if isinstance(network.condition, Several):
        network.condition.labels = labels
    else:
        network.condition = labels
    return network


def check_both(network: "Model", orders: int, height: int, width: int) -> None:
    """Raises ValueError where the network does not take a size, or that size turned."""
    network.check_size(height, width)
    if orders > COLUMNS and height != width:
        try:
            network.check_size(width, height)
        except ValueError as error:
            raise WrongValueError(
                f"Orders along columns turn images of {height} x {width}, and {str(error).rstrip('.')}; or take "
                "4 orders, which go along rows."
            ) from None
