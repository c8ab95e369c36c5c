"""Agreement between processes. With one process everything is as it is."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor


def any_of(trainer: Trainer, flag: bool) -> bool:
    """Whether the flag is up in any process."""
    if trainer.world_size == 1:
        return flag
    return bool(trainer.strategy.reduce_boolean_decision(flag, all=False))


def weight(trainer: Trainer, images: int) -> Tensor | float:
    """What a process's mean over its images counts for in the mean over all processes, so that all images count alike.

    It differs from 1 where a batch does not divide evenly.
    """
    if trainer.world_size == 1:
        return 1.0
    count = torch.tensor(float(images), device=trainer.strategy.root_device)
    return count / trainer.strategy.reduce(count.clone(), reduce_op="mean")


def sums(trainer: Trainer, nats: float, count: int) -> tuple[float, int]:
    """Nats and images summed over all processes, each weighing what it counted."""
    if trainer.world_size == 1:
        return nats, count
    both = torch.tensor([nats, count], dtype=torch.float64, device=trainer.strategy.root_device)
    both = trainer.strategy.reduce(both, reduce_op="sum")
    return both[0].item(), int(both[1].item())
