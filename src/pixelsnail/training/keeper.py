"""What happens between two steps: metrics, validation, sample grids, checkpoints. Imported when training starts."""

import dataclasses
import math
import time
from collections import deque
from contextlib import suppress
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from pixelsnail.checkpoints import save
from pixelsnail.data import Images
from pixelsnail.models import Model
from pixelsnail.models.condition import of_images
from pixelsnail.training.batches import Batch, Batches, share
from pixelsnail.training.events import Event, Progress
from pixelsnail.training.fitting import AtomicCheckpoints
from pixelsnail.training.interrupts import Interrupted, Interrupts
from pixelsnail.training.metrics import Metrics
from pixelsnail.training.module import Averaging, Training, where
from pixelsnail.training.ranks import any_of, sums
from pixelsnail.training.recipe import Recipe
from pixelsnail.training.runs import RunFolder, link
from pixelsnail.training.standing import Standing

VALIDATION_BATCH = 128
GRID = 16


class Keeper(Callback):
    """Keeps a run. A checkpoint is written after a step's validation and samples or, where training is interrupted
    before these, with a note of what is still to be done."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        batches: Batches,
        steps: float,
        validation: Images | None,
        averaging: Averaging | None,
        interrupts: Interrupts,
        progress: Progress | None,
    ) -> None:
        self.recipe, self.folder, self.steps = recipe, folder, steps
        self.batches, self.validation, self.averaging = batches, validation, averaging
        self.interrupts, self.progress = interrupts, progress
        self.standing = Standing()
        self.metrics: Metrics | None = None
        self.recent: deque[tuple[int, float]] = deque(maxlen=20)
        self.saved_step = 0
        self.better = False

    # What Lightning calls

    def state_dict(self) -> dict[str, Any]:
        """The standing, for the checkpoint."""
        return dataclasses.asdict(self.standing)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up the standing of a checkpoint."""
        self.standing = Standing(**state_dict)
        self.saved_step = self.standing.step

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Puts Lightning's count of epochs right: epochs begun and epochs over, at the end of a step.

        After going on from the last step of an epoch Lightning 2.6 has counted one epoch too few as begun, and the next
        checkpoint would be taken for one between two epochs.
        """
        over = trainer.current_epoch
        for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
            counts |= {"ready": over + 1, "started": over + 1, "processed": over, "completed": over}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock, and does what the last session still owed."""
        self.catch_up(trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Notes the learning rate of the step."""
        self.standing.lr = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """After every step: metrics, then what is due, then the checkpoint."""
        standing, run = self.standing, self.recipe.run
        assert isinstance(pl_module, Training)
        self._count(pl_module.nats, len(batch[0]) * trainer.world_size)
        if trainer.global_step == standing.step:
            return  # gradients are still being accumulated
        standing.step, standing.epoch = trainer.global_step, trainer.current_epoch
        final = standing.step >= self.steps or trainer.should_stop
        ends = trainer.is_last_batch
        standing.owed = [
            name
            for name, every, wanted in (("validate", run.validate, self.validation), ("sample", run.samples, True))
            if wanted and (final or (ends if every is None else every and standing.step % every == 0))
        ]
        try:
            if standing.step % run.log == 0 or final:
                self._log_training(trainer)
            last = None if math.isinf(self.steps) else int(self.steps)
            self._tell("train", standing.step, last, trainer, pl_module.nats)
            stop = any_of(trainer, self.interrupts.asked)
            save = final or stop or "validate" in standing.owed or self._checkpoint_due(trainer)
            try:
                if not stop:
                    self._pay(trainer, pl_module)
            except Interrupted:
                self._save(trainer, pl_module)
                raise
        except Exception:  # whatever goes wrong in logging, telling, judging or drawing, what was trained is kept
            with suppress(Exception):
                self._save(trainer, pl_module)
            raise
        if save:
            self._save(trainer, pl_module)
        if stop:
            raise Interrupted
        self.mark = time.monotonic()

    # A session's begin and end

    def catch_up(self, trainer: Trainer, module: LightningModule) -> None:
        """Opens the metrics, cut back to the step that training goes on from, and does what that step still owes."""
        self.clock = self.saved = time.monotonic()
        self.clock_step, self.seconds = self.standing.step, self.standing.seconds
        if trainer.is_global_zero and self.metrics is None:
            pending = "validation" if "validate" in self.standing.owed else None
            self.metrics = Metrics(self.folder.metrics, self.folder.tensorboard, self.standing.step, pending)
        if self.standing.owed:
            self._pay(trainer, module)
            self.better = self.validation is None or self.standing.best_step == self.standing.step
            self._amend(trainer)
        self.mark = time.monotonic()

    def _pay(self, trainer: Trainer, module: LightningModule) -> None:
        """Does what this step owes."""
        while self.standing.owed:
            if self.standing.owed[0] == "validate":
                self._validate(trainer, module)
            elif trainer.is_global_zero:
                self._sample(trainer, module)
            self.standing.owed.pop(0)

    def close(self) -> None:
        """Closes the metrics."""
        if self.metrics is not None:
            self.metrics.close()

    # Metrics

    def _count(self, nats: float, images: int) -> None:
        spent, self.mark = time.monotonic() - self.mark, time.monotonic()
        self.standing.nats += nats * images
        self.standing.images += images
        self.standing.spent += spent
        self.recent.append((images, spent))

    def _log_training(self, trainer: Trainer) -> None:
        standing = self.standing
        nats, images = sums(trainer, standing.nats, standing.images)
        self._row("train", nats / images, standing.images / standing.spent)
        standing.nats, standing.images, standing.spent = 0.0, 0, 0.0

    def _row(self, split: str, nats: float, images_per_second: float) -> None:
        if self.metrics is None:
            return
        standing = self.standing
        self.metrics.add(
            step=standing.step, epoch=standing.epoch, split=split, nats=nats,
            bits_per_dim=nats / (math.prod(self.batches.images.shape) * math.log(2)),
            images_per_second=round(images_per_second, 3), lr=standing.lr, seconds=round(self._seconds(), 3),
        )  # fmt: skip

    def _seconds(self) -> float:
        return self.seconds + time.monotonic() - self.clock

    def _tell(self, phase: str, done: int, total: int | None, trainer: Trainer, nats: float | None = None) -> None:
        if self.progress is None or not trainer.is_global_zero:
            return
        standing = self.standing
        images, spent = (sum(column) for column in zip(*self.recent, strict=True)) if self.recent else (0, 0.0)
        steps = standing.step - self.clock_step
        left = None
        if steps and not math.isinf(self.steps):
            left = (time.monotonic() - self.clock) / steps * (self.steps - standing.step)
        self.progress(
            Event(phase, done, total, standing.step, standing.epoch, nats, images / spent if spent else None, left)
        )

    # Validation, samples, checkpoints

    def _model(self, module: LightningModule) -> Model:
        """The model that is judged and kept: the averaged one where weights are averaged."""
        if self.averaging is not None:
            return self.averaging.average
        assert isinstance(module, Training)
        return module.model

    def _validate(self, trainer: Trainer, module: LightningModule) -> None:
        assert self.validation is not None
        model, images, standing = self._model(module), self.validation, self.standing
        started, nats, count = time.monotonic(), 0.0, 0
        with torch.no_grad():
            for indices in share(len(images), trainer.global_rank, trainer.world_size, VALIDATION_BATCH):
                self._tell("validate", count, len(images), trainer, nats / count if count else None)
                if trainer.world_size == 1:
                    self.interrupts.check()
                context = of_images(model.condition.of(images, indices), slice(None), model.device)
                nats -= model.log_prob(images.batch(indices, 0).to(model.device), context).sum().item()
                count += len(indices)
        nats, total = sums(trainer, nats, count)
        standing.latest = nats / total
        self._row("validation", standing.latest, total / (time.monotonic() - started))
        if standing.best is None or standing.latest < standing.best:
            standing.best, standing.best_step, self.better = standing.latest, standing.step, True
            self._keep(self.folder.model, trainer, model)

    def _sample(self, trainer: Trainer, module: LightningModule) -> None:
        from pixelsnail import pictures

        def tell(done: int, pixels: int) -> None:
            self._tell("sample", done, pixels, trainer)
            if trainer.world_size == 1:
                self.interrupts.check()

        model = self._model(module)
        context = model.condition.shown(self.validation or self.batches.images, GRID)
        image = pictures.grid(model.sample(GRID, seed=0, context=context, progress=tell), model.levels)
        pictures.write_png(image, self.folder.samples(self.standing.step))
        if self.metrics is not None:
            self.metrics.picture(image, self.standing.step)

    def _checkpoint_due(self, trainer: Trainer) -> bool:
        run = self.recipe.run
        if run.checkpoint is not None:
            return self.standing.step % run.checkpoint == 0
        return any_of(trainer, time.monotonic() - self.saved >= 60 * run.checkpoint_minutes)

    def _save(self, trainer: Trainer, module: LightningModule) -> None:
        """The checkpoint of this step. What it counts on is on the disk before it, what points to it after."""
        model = self._model(module)
        assert isinstance(module, Training)
        wrong = where(module.model) or where(model)
        if wrong:
            raise FloatingPointError(f"The weights are no numbers any more after step {self.standing.step}{wrong}")
        self.standing.seconds = self._seconds()
        if self.validation is None:
            self.better = True
        self._keep(self.folder.model if self.validation is None else self.folder.model_last, trainer, model)
        if self.metrics is not None:
            self.metrics.settle()
        # Here Lightning's weights_only means "without optimiser and loops"; reading is always weights_only=True.
        trainer.save_checkpoint(self.folder.last, weights_only=False)
        self.saved, self.saved_step = time.monotonic(), self.standing.step
        self._point_to_best(trainer)

    def _amend(self, trainer: Trainer) -> None:
        """Notes in the checkpoint that training goes on from what was done since: nothing is owed any more."""
        if trainer.is_global_zero:
            files = AtomicCheckpoints()
            content = files.load_checkpoint(self.folder.last)
            content["callbacks"][self.state_key] = self.state_dict()
            files.save_checkpoint(content, self.folder.last)
        self._point_to_best(trainer)

    def _point_to_best(self, trainer: Trainer) -> None:
        if self.better and trainer.is_global_zero:
            link(self.folder.last, self.folder.best)
        self.better = False

    def _keep(self, place: Any, trainer: Trainer, model: Model) -> None:
        """Writes weights that `pixelsnail.load` reads, and what is known of them."""
        if not trainer.is_global_zero:
            return
        about = {
            "steps": self.standing.step,
            "epochs": round(self.batches.epoch + self.batches.next / len(self.batches), 3),
            "seconds": round(self._seconds(), 1),
            "validation_nats": self.standing.latest,
            "source": self.recipe.data.source,
            "binarize": self.recipe.data.binarize,
            **({} if self.recipe.data.maps is None else {"maps": self.recipe.data.maps}),
            "weights": "trained" if self.averaging is None else "averaged",
            "seed": self.recipe.seed,
        }
        save(model, place, about=about)
