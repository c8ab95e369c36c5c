"""Recipes: what to train, on what and how. YAML files, or mappings of the same form."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pixelsnail.training.sections import SECTIONS, Data, Optimizer, Run
from pixelsnail.training.values import checked, described, nearest, parse

if TYPE_CHECKING:
    from importlib.abc import Traversable

Note = Callable[[str], object]


@dataclass(frozen=True)
class Recipe:
    """A recipe whose names and types were checked. `trainer` is checked when training starts."""

    model: dict[str, Any]
    data: Data = field(default_factory=Data)
    optimizer: Optimizer = field(default_factory=Optimizer)
    run: Run = field(default_factory=Run)
    trainer: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def tree(self) -> dict[str, Any]:
        """The recipe as nested plain values."""
        return dict(_plain(dataclasses.asdict(self)))

    def yaml(self) -> str:
        """The recipe as a file's text; `read` gives the same recipe back."""
        return yaml.safe_dump(self.tree(), sort_keys=False, allow_unicode=True)


@dataclass(frozen=True)
class Option:
    """A field of a recipe as a dotted option: for `--help`."""

    name: str
    type: str
    default: Any
    meaning: str


def options(model: str | None = None) -> Iterator[Option]:
    """Every field that has a dotted name, with the constructor arguments of `model` when it is given."""
    if model is not None:
        yield Option("model.name", "text", None, "the model to train")
        for name, parameter in _arguments(model).items():
            yield Option(f"model.{name}", described(parameter.annotation), parameter.default, _meaning(model, name))
    for section, kind in SECTIONS.items():
        hints = typing.get_type_hints(kind)
        for entry in dataclasses.fields(kind):
            meaning = entry.metadata["meaning"]
            yield Option(f"{section}.{entry.name}", described(hints[entry.name]), entry.default, meaning)
    yield Option("seed", "a whole number", 0, "seed of initial weights, order, binarisation and dropout")


def read(
    recipe: "str | Path | Mapping[str, Any] | Recipe",
    overrides: Mapping[str, Any] | None = None,
    note: Note | None = None,
) -> Recipe:
    """A recipe from a file, the name of a packaged one ("mnist", "demo") or a mapping, with dotted overrides.

    An override that is text is read by YAML's rules, as on a command line; `data` is short for `data.source`. Another
    `model.name` drops the recipe's model arguments, which `note` is told. Raises FileNotFoundError for a recipe that
    is not there, ValueError for an unknown name or an impossible value, TypeError for a value of the wrong type.
    """
    if isinstance(recipe, Recipe):
        recipe = recipe.tree()
    tree = _sections(recipe if isinstance(recipe, Mapping) else _load(recipe))
    changes = _dotted(overrides or {})
    model = tree["model"]
    name = _model_name(changes.get("model.name", model.get("name")))
    if model.get("name") not in (None, name):
        dropped = [key for key in model if key != "name"]
        if dropped and note is not None:
            note(f"The model is {name} instead of {model['name']}; the recipe's {', '.join(dropped)} are dropped.")
        tree["model"] = {}
    tree["model"]["name"] = name
    schema = _schema(name)
    for key, value in changes.items():
        _set(tree, key, value, schema)
    return _build(tree, schema)


def _load(recipe: str | Path) -> dict[str, Any]:
    """The content of a recipe's file, or of a packaged recipe."""
    path = Path(recipe)
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not text; expected a recipe in YAML.") from None
    else:
        packaged = _packaged()
        name = str(recipe).removeprefix("recipes/").removesuffix(".yaml")
        if name not in packaged:
            raise FileNotFoundError(
                f"There is no recipe {recipe}; give a file, or one of {', '.join(sorted(packaged))}."
            )
        text = packaged[name].read_text(encoding="utf-8")
    tree = parse(text, str(recipe))
    if not isinstance(tree, Mapping):
        raise ValueError(f"{recipe} is not a recipe; expected the sections model, data, optimizer, run and trainer.")
    return dict(tree)


def _packaged() -> "dict[str, Traversable]":
    """Name -> file of the packaged recipes; those in a folder have its name before theirs, "ablation/interleaved"."""
    top = resources.files("pixelsnail.training").joinpath("recipes")
    folders = {f"{entry.name}/": entry for entry in top.iterdir() if entry.is_dir()}
    return {
        before + entry.name.removesuffix(".yaml"): entry
        for before, folder in {"": top, **folders}.items()
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    }


