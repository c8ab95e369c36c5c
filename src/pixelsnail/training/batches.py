"""Batches of a training epoch, in an order that is a function of (seed, epoch) alone."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from pixelsnail.data import Images
from pixelsnail.errors import WrongValueError
from pixelsnail.models import Condition
from pixelsnail.nn import Context

Batch = tuple[Tensor, Context | None]
"""Levels (n, C, H, W) and context."""


def number(*parts: int) -> int:
    """A seed of 63 bits from whole numbers: equal for equal numbers, unrelated otherwise."""
    digest = sha256(",".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Batches:
    """Batches of levels (n, C, H, W) with their context; epoch e visits the images in the permutation of (seed, e).

    The context is what `condition` reads of the images and draws for them by (seed, epoch, index), None for an
    unconditional model.

    Lightning saves and restores the position (`state_dict`), so that training goes on with the very next batch. The
    last, partial batch is kept. With several processes each takes its share of every batch; of the last batch up to
    `world_size` - 1 images of the permutation's end are left out if they don't give every process one.
    """

    def __init__(
        self,
        images: Images,
        batch: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        condition: Condition | None = None,
    ) -> None:
        self.images, self.batch, self.seed, self.condition = images, batch, seed, condition or Condition()
        self.rank, self.world_size = rank, world_size
        self.epoch = self.next = 0
        if len(self) == 0:
            raise WrongValueError(f"There are {len(images)} training images; expected at least {max(1, world_size)}.")

    @property
    def sampler(self) -> "Batches":
        """Where Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Starts another epoch, unless it is the one under way."""
        if epoch != self.epoch:
            self.epoch, self.next = epoch, 0

    def order(self, epoch: int) -> Tensor:
        """The images in the order of this epoch."""
        return torch.randperm(len(self.images), generator=torch.Generator().manual_seed(number(self.seed, epoch)))

    def __len__(self) -> int:
        whole, rest = divmod(len(self.images), self.batch)
        return whole + (rest >= self.world_size)

    def at(self, indices: Tensor, epoch: int) -> Batch:
        """The images at these indices as they are in this epoch, with their context."""
        context = self.condition.of(self.images, indices)
        drawn = self.condition.drawn(context, [number(self.seed, epoch, index) for index in indices.tolist()])
        return self.images.batch(indices, epoch), drawn

    def __iter__(self) -> Iterator[Batch]:
        # Lightning makes an iterator before it sets the epoch, and more than it uses: nothing happens before the first
        # `next`, and the position is that of the batch last handed out.
        order = torch.split(self.order(self.epoch), self.batch)
        while self.next < len(self):
            indices = order[self.next][self.rank :: self.world_size]
            self.next += 1
            yield self.at(indices, self.epoch)

    def state_dict(self) -> dict[str, Any]:
        """The position, as plain numbers."""
        return {"epoch": self.epoch, "next": self.next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a position."""
        self.epoch, self.next = state["epoch"], state["next"]


def share(count: int, rank: int, world_size: int, batch: int) -> Iterator[Tensor]:
    """Batches of the indices that one of `world_size` processes evaluates: each image once, none padded or dropped."""
    return iter(torch.split(torch.arange(rank, count, world_size), batch)) if rank < count else iter(())
