"""Activations computed twice instead of kept (gradient checkpointing). Imported when training starts."""

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from pixelsnail.errors import WrongValueError


def recompute_blocks(model: nn.Module) -> None:
    """Lets every member of `model.blocks` keep its inputs alone in training, and compute the rest again for gradients.

    Losses and gradients stay the same, dropout included, and so do the names of weights (Chen et al. 2016, arXiv
    1604.06174). Raises ValueError when the model has no blocks.
    """
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.ModuleList):
        raise WrongValueError(
            f"run.checkpoint_activations is true, but {type(model).__name__} has no blocks to compute again; "
            "leave it false."
        )
    for block in blocks:
        # A method bound to the block, not a closure: the copy of a block (the averaged model's) computes with its own.
        block.forward = MethodType(_forward, block)


def keep_blocks(model: nn.Module) -> None:
    """Undoes `recompute_blocks`."""
    for block in getattr(model, "blocks", ()):
        vars(block).pop("forward", None)


def _forward(block: nn.Module, *inputs: Any) -> Any:
    forward = type(block).forward
    if not (block.training and torch.is_grad_enabled()):
        return forward(block, *inputs)
    return checkpoint(forward, block, *inputs, use_reentrant=False)
