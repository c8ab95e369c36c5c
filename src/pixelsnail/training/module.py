"""The LightningModule: any model's nats, an optimiser and a schedule. Imported when training starts."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor, nn

from pixelsnail.models import Model
from pixelsnail.training.batches import number
from pixelsnail.training.recipe import Optimizer


class Training(LightningModule):
    """Minimises the mean over a batch of -log p(x), in nats an image."""

    def __init__(self, model: Model, optimizer: Optimizer, steps: float, seed: int, compile: bool = False) -> None:
        super().__init__()
        self.model, self.optimizer, self.steps, self.seed = model, optimizer, steps, seed
        # Compiled as a function, not as a module, names of weights stay as they are; one static program a batch size.
        self.pixel_nats = torch.compile(model.pixel_nats, dynamic=False) if compile else model.pixel_nats
        self.nats = math.nan
        """The latest loss."""

    def on_train_batch_start(self, batch: Tensor, batch_idx: int) -> None:
        """Dropout and all other noise of a step depend on where training stands, not on what ran before."""
        torch.manual_seed(number(self.seed, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """The loss of a batch. Raises FloatingPointError before a loss that is not finite reaches the weights."""
        nats: Tensor = self.pixel_nats(batch).sum((1, 2)).mean()
        self.nats = nats.item()
        if not math.isfinite(self.nats):
            raise FloatingPointError(f"The loss became {self.nats} at step {self.global_step + 1}{where(self.model)}")
        return nats

    def configure_optimizers(self) -> Any:
        """Adam or AdamW with a learning rate that changes every step."""
        recipe = self.optimizer
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.name]
        optimizer = kind(
            self.model.parameters(), lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay
        )
        # The number of steps is not asked of the trainer, which would set up the data before its position is restored.
        rule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(recipe, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rule, "interval": "step"}}


def factor(recipe: Optimizer, steps: float) -> Callable[[int], float]:
    """The learning rate's factor as a function of the steps done, for a training of `steps` steps.

    exponential: decay ** t;  cosine: (1 + cos(pi t / steps)) / 2;  trapezoid: min(1, (steps - t) / cooldown);
    all times min(1, (t + 1) / warmup).
    """
    if recipe.schedule in ("cosine", "trapezoid") and not math.isfinite(steps):
        raise ValueError(
            f"optimizer.schedule {recipe.schedule} needs an end; set trainer.max_steps or trainer.max_epochs."
        )

    def at(t: int) -> float:
        warm = min(1.0, (t + 1) / recipe.warmup) if recipe.warmup else 1.0
        if recipe.schedule == "exponential":
            return warm * recipe.decay**t
        if recipe.schedule == "cosine":
            return warm * (1 + math.cos(math.pi * min(t / steps, 1.0))) / 2
        if recipe.schedule == "trapezoid" and recipe.cooldown:
            return warm * max(0.0, min(1.0, (steps - t) / recipe.cooldown))
        return warm

    return at


def where(model: nn.Module) -> str:
    """ ", where NAME is not finite" for the first such weight; empty when all are finite."""
    names = (name for name, tensor in model.named_parameters() if not tensor.isfinite().all())
    name = next(names, None)
    return f", where {name} is not finite" if name else ""


class Averaging(EMAWeightAveraging):
    """Lightning's running average, read where it is: weights are never swapped, so an interruption cannot mix them."""

    @property
    def average(self) -> Model:
        """The model with averaged weights."""
        assert self._average_model is not None
        return cast(Model, self._average_model.module.model)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leaves the trained weights as they are."""
