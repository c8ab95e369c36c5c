"""The LightningModule: any model's nats, an optimiser and a schedule. Imported when training starts."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model
from pixelsnail.training.adam import AdamInsideRoot
from pixelsnail.training.batches import Batch, number
from pixelsnail.training.muon import Muon, split
from pixelsnail.training.ranks import weight
from pixelsnail.training.sections import Optimizer, Run


class Training(LightningModule):
    """Minimises the mean over a batch of -log p(x), in nats an image."""

    def __init__(self, model: Model, optimizer: Optimizer, run: Run, steps: float, seed: int) -> None:
        super().__init__()
        self.model, self.optimizer, self.steps, self.seed = model, optimizer, steps, seed
        self.pixel_nats = _compiled(model, run) if run.compile else model.pixel_nats
        self.nats = math.nan
        """The latest loss."""

    def on_train_start(self) -> None:
        """A learning rate that changed on going on holds from here; the checkpoint restored the former one."""
        rule = cast(Any, self.lr_schedulers())
        if rule.base_lrs == self.rates:
            return
        rule.base_lrs = self.rates
        for group, rate, now in zip(rule.optimizer.param_groups, self.rates, rule.lr_lambdas, strict=True):
            group["initial_lr"], group["lr"] = rate, rate * now(rule.last_epoch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Dropout and all other noise of a step depend on where training stands, not on what ran before."""
        torch.manual_seed(number(self.seed, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch. Raises FloatingPointError before a loss that is not finite reaches the weights."""
        x, context = batch
        nats: Tensor = self.pixel_nats(x, context).sum((1, 2)).mean()
        self.nats = nats.item()
        if not math.isfinite(self.nats):
            raise FloatingPointError(f"The loss became {self.nats} at step {self.global_step + 1}{where(self.model)}")
        return nats * weight(self.trainer, len(x))

    def configure_optimizers(self) -> Any:
        """Adam, AdamW or Muon with learning rates that change every step."""
        optimizer, recipe = self._optimizer(), self.optimizer
        self.rates = [group["lr"] for group in optimizer.param_groups]
        # The number of steps is not asked of the trainer, which would set up the data before its position is restored.
        rule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(recipe, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rule, "interval": "step"}}

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe, parameters = self.optimizer, self.model.parameters()
        if recipe.name == "muon":
            others, matrices = split(self.model)
            return Muon(others, matrices, recipe.lr, recipe.matrix_lr, recipe.betas, recipe.eps, recipe.weight_decay)
        if recipe.eps_inside:
            return AdamInsideRoot(parameters, recipe.lr, recipe.betas, recipe.eps)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.name]
        return kind(parameters, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay)


def _compiled(model: Model, run: Run) -> Callable[..., Tensor]:
    """The model's `pixel_nats`. As a function, not a module, so that names of weights stay; a program a batch size."""
    # torch 2.13 chooses layouts of convolutions that are computed again, and then finds others: it must not choose.
    options: dict[str, Any] | None = {"layout_optimization": False} if run.checkpoint_activations else None
    return torch.compile(model.pixel_nats, dynamic=False, options=options)


def factor(recipe: Optimizer, steps: float) -> Callable[[int], float]:
    """The learning rate's factor as a function of the steps done, for a training of `steps` steps.

    exponential: decay ** t;  cosine: (1 + cos(pi t / steps)) / 2;  trapezoid: min(1, (steps - t) / cooldown);
    all times min(1, (t + 1) / warmup). A cooldown below 1 is a share of the steps.
    """
    if recipe.schedule in ("cosine", "trapezoid") and not math.isfinite(steps):
        raise WrongValueError(
            f"optimizer.schedule {recipe.schedule} needs an end; set trainer.max_steps or trainer.max_epochs."
        )
    cooldown = recipe.cooldown if recipe.cooldown >= 1 else recipe.cooldown * steps

    def at(t: int) -> float:
        warm = min(1.0, (t + 1) / recipe.warmup) if recipe.warmup else 1.0
        if recipe.schedule == "exponential":
            return warm * recipe.decay**t
        if recipe.schedule == "cosine":
            return warm * (1 + math.cos(math.pi * min(t / steps, 1.0))) / 2
        if recipe.schedule == "trapezoid" and cooldown:
            return warm * max(0.0, min(1.0, (steps - t) / cooldown))
        return warm

    return at


def where(model: nn.Module) -> str:
    """ ", where NAME is not finite" for the first such weight; empty when all are finite."""
    names = (name for name, tensor in model.named_parameters() if not tensor.isfinite().all())
    name = next(names, None)
    return f", where {name} is not finite" if name else ""


class Averaging(WeightAveraging):
    """Lightning's running average, read where it is: weights are never swapped, so an interruption cannot mix them.

    After t steps  average = d average + (1 - d) weights,  d = min(decay, (1 + t) / (10 + t)),  as TensorFlow's
    ExponentialMovingAverage has it with `num_updates`. Without the ramp, which the paper's authors did without, a decay
    of 0.999 leaves the first weights 22 % of the average after 1,500 steps; the later average is the same.
    """

    def __init__(self, decay: float) -> None:
        def average(averages: Sequence[Tensor], weights: Sequence[Tensor], steps: Tensor | int) -> None:
            t = int(steps)
            if averages[0].is_floating_point():
                torch._foreach_lerp_(list(averages), list(weights), 1 - min(decay, (1 + t) / (10 + t)))
            else:  # counts and masks, if a model has such buffers
                torch._foreach_copy_(list(averages), list(weights))

        super().__init__(multi_avg_fn=average)

    @property
    def average(self) -> Model:
        """The model with averaged weights."""
        assert self._average_model is not None
        return cast(Model, self._average_model.module.model)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leaves the trained weights as they are."""
