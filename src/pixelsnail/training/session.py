"""One session of training: from the first weights or a checkpoint to the end, an interruption or an error."""

from typing import Any, NoReturn, cast

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from pixelsnail.data import Images
from pixelsnail.errors import FullDiskError, StoppedError, WrongValueError, disk_is_full, memory_ran_out, reason
from pixelsnail.machine import check_alone
from pixelsnail.models import Model
from pixelsnail.nn.initialization import initialize
from pixelsnail.training.batches import Batches
from pixelsnail.training.events import Progress
from pixelsnail.training.fitting import last_step, make_trainer, silent
from pixelsnail.training.interrupts import Interrupted, Interrupts
from pixelsnail.training.keeper import Keeper
from pixelsnail.training.module import Averaging, Training
from pixelsnail.training.recipe import Note, Recipe
from pixelsnail.training.recomputation import recompute_blocks
from pixelsnail.training.runs import RunFolder


class Session:
    """Everything a training needs, built and checked before a file is written."""

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        model: Model,
        images: Images,
        validation: Images | None,
        progress: Progress | None,
        note: Note,
    ) -> None:
        self.recipe, self.folder, self.interrupts = recipe, folder, Interrupts(note)
        options = recipe.optimizer
        averaging = None if options.ema is None else Averaging(decay=options.ema)
        with silent():
            self.trainer = make_trainer(recipe, folder.path, [] if averaging is None else [averaging])
        if self.trainer.world_size == 1:
            check_alone()
        self.batches = Batches(
            images, recipe.data.batch, recipe.seed, self.trainer.global_rank, self.trainer.world_size, model.condition
        )
        steps = last_step(recipe.trainer, len(self.batches))
        if steps < 1:
            raise WrongValueError("The recipe ends before its first step; set trainer.max_steps or trainer.max_epochs.")
        if recipe.run.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.run.checkpoint_activations:
            recompute_blocks(model)
        self.module = Training(model, options, recipe.run, steps, recipe.seed)
        self.keeper = Keeper(recipe, folder, self.batches, steps, validation, averaging, self.interrupts, progress)
        cast(Any, self.trainer).callbacks.append(self.keeper)

    def initialize(self) -> None:
        """Gives a new model its first gains and biases, by the first images of training. The same in all processes."""
        count, batches = self.recipe.run.initialize, self.batches
        if count:
            initialize(self.module.model, *batches.at(batches.order(0)[:count], 0))

    def run(self, resume: bool) -> None:
        """Trains. Raises KeyboardInterrupt, RuntimeError or OSError, each in one sentence that says what is kept."""
        trainer, module = self.trainer, self.module
        try:
            with silent(), self.interrupts.listening():
                trainer.fit(module, self.batches, ckpt_path=self.folder.last if resume else None, weights_only=True)
                if self.keeper.standing.owed:  # interrupted in the very last validation
                    self.keeper.catch_up(trainer, module)
        except (Exception, Interrupted) as error:
            self._explain(error)
        finally:
            self.keeper.close()

    def _explain(self, error: BaseException) -> NoReturn:
        """Raises what happened again, in one sentence that says what is kept and what to do."""
        step, place = self.keeper.standing.step, self.folder.path
        saved = self.keeper.saved_step
        kept = f"the checkpoint of step {saved} is kept" if saved else "nothing was saved"
        if isinstance(error, Interrupted):
            more = f" in {place}, and resume=True goes on" if saved else ""
            raise KeyboardInterrupt(f"Stopped after step {step}; {kept}{more}.") from None
        if isinstance(error, FloatingPointError):
            advice = "Lower optimizer.lr, or set optimizer.clip."
            if self.recipe.optimizer.name == "muon":  # whose steps are as long, whatever the gradient's length is
                advice = "Lower optimizer.matrix_lr and optimizer.lr, or set optimizer.weight_decay."
            raise StoppedError(f"{error}; training stopped and {kept} in {place}. {advice}") from None
        if memory_ran_out(error):
            precision = self.recipe.trainer.get("precision", "32-true")
            raise StoppedError(
                f"Memory ran out at step {step + 1} with data.batch {self.recipe.data.batch} and trainer.precision "
                f"{precision}; {kept}. Lower data.batch, or set trainer.precision to bf16-mixed."
            ) from None
        if disk_is_full(error):
            raise FullDiskError(
                f"The disk of {place} is full at step {step}; {kept}. Free some space, then go on (resume=True)."
            ) from None
        if self.recipe.run.compile and _of_the_compiler(error):
            from torch._inductor.runtime.cache_dir_utils import cache_dir

            raise StoppedError(
                f"The training step could not be compiled ({reason(error)}); {kept}. Leave run.compile false, or "
                f"delete {cache_dir()}, where torch keeps what it compiled, if it may be damaged."
            ) from None
        if isinstance(error, MisconfigurationException):
            raise WrongValueError(f"Lightning refuses this training: {reason(error)}.") from None
        raise error


def _of_the_compiler(error: BaseException) -> bool:
    """Whether torch's compiler raised it, forward or backward: also for want of a C++ compiler."""
    return any(kind.__module__.startswith(("torch._dynamo", "torch._inductor")) for kind in type(error).__mro__)
