"""The probability of a part of an image, and of one pixel: what follows from p(x) by the rules of probability alone."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.evaluation.completion import is_exact
from pixelsnail.evaluation.scan import check_batch, explaining_memory
from pixelsnail.models import Model, Ordered
from pixelsnail.models.condition import of_images
from pixelsnail.models.levels import check_levels, mask_like
from pixelsnail.models.model import evaluating
from pixelsnail.models.ordered import in_order
from pixelsnail.models.orders import Order
from pixelsnail.nn import Context
from pixelsnail.whole import whole


@dataclass(frozen=True, eq=False)
class Part:
    """The log-probability of a region of each image, log_prob (B,), float64.

    orders      (B,): the order in which the region was read
    exact       whether it is log p(region | all the rest), and no less than that: where the rest comes first
    estimated   whether it comes from particles, whose estimate of p(rest) is unbiased
    """

    log_prob: Tensor
    orders: Tensor
    exact: bool
    estimated: bool = False


def region_log_prob(
    model: Model,
    x: Tensor,
    region: Tensor,
    *,
    context: Context | None = None,
    order: Order = None,
    particles: int | None = None,
    seed: int = 0,
    batch: int = 64,
) -> Part:
    """log p of a region, a mask (H, W) or (B, 1 or C, H, W) of whole pixels, of each image of levels x (B, C, H, W):

        sum over t in the region of log p(x_t | x_<t)

    Each pixel is given all before it, in `order`, or in that in which the fewest pixels of the rest come late. Where
    all the rest comes first, as with a lower half in raster order, that is log p(region | rest), exactly; elsewhere it
    is what the region adds to log p(x), unless there are `particles`:

        log p(region | rest) = log p(x) - log p(rest),    with p(rest) estimated by so many

    Raises as `Model.log_prob` and `Model.posterior` do, and ValueError for a region of all of an image or of none.
    """
    batch = check_batch(batch)
    x = check_levels(x, model.levels, model.shape)
    mask = mask_like("region", region, x)
    region = mask.all(1, keepdim=True)
    if bool((mask != region).any()) or bool((region.flatten(1).all(1) | ~region.flatten(1).any(1)).any()):
        raise WrongValueError("region holds all of an image, none of it, or channels of a pixel apart; expected some.")
    if isinstance(model, Ordered):
        named = model.condition.join(order, context, len(x), x.device)
        order, context = model.order_for(~region, named)
    context = in_order(model, order, context, len(x))
    orders = torch.zeros(len(x), dtype=torch.long) + (0 if order is None else torch.as_tensor(order).cpu())
    model.check_size(x.shape[2], x.shape[3])
    model.condition.check(context, len(x), (x.shape[2], x.shape[3]))
    with torch.inference_mode(), evaluating(model), explaining_memory(model.device, batch):
        parts = [model.pixel_nats(x[some].to(model.device), of_images(context, some, model.device))
                 for some in _slices(len(x), batch)]  # fmt: skip
    maps = torch.cat(parts).double().cpu()
    exact = all(is_exact(~one[0].cpu(), int(k)) for one, k in zip(region, orders, strict=True))
    if particles is None or exact:
        return Part(-(maps * region[:, 0].cpu()).sum((1, 2)), orders, exact)
    rest = model.posterior(x, ~region, particles=particles, seed=seed, context=context, batch=batch)
    return Part(-maps.sum((1, 2)) - rest.log_evidence, orders, True, True)


def pixel_probabilities(
    model: Model,
    x: Tensor,
    row: int,
    column: int,
    *,
    given: str = "before",
    context: Context | None = None,
    order: Order = None,
    batch: int = 64,
) -> Tensor:
    """How probable each level of one pixel of an image x (C, H, W) is: (C, L), float64, each row summing to one.

    `given` "before": all pixels before it, in `order` (the first without one), and the channels before it. "rest": all
    others, wherever they are: p(x_t | rest) is p of the image with each level in turn, over their sum, at the cost of
    L passes for each channel. `context` is that of one image. Raises ValueError for a pixel outside of the image.
    """
    x = check_levels(x[None], model.levels, model.shape)
    row, column = whole("row", row, 0), whole("column", column, 0)
    if row >= x.shape[2] or column >= x.shape[3]:
        raise WrongValueError(
            f"The pixel {row},{column} is outside of the image of {x.shape[2]} x {x.shape[3]}; pixels count from 0,0."
        )
    if given == "before":
        first = 0 if order is None and isinstance(model, Ordered) else order
        pixels = model.distribution(x, in_order(model, first, context, 1))
        levels = x.permute(0, 2, 3, 1).long()
        tables = [pixels.table(channel, levels[..., :channel]) for channel in range(model.shape[0])]
        return torch.stack([table[0, row, column].double().cpu() for table in tables])
    if given != "rest":
        raise WrongValueError(f"given is {given!r}; expected 'before' or 'rest'.")
    rows = []
    for channel in range(model.shape[0]):
        every = x.repeat(model.levels, 1, 1, 1).long()
        every[:, channel, row, column] = torch.arange(model.levels, device=x.device)
        contexts = in_order(model, order, context, 1)
        repeated = of_images(contexts, torch.zeros(model.levels, dtype=torch.long))
        with torch.no_grad(), explaining_memory(model.device, batch):
            parts = [model.log_prob(every[some], of_images(repeated, some)) for some in _slices(len(every), batch)]
        rows.append(torch.softmax(torch.cat(parts), 0).cpu())
    return torch.stack(rows)


def _slices(count: int, batch: int) -> list[slice]:
    return [slice(first, min(first + batch, count)) for first in range(0, count, batch)]
