"""Other projects' weights: one table a model, and the one way to use it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pixelsnail.errors import WrongValueError
from pixelsnail.models import Model
from pixelsnail.models.weights import take_state
from pixelsnail.names import instead

PREFIXES = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Read:
    """What a file of another project holds: tensors by name, arguments of the model, and what else it tells."""

    state: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """How a model of another project is called there and here."""

    model: type[Model]
    infer: Callable[[Mapping[str, Tensor]], dict[str, Any]]
    """Its constructor's arguments; None for one that no tensor shows."""
    arguments: Mapping[str, str]
    """Its arguments' names -> ours."""
    names: tuple[tuple[str, str], ...]
    """Patterns for the start of its tensors' names -> ours."""

    def rename(self, name: str) -> str:
        """Our name for one of its tensors; its own name where there is none."""
        for pattern, ours in self.names:
            match = re.match(pattern, name)
            if match:
                return match.expand(ours) + name[match.end() :]
        return name

    def configure(self, state: Mapping[str, Tensor], config: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Its own arguments: those of `config`, and those that the tensors show.

        Raises ValueError for others, and for one that is in neither.
        """
        try:
            inferred = self.infer(state)
        except (KeyError, ValueError) as error:
            raise WrongValueError(
                f"These weights are not {where}'s: {_missing(error)}. Name the right model."
            ) from None
        check_arguments(config, inferred, where)
        full = {**inferred, **config}
        for key, value in full.items():
            if value is None:
                raise WrongValueError(f"No tensor shows {where}'s {key}; say it in config.")
        return full


def check_arguments(config: Mapping[str, Any], valid: Iterable[str], where: str) -> None:
    """Raises ValueError for an argument that a reference does not have."""
    valid = list(valid)
    for key in config:
        if key not in valid:
            raise WrongValueError(f"{where} has no argument {key!r}; {instead(key, valid)}")


def count(state: Mapping[str, Any], pattern: str) -> int:
    """One more than the highest number that a pattern's last group finds at the start of names: 0 for none."""
    return 1 + max((int(match.groups()[-1]) for match in map(re.compile(pattern).match, state) if match), default=-1)


def known(what: str, name: str, table: Mapping[str, Any]) -> str:
    """The name, if the table has it. Raises ValueError that names the nearest otherwise."""
    if name not in table:
        raise WrongValueError(f"There is no {what} {name!r}; {instead(name, table)}")
    return name


def without_prefix(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with `module.` and `_orig_mod.`, which wrappers put before every name, taken off."""
    names = list(state)
    for prefix in PREFIXES:
        if names and all(name.startswith(prefix) for name in names):
            return without_prefix({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return dict(state)


def build(
    reference: Reference,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    shape: tuple[int, int, int],
    levels: int,
    where: str,
    own: Mapping[str, Any] | None = None,
) -> Model:
    """Our model with the reference's weights, in evaluation mode; `own` are arguments that it has no name for.

    Raises ValueError that lists what does not fit.
    """
    ours = {reference.arguments[key]: value for key, value in config.items() if key in reference.arguments}
    model = reference.model(shape, levels, **ours, **(own or {}))
    named = {reference.rename(name): torch.as_tensor(tensor) for name, tensor in state.items()}
    take_state(model, named, where)
    return model.eval()


def _missing(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
