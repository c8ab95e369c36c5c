"""Agreement between processes. With one process everything is as it is."""

import torch
from lightning.pytorch import Trainer


def any_of(trainer: Trainer, flag: bool) -> bool:
    """Whether the flag is up in any process."""
    if trainer.world_size == 1:
        return flag
    return bool(trainer.strategy.reduce_boolean_decision(flag, all=False))


def sums(trainer: Trainer, nats: float, count: int) -> tuple[float, int]:
    """Nats and images summed over all processes, each weighing what it counted."""
    if trainer.world_size == 1:
        return nats, count
    both = torch.tensor([nats, count], dtype=torch.float64, device=trainer.strategy.root_device)
    both = trainer.strategy.reduce(both, reduce_op="sum")
    return both[0].item(), int(both[1].item())
