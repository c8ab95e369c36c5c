"""One network, several raster orders: the flips and transposes of an image.

A. Jain, P. Abbeel, D. Pathak: Locally masked convolution for autoregressive models, 2020, arXiv 2006.12486, trains one
network on eight orders and averages their probabilities. Here a network learns which order it sees as it learns a class
of images: by a bias of that order.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from pixelsnail.distributions import PixelDistribution
from pixelsnail.engine import Draw, Known, Plan, Progress, Rule, Source, noise
from pixelsnail.errors import WrongValueError
from pixelsnail.models.condition import Condition, Labels, conditions, of_images
from pixelsnail.models.model import Model, check_refinement, evaluating, whole_sizes
from pixelsnail.models.orders import COLUMNS, LabelsInOrder, Order, Orders, check_both, network_of
from pixelsnail.nn import Cache, ClassBias, Context, Segment, raster
from pixelsnail.whole import whole

if TYPE_CHECKING:
    from pixelsnail.models.posterior import Posterior


class Ordered(Model):
    """turn(x) -> network, which knows the order -> turn back

    Order k begins at the right where k & 1, at the bottom where k & 2, and goes along columns where k & 4: 0 is the
    raster order, and of four `orders` none goes along columns. The image is turned at the door, so that no layer knows.
    For the network an order is a class of images: its label is order * classes + class. Each order is a model of its
    own, and so is their mixture, which is the more accurate:

        log p(x) = log mean over k of p(x | order k)

    `of` is the configuration of the network in one order: {"model": name, "shape": ..., ...}; `context` is that of this
    model. Beside it every verb takes `order`; without one `log_prob` is the mixture's, and `sample` and `complete` say
    which they take. In a context of its own right an order is called so: {"order": (B,), "labels": (B,), ...}.
    """

    def __init__(
        self,
        of: Annotated[dict[str, Any], "the configuration of the model in one order"],
        orders: Annotated[int, "raster orders that it is trained on: 8, 4 (none along columns) or 2"] = 8,
    ) -> None:
        classes, dropout = of.get("classes", 0), of.get("label_dropout", 0.0)
        network = network_of(of, orders)
        super().__init__(network.shape, network.levels)
        self.network, self.orders, self.head = network, orders, network.head
        self.edges = tuple(f"network.{edge}" for edge in network.edges)  # type: ignore[misc]  # they follow from `of`
        self.granularity = network.granularity
        labels = Labels(classes, dropout) if classes else None
        self.condition: Orders = Orders(orders, conditions(labels=labels, map=network.conditions.get("map")))
        self.width = LabelsInOrder(orders, classes, dropout).width
        """Labels of the network for an order."""

    @property
    def conditions(self) -> dict[str, Condition]:
        """All that the model is conditioned on beside its orders, by name."""
        return self.condition.own_parts

    @property
    def blocks(self) -> Any:
        """The network's blocks."""
        return self.network.blocks

    def in_one_order(self) -> dict[str, Any]:
        """The configuration of the network in one order, with all arguments: what `of` is short for."""
        labels = self.conditions.get("labels")
        dropout = labels.dropout if isinstance(labels, Labels) else 0.0
        plain = {**self.network.configuration, "classes": self.classes}
        return {**plain, "label_dropout": dropout} if "label_dropout" in plain else plain

    def state_of_one_order(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a model in one order as this model's: the same function in every order.

        What tells orders apart begins as zeros; what tells classes apart is the same in all orders.
        """
        found = {f"network.{name}": weight for name, weight in state.items()}
        for name, layer in self.network.named_modules():
            if isinstance(layer, ClassBias):
                own = state.get(f"{name}.weight")
                bias = torch.zeros_like(layer.weight) if own is None else own.repeat(1, self.orders)
                found[f"network.{name}.weight"] = bias
        return found

    def widened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a smaller network as this one's."""
        return _of_network(state, self.network.widened)

    def deepened(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a network with fewer blocks as this one's."""
        return _of_network(state, self.network.deepened)

    def check_size(self, height: int, width: int) -> None:
        """Raises ValueError for a size that the network does not take, turned or not."""
        network = getattr(self, "network", None)
        if network is not None:
            check_both(network, self.orders, height, width)

    # One order, and all

    def forward(self, x: Tensor, segment: Segment | None = None, context: Context | None = None) -> Tensor:
        """Levels (B, C, H, W) -> parameters (B, P, H, W), in the order that context names. Does not check levels.

        A segment is one of images that are turned: see `start`.
        """
        if segment is not None:
            return self.network(x, segment)
        order, own = self.condition.split(context)
        if order is None:
            raise WrongValueError(
                f"The parameters of a pixel differ with the order; say which of 0 ... {self.orders - 1}."
            )
        parts, members = [], list(self.groups(order, x.shape[2], x.shape[3]))
        for some, columns in members:
            mine, mine_own = order[some], of_images(own, some, x.device)
            turned = raster.turned(x[some], mine, columns)
            parameters = self.network(turned, context=self.network_context(mine, mine_own, columns))
            parts.append(raster.turned_back(parameters, mine, columns))
        if len(parts) == 1:
            return parts[0]
        return torch.cat(parts)[torch.cat([some for some, _ in members]).argsort()]

    def pixel_nats(self, x: Tensor, context: Context | None = None) -> Tensor:
        """-log p of every pixel (B, H, W), given those before it in the order that context names.

        Without one, shares of the mixture's nats: the mean of all orders' maps, each weighted by its probability given
        the image, and the rest spread evenly; they sum to -log p(x).
        """
        order, own = self.condition.split(context)
        if order is not None:
            return super().pixel_nats(x, context)
        maps = torch.stack([self._nats(x, k, own) for k in range(self.orders)]).double()  # (K, B, H, W)
        each = maps.sum((2, 3))
        mean = (torch.softmax(-each, 0)[:, :, None, None] * maps).sum(0)
        rest = self.mixed(each) - mean.sum((1, 2))
        return mean + (rest / mean[0].numel())[:, None, None]

    def mixed(self, nats: Tensor) -> Tensor:
        """The nats (B,) of the mixture of all orders, from those of each (K, B)."""
        return math.log(len(nats)) - torch.logsumexp(-nats, 0)

    def log_prob(self, x: Tensor, context: Context | None = None, order: Order = None) -> Tensor:
        """The exact log-likelihood of each image, (B,), float64: log mean over orders, or that in one order."""
        context = self.condition.join(order, context, len(x), x.device)
        x = self._check(x, context)
        if self.condition.split(context)[0] is not None:
            return super().log_prob(x, context)
        with evaluating(self):
            each = [self._nats(x, k, context).double().sum((1, 2)) for k in range(self.orders)]
            return -self.mixed(torch.stack(each))

    def distribution(
        self, x: Tensor, context: Context | None = None, temperature: float = 1.0, order: Order = None
    ) -> PixelDistribution:
        """Every pixel's distribution given those before it in an order: batch (B, H, W), event (C,)."""
        return super().distribution(x, self.condition.join(order, context, len(x), x.device), temperature)

    # Drawing

    def start(
        self,
        batch: int,
        *,
        size: tuple[int, int] | None = None,
        context: Context | None = None,
        guided: bool = False,
    ) -> Cache:
        """A new cache for `batch` images, turned as the order that context names: all along columns, or none.

        Levels that are put on it, and those that a walk gives, are of turned images (`nn.raster.turned`).
        """
        height, width = self.shape[1:] if size is None else size
        order, own = self.condition.split(context)
        if order is None:
            raise WrongValueError(f"A walk has an order; say which of 0 ... {self.orders - 1}.")
        groups = list(self.groups(order, height, width))
        if len(groups) > 1:
            raise WrongValueError(
                f"Images of {height} x {width} are turned to two sizes by these orders; walk over orders below "
                f"{COLUMNS} and from {COLUMNS} on apart."
            )
        columns = groups[0][1]
        turned = (width, height) if columns else (height, width)
        return self.network.start(batch, size=turned, context=self.network_context(order, own, columns), guided=guided)

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        guidance: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        context: Context | None = None,
        size: tuple[int, int] | None = None,
        batch: int = 64,
        engine: str = "auto",
        progress: Progress | None = None,
        order: Order = None,
    ) -> Tensor:
        """Draws images exactly, each in `order`, or in one drawn for it: then it is a draw of the mixture.

        An order that is drawn is a function of (seed, image). All else is as in `Model.sample`.
        """
        count, seed = whole("count", count, 1), whole("seed", seed, 0)
        context = self.condition.join(order, context, count, self.device)
        if self.condition.split(context)[0] is None:
            chosen = torch.tensor([noise.choice(seed, image, self.orders) for image in range(count)])
            context = self.condition.join(chosen, context, count, self.device)
        plan = Plan(batch=whole("batch", batch, 1), engine=engine)
        height, width = self.shape[1:] if size is None else whole_sizes("size", size, "H, W")

        def source(images: Tensor, columns: bool) -> Source:
            return Draw(seed, images=tuple(images.tolist()))

        rule = Rule(temperature, guidance, top_k, top_p)
        return self._decide_turned(source, count, (height, width), context, plan, rule, progress)

    def complete(
        self,
        x: Tensor,
        known: Tensor,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        guidance: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        context: Context | None = None,
        batch: int = 64,
        engine: str = "auto",
        progress: Progress | None = None,
        particles: int | None = None,
        refine: int = 0,
        order: Order = None,
    ) -> Tensor:
        """Keeps the levels of x where `known` is true and draws the rest, in `order`, or in the best one for its mask:
        that in which the fewest known pixels come after an unknown one.

        A draw from p(unknown | known) where none does, as of a lower half; `particles` are for all other masks. All
        else is as in `Model.complete`.
        """
        if particles is not None:
            named = self.condition.join(order, context, len(x), self.device)
            return super().complete(
                x, known, seed=seed, temperature=temperature, guidance=guidance, top_k=top_k, top_p=top_p,
                context=named, batch=batch, engine=engine, progress=progress, particles=particles, refine=refine,
            )  # fmt: skip
        check_refinement(refine, particles)
        seed, plan = whole("seed", seed, 0), Plan(batch=whole("batch", batch, 1), engine=engine)
        x, known = self._masked(x, known)
        order_of, own = self.order_for(known, self.condition.join(order, context, len(x), self.device))
        context = self.condition.join(order_of, own, len(x), self.device)

        def source(images: Tensor, columns: bool) -> Source:
            own = order_of[images].to(x.device)
            levels, mask = (raster.turned(h[images], own, columns) for h in (x, known.to(x.device)))
            return Known(levels, mask, Draw(seed, images=tuple(images.tolist())))

        size, rule = (x.shape[2], x.shape[3]), Rule(temperature, guidance, top_k, top_p)
        return self._decide_turned(source, len(x), size, context, plan, rule, progress)

    def posterior(
        self, x: Tensor, known: Tensor, *, context: Context | None = None, order: Order = None, **arguments: Any
    ) -> "Posterior":
        """All particles of `complete`, in `order`, or in the best one for each mask. All else as `Model.posterior`."""
        named = self.condition.join(order, context, len(x), self.device)
        return super().posterior(x, known, context=named, **arguments)

    def order_for(self, known: Tensor, context: Context | None) -> tuple[Tensor, Context | None]:
        """The orders that a context names, or the best of each mask, and what else the context has."""
        order, own = self.condition.split(context)
        return self.best_order(known) if order is None else order, own

    def best_order(self, known: Tensor) -> Tensor:
        """For each mask (B, C, H, W) the first order of those with the fewest known pixels after an unknown one: (B,).

        A pixel is known where all of its channels are.
        """
        flat = known.all(1).flatten(1)
        visits = raster.orders(known.shape[2], known.shape[3], known.device)[: self.orders]
        seen = flat[:, visits]  # (B, K, H * W)
        late = (seen & ((~seen).int().cumsum(-1) > 0)).sum(-1)
        return late.argmin(1)

    def _decide_turned(
        self,
        source: Callable[[Tensor, bool], Source],
        count: int,
        size: tuple[int, int],
        context: Context | None,
        plan: Plan,
        rule: Rule,
        progress: Progress | None,
    ) -> Tensor:
        """Walks over images that are turned, those of one turned size together, and turns them back."""
        self.check_size(*size)
        self.condition.check(context, count, size)
        order, own = self.condition.split(context)
        assert order is not None
        parts, members, done = [], [], 0
        for some, columns in self.groups(order.cpu(), *size):
            mine = order[some.to(order.device)]
            given = self.network_context(mine, of_images(own, some, self.device), columns)
            levels = self.network._decide(
                lambda first, end, some=some, columns=columns: source(some[first:end], columns),  # type: ignore[misc]
                len(some), size[::-1] if columns else size, given, plan, rule, _after(progress, done, count, size),
            )  # fmt: skip
            parts.append(raster.turned_back(levels, mine.to(levels.device), columns))
            members.append(some)
            done += len(some)
        return torch.cat(parts)[torch.cat(members).argsort().to(parts[0].device)]

    def _nats(self, x: Tensor, order: int, own: Context | None) -> Tensor:
        return super().pixel_nats(x, self.condition.join(order, own, len(x), x.device))

    def groups(self, order: Tensor, height: int, width: int) -> Iterator[tuple[Tensor, bool]]:
        """The images whose turned sizes are the same, and whether their orders go along columns."""
        everyone = torch.arange(len(order), device=order.device)
        if height == width or self.orders <= COLUMNS:
            yield everyone, False
            return
        for columns in (False, True):
            some = everyone[(order >= COLUMNS) == columns]
            if len(some):
                yield some, columns

    def network_context(self, order: Tensor, own: Context | None, columns: bool) -> Context:
        """The network's context of turned images: orders as labels, and maps turned."""
        parts = self.condition.by_name(own)
        label = order.long() * self.width
        if "labels" in parts:
            label = label + parts["labels"].to(label.device).long()
        if "map" not in parts:
            return label
        return {"labels": label, "map": raster.turned(parts["map"], order.to(parts["map"].device), columns)}


def in_order(model: Model, order: Order, context: Context | None, batch: int) -> Context | None:
    """The context of `batch` images in an order. Raises ValueError where the model has none, or not that one."""
    if isinstance(model, Ordered):
        return model.condition.join(order, context, batch, model.device)
    if order is not None:
        raise WrongValueError(
            f"order is {order}, but this {type(model).__name__} knows the raster order alone; leave it out, or train "
            "with data.orders."
        )
    return context


def in_raster_order(model: Model, context: Context | None, batch: int) -> Context | None:
    """The context of `batch` images in the first order, for what is about one order alone."""
    return in_order(model, 0 if isinstance(model, Ordered) else None, context, batch)


def _of_network(
    state: Mapping[str, Tensor], change: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The weights of a model after a change to those of its network."""
    network = change({name.removeprefix("network."): weight for name, weight in state.items()})
    return {f"network.{name}": weight for name, weight in network.items()}


def _after(progress: Progress | None, done: int, count: int, size: tuple[int, int]) -> Progress | None:
    """Progress over some images, told as progress over all, of which `done` are."""
    if progress is None:
        return None
    pixels = size[0] * size[1]
    return lambda now, _: progress(done * pixels + now, count * pixels)
