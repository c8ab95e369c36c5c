"""Names that were mistyped: the one that was probably meant, near in letters or known by meaning."""

from collections.abc import Iterable
from difflib import get_close_matches

MEANT = {
    "lr": ("optimizer.lr",),
    "learning_rate": ("optimizer.lr",),
    "wd": ("optimizer.weight_decay",),
    "momentum": ("optimizer.betas",),
    "epochs": ("trainer.max_epochs",),
    "num_epochs": ("trainer.max_epochs",),
    "steps": ("trainer.max_steps", "steps"),
    "iterations": ("trainer.max_steps", "steps"),
    "batch_size": ("batch", "data.batch"),
    "bs": ("batch", "data.batch"),
    "cuda": ("cuda", "device"),
    "gpu": ("cuda", "device"),
    "gpus": ("trainer.devices", "device"),
    "cpu": ("device",),
    "label": ("context", "model.classes"),
    "labels": ("context", "model.classes"),
    "class": ("context", "model.classes"),
    "classes": ("model.classes", "context"),
    "topk": ("top_k",),
    "topp": ("top_p",),
    "n": ("count", "limit"),
    "num_samples": ("count",),
    "output": ("out",),
    "dataset": ("data", "data.source"),
    "mask": ("known",),
    "force": ("overwrite",),
    "width": ("model.channels",),
    "hidden": ("model.channels",),
    "depth": ("model.blocks", "model.layers"),
}
"""What other programs call a thing -> our names for it, the first that is valid."""

TRAINER = tuple(f"trainer.{name}" for name in ("max_steps", "max_epochs", "max_time", "precision", "devices"))
"""Those of Lightning's arguments that are often meant; the others are known when training starts."""

MODEL = ("model.name", "model.channels", "model.blocks", "model.layers", "model.classes", "model.head")
"""Arguments of models that are often meant; a model's own are known with its name."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that `name` probably stands for, whatever its dashes and capitals; None where none is near."""
    names = {_plain(one): one for one in valid}
    plain = _plain(name)
    for meant in MEANT.get(plain.rpartition(".")[2], ()):
        if meant in names:
            return names[meant]
    close = get_close_matches(plain, list(names), n=1)
    begun = [one for one in names if len(plain) > 2 and one.startswith(plain)]
    return names[[*close, *begun][0]] if close or begun else None


def instead(name: str, valid: Iterable[str]) -> str:
    """The end of a sentence about a wrong name: "did you mean 'lr'?", or all that would be right."""
    names = list(valid)
    near = nearest(name, names)
    return f"expected one of {', '.join(names)}." if near is None else f"did you mean {near!r}?"


def _plain(name: str) -> str:
    return name.lstrip("-").lower().replace("-", "_")
