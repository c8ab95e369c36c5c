"""Lightning's Trainer, set up for a run and silent. Imported when training starts."""

import inspect
import io
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch

from pixelsnail.errors import WrongValueError, reason
from pixelsnail.files import write_atomically
from pixelsnail.machine import check_ranks
from pixelsnail.names import nearest
from pixelsnail.training.recipe import Recipe
from pixelsnail.training.values import checked

check_ranks()  # Lightning reads them when it is imported

from lightning.fabric.utilities.exceptions import MisconfigurationException  # noqa: E402
from lightning.pytorch import Callback, Trainer  # noqa: E402
from lightning.pytorch.callbacks import Timer  # noqa: E402
from lightning.pytorch.plugins.io import TorchCheckpointIO  # noqa: E402

# What training decides itself, and what to use instead.
OURS = {
    "barebones": "leave it out",
    "callbacks": "leave it out",
    "check_val_every_n_epoch": "use run.validate",
    "default_root_dir": "use out",
    "enable_checkpointing": "use run.checkpoint",
    "enable_model_summary": "leave it out",
    "enable_progress_bar": "leave it out",
    "enable_autolog_hparams": "leave it out",
    "fast_dev_run": "use trainer.max_steps",
    "gradient_clip_val": "use optimizer.clip",
    "limit_predict_batches": "leave it out",
    "limit_test_batches": "leave it out",
    "limit_val_batches": "use run.validate",
    "log_every_n_steps": "use run.log",
    "logger": "leave it out",
    "num_sanity_val_steps": "leave it out",
    "overfit_batches": "use trainer.limit_train_batches",
    "plugins": "leave it out",
    "reload_dataloaders_every_n_epochs": "leave it out",
    "use_distributed_sampler": "leave it out",
    "val_check_interval": "use run.validate",
}

# Warnings of Lightning and of torch's DDP, as patterns: about Lightning's own use of torch, about what is decided here
# on purpose, and a hint that does not apply.
HARMLESS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"GPU available but not used",
    r"Be aware that when using `ckpt_path`, callbacks .* \['Timer'\]",  # trainer.max_time may change
    r"Grad strides do not match bucket view strides",  # of 1 x 1 kernels from a compiled step: the same memory
)


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoint files that are complete or not there, and that never run code when read."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes beside the final name, then renames."""
        buffer = io.BytesIO()  # written to a file, torch.save hides that the disk is full behind an error of its own
        torch.save(checkpoint, buffer)
        with write_atomically(path) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads plain values and tensors only."""
        try:
            content: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:
            raise WrongValueError(
                f"{path} is damaged ({reason(error)}); restore it from a copy, or train anew."
            ) from None
        return content


def check_trainer(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The section `trainer`, its names and types checked against Lightning's Trainer. Raises as `read` does."""
    schema = {name: p.annotation for name, p in inspect.signature(Trainer.__init__).parameters.items()}
    schema["precision"] = Literal["auto"] | schema["precision"]  # `with_precision` spells it out
    valid = [name for name in schema if name != "self" and name not in OURS]
    for name in arguments:
        if name in OURS:
            raise WrongValueError(f"trainer.{name} cannot be set; {OURS[name]}.")
        if name not in valid:
            near = nearest(name, valid)
            hint = "" if near is None else f"; did you mean 'trainer.{near}'?"
            raise WrongValueError(f"Lightning's Trainer has no {name!r}{hint or '.'}")
    if not any(arguments.get(name) is not None for name in ("max_epochs", "max_steps", "max_time")):
        raise WrongValueError("The recipe has no end; set trainer.max_epochs, trainer.max_steps or trainer.max_time.")
    return {name: checked(f"trainer.{name}", value, schema[name]) for name, value in arguments.items()}


def make_trainer(recipe: Recipe, folder: Path, callbacks: list[Callback]) -> Trainer:
    """Lightning's Trainer for this recipe. Raises ValueError for a combination it refuses."""
    arguments = check_trainer(recipe.trainer)
    time = arguments.pop("max_time", None)
    if time is not None:
        # Before the other callbacks, which must know at the end of a step that it was the last.
        callbacks = [Timer(duration=time), *callbacks]
    if arguments.get("max_epochs") is None:
        arguments["max_epochs"] = -1
    try:
        return Trainer(
            **arguments,
            callbacks=callbacks,
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            gradient_clip_val=recipe.optimizer.clip,
            logger=False,
            plugins=[AtomicCheckpoints()],
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, ValueError, ImportError, RuntimeError) as error:
        if "--ntasks" in str(error):
            tasks = os.environ.get("SLURM_NTASKS_PER_NODE") or os.environ.get("SLURM_NTASKS")
            raise WrongValueError(
                f"SLURM runs {tasks} tasks, which trainer.devices and trainer.num_nodes do not ask for; give sbatch or "
                "srun --ntasks-per-node (and not --ntasks) as trainer.devices is, and --nodes as trainer.num_nodes."
            ) from None
        raise WrongValueError(f"Lightning refuses the section trainer: {reason(error)}.") from None


def last_step(arguments: Mapping[str, Any], batches: int) -> float:
    """The number of steps that training takes, infinite where only time ends it; `batches` make an epoch."""
    limit = arguments.get("limit_train_batches")
    if limit is not None:
        batches = min(limit, batches) if isinstance(limit, int) else int(batches * limit)
    epoch = math.ceil(batches / arguments.get("accumulate_grad_batches", 1))
    steps, epochs = arguments.get("max_steps", -1), arguments.get("max_epochs")
    by_epochs = math.inf if epochs is None or epochs < 0 else epochs * epoch
    return min(by_epochs, math.inf if steps < 0 else steps)


@contextmanager
def silent() -> Iterator[None]:
    """Lightning's banners and tips left out, and its warnings about what is decided here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