def _sections(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a recipe with every section there, each its own dict."""
    valid = [entry.name for entry in dataclasses.fields(Recipe)]
    for key in tree:
        if key not in valid:
            raise ValueError(f"A recipe has no {key!r}; did you mean {nearest(str(key), valid)!r}?")
    sections: dict[str, Any] = {"seed": tree.get("seed", 0)}
    for key in valid:
        if key == "seed":
            continue
        section = tree.get(key)
        if key == "data" and isinstance(section, str):
            section = {"source": section}
        sections[key] = checked(key, {} if section is None else section, dict[str, Any])
    return sections


def _dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides under their full names; a section given as a mapping is taken apart."""
    changes: dict[str, Any] = {}
    for key, value in overrides.items():
        if isinstance(value, Mapping) and "." not in key:
            changes.update({f"{key}.{inner}": item for inner, item in value.items()})
        else:
            changes["data.source" if key == "data" else key] = value
    return changes


def _model_name(name: Any) -> str:
    from pixelsnail.models import MODELS

    if name is None:
        raise ValueError(f"The recipe names no model; set model.name to one of {', '.join(MODELS)}.")
    if name not in MODELS:
        raise ValueError(f"There is no model {name!r}; did you mean {nearest(str(name), MODELS)!r}?")
    return str(name)


def _meaning(model: str, argument: str) -> str:
    from pixelsnail.models import MODELS

    return MODELS[model].meanings[argument]


def _arguments(model: str) -> dict[str, inspect.Parameter]:
    from pixelsnail.models import MODELS

    signature = inspect.signature(MODELS[model].__init__, eval_str=True)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: p for name, p in signature.parameters.items() if name != "self" and p.kind in named}


def _schema(model: str) -> dict[str, Any]:
    """Dotted name -> type hint of every field; `trainer.*` is checked when training starts."""
    schema: dict[str, Any] = {"seed": int, "model.name": str}
    schema |= {f"model.{name}": parameter.annotation for name, parameter in _arguments(model).items()}
    for section, kind in SECTIONS.items():
        schema |= {f"{section}.{name}": hint for name, hint in typing.get_type_hints(kind).items()}
    return schema


def _set(tree: dict[str, Any], key: str, value: Any, schema: Mapping[str, Any]) -> None:
    """Puts an override in its place. Text is read by YAML's rules, and kept where the field is text."""
    section, _, name = key.partition(".")
    _check_name(key, schema)
    if isinstance(value, str):
        hint = schema.get(key, Any)
        try:
            value = checked(key, parse(value, key), hint)
        except (TypeError, ValueError):
            value = checked(key, value, hint)
    if name:
        tree[section][name] = value
    else:
        tree[section] = value


def _check_name(key: str, schema: Mapping[str, Any]) -> None:
    if key in schema or (key.startswith("trainer.") and key != "trainer."):
        return
    raise ValueError(f"A recipe has no {key!r}; did you mean {nearest(key, schema)!r}?")


def _build(tree: Mapping[str, Any], schema: Mapping[str, Any]) -> Recipe:
    """The recipe of nested values, every name and type checked."""
    values: dict[str, Any] = {"trainer": tree["trainer"], "seed": checked("seed", tree["seed"], int)}
    for section in ("model", *SECTIONS):
        content = {}
        for name, value in tree[section].items():
            key = f"{section}.{name}"
            _check_name(key, schema)
            content[name] = checked(key, value, schema[key])
        values[section] = SECTIONS[section](**content) if section in SECTIONS else content
    recipe = Recipe(**values)
    for section, kind in SECTIONS.items():
        for entry in dataclasses.fields(kind):
            value, least = getattr(getattr(recipe, section), entry.name), entry.metadata["least"]
            if least is not None and value is not None and not value >= least:
                raise ValueError(f"{section}.{entry.name} is {value}; expected at least {least}.")
    if recipe.seed < 0:
        raise ValueError(f"seed is {recipe.seed}; expected at least 0.")
    _check_optimizer(recipe.optimizer)
    return recipe


def _check_optimizer(optimizer: Optimizer) -> None:
    """Raises ValueError for values that contradict each other."""
    if optimizer.eps_inside and (optimizer.name != "adam" or optimizer.weight_decay):
        raise ValueError(
            f"optimizer.eps_inside is true with optimizer.name {optimizer.name} and optimizer.weight_decay "
            f"{optimizer.weight_decay:g}; expected adam and 0: leave eps_inside false, or weight decay out."
        )
    if optimizer.name == "muon" and optimizer.weight_decay:
        raise ValueError(
            f"optimizer.weight_decay is {optimizer.weight_decay:g} with optimizer.name muon, which has none; "
            "leave weight_decay out."
        )
    if optimizer.ema is not None and optimizer.ema > 1:
        raise ValueError(f"optimizer.ema is {optimizer.ema}; expected at most 1.")


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
