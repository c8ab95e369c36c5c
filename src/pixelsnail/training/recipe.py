"""Recipes: what to train, on what and how. YAML files, or mappings of the same form."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from pixelsnail.errors import MissingFileError, WrongValueError
from pixelsnail.names import TRAINER, instead, nearest
from pixelsnail.training.sections import SECTIONS, Data, Optimizer, Run, Whole
from pixelsnail.training.values import checked, described, parse

if TYPE_CHECKING:
    from pixelsnail.models import Model

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


READING = ("data.binarize", "data.levels", "data.axes", "data.maps")
"""What a recipe says of the source that it names."""
ENDS = ("trainer.max_steps", "trainer.max_epochs", "trainer.max_time")
NAMES = tuple(entry.name for entry in dataclasses.fields(Recipe))


@dataclass(frozen=True)
class Option:
    """A field of a recipe under its dotted name: for `--help`, and to check what it is set to."""

    name: str
    hint: Any
    default: Any
    meaning: str

    @property
    def type(self) -> str:
        """What it may be, in words."""
        return described(self.hint)


def options(model: str | None = None) -> Iterator[Option]:
    """Every field that has a dotted name, with the constructor arguments of `model` when it is given."""
    if model is not None:
        from pixelsnail.models import MODELS

        yield Option("model.name", str, None, "the model to train")
        yield from _annotated("model", MODELS[model].__init__)
    for section, kind in SECTIONS.items():
        yield from _annotated(section, kind)
    yield Option("seed", Whole, 0, "seed of initial weights, order, binarisation and dropout")


def read(
    recipe: "str | Path | Mapping[str, Any] | Recipe",
    overrides: Mapping[str, Any] | None = None,
    note: Note | None = None,
    model: "Model | None" = None,
) -> Recipe:
    """A recipe from a file, the name of a packaged one ("mnist", "demo") or a mapping, with dotted overrides.

    An override that is text is read by YAML's rules, as on a command line; `data` is short for `data.source`. Another
    `model.name` drops the recipe's model arguments, another source its binarisation, another end its own, which `note`
    is told. `model` stands in place of the recipe's own.
    Raises FileNotFoundError for a recipe that is not there, ValueError for an unknown name or an impossible value,
    TypeError for a value of the wrong type.
    """
    if isinstance(recipe, Recipe):
        recipe = recipe.tree()
    values = _flat(recipe if isinstance(recipe, Mapping) else _load(recipe))
    changes, tell = _flat(overrides or {}), note or (lambda _: None)
    before = values.pop("model.name", None)
    if model is not None:
        return _of_model(model, _still_meant(values, changes, tell), changes)
    name = _model_name(changes.pop("model.name", before))
    if before not in (None, name):
        dropped = [key for key in values if key.startswith("model.")]
        values = {key: value for key, value in values.items() if key not in dropped}
        if dropped:
            names = ", ".join(key.partition(".")[2] for key in dropped)
            tell(f"The model is {name} instead of {before}; the recipe's {names} are dropped.")
    return _build({"model.name": name, **_still_meant(values, changes, tell)}, changes)


def _of_model(model: "Model", values: Mapping[str, Any], changes: Mapping[str, Any]) -> Recipe:
    """The recipe with a model that is there in place of its own."""
    for name in changes:
        if name.startswith("model."):
            raise WrongValueError(f"{name} cannot be set, since the model is given; give one that has it.")
    from pixelsnail.models import Ordered

    recipe = _build({key: value for key, value in values.items() if not key.startswith("model.")}, changes)
    orders = model.orders if isinstance(model, Ordered) else 1
    if recipe.data.orders not in (1, orders):
        raise WrongValueError(
            f"data.orders is {recipe.data.orders}, but the model that is given has {orders}; leave data.orders out."
        )
    own = model.in_one_order() if isinstance(model, Ordered) else dict(model.configuration)
    data = dataclasses.replace(recipe.data, orders=cast(Any, orders))
    return dataclasses.replace(recipe, model={"name": own.pop("model"), **own}, data=data)


def _still_meant(values: dict[str, Any], changes: Mapping[str, Any], note: Note) -> dict[str, Any]:
    """The recipe's values without those that changes make meaningless: how images are read is said of the source that
    the recipe names, and an end that is given is the end."""
    kept = dict(values)
    source, before = (str(of.get("data.source", "")) for of in (changes, values))
    alike = any(source.startswith(kind) and before.startswith(kind) for kind in ("mnist", "memory"))
    for name in READING if source not in ("", before) and not alike else ():
        said = kept.pop(name, None)
        if said not in (None, "none") and name not in changes:
            note(f"The recipe's {name} {said} is for {before}; {source} is taken as it is unless you set it.")
    given = [end for end in ENDS if end in changes]
    for end in ENDS:
        if given and end not in given and kept.pop(end, None) is not None:
            note(f"{given[0]} is the end: the recipe's {end} {values[end]} no longer is.")
    return kept


def _load(recipe: str | Path) -> dict[str, Any]:
    """The content of a recipe's file, or of a packaged recipe."""
    path = Path(recipe)
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise WrongValueError(f"{path} is not text; expected a recipe in YAML.") from None
    else:
        files = _packaged()
        name = str(recipe).removeprefix("recipes/").removesuffix(".yaml")
        if name not in files:
            raise MissingFileError(f"There is no recipe {recipe}; give a file, or one of {', '.join(packaged())}.")
        text = files[name].read_text(encoding="utf-8")
    tree = parse(text, str(recipe))
    if not isinstance(tree, Mapping):
        raise WrongValueError(
            f"{recipe} is not a recipe; expected the sections model, data, optimizer, run and trainer."
        )
    return dict(tree)


def packaged() -> list[str]:
    """The names of the recipes that come with pixelsnail."""
    return sorted(_packaged())


def _packaged() -> dict[str, Path]:
    """Name -> file of the packaged recipes; those in a folder have its name before theirs, "ablation/interleaved"."""
    top = Path(__file__).with_name("recipes")
    return {file.relative_to(top).with_suffix("").as_posix(): file for file in top.rglob("*.yaml")}


def _annotated(section: str, of: Any) -> Iterator[Option]:
    """The arguments of a constructor, with the meanings that they are annotated with: a model of another package may
    have left them out."""
    for name, argument in inspect.signature(of, eval_str=True).parameters.items():
        if name != "self" and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            hint = Any if argument.annotation is argument.empty else argument.annotation
            default = None if argument.default is argument.empty else argument.default
            meanings = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, str)]
            yield Option(f"{section}.{name}", hint, default, (meanings or ["an argument of the model"])[0])


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted name -> value, of sections and of dotted names. Raises as `read` for a section that is none."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if "." in str(key) or key == "seed":
            flat[key] = value
        elif key not in NAMES:
            raise WrongValueError(f"A recipe has no {key!r}; {instead(str(key), [*NAMES, *TRAINER])}")
        elif key == "data" and isinstance(value, str):
            flat["data.source"] = value
        elif value is not None:
            flat |= {f"{key}.{name}": item for name, item in checked(key, value, dict[str, Any]).items()}
    return flat


def _model_name(name: Any) -> str:
    from pixelsnail.models import MODELS

    if name is None:
        raise WrongValueError(f"The recipe names no model; set model.name to one of {', '.join(MODELS)}.")
    if name not in MODELS:
        raise WrongValueError(f"There is no model {name!r}; {instead(str(name), MODELS)}")
    return str(name)


def _build(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Recipe:
    """The recipe of dotted names and values, every name and type checked; text among `changes` is read as YAML."""
    schema = {option.name: option.hint for option in options(values.get("model.name"))}
    sections: dict[str, Any] = {name: {} for name in NAMES} | {"seed": 0}
    for key, value in {**values, **changes}.items():
        section, _, name = key.partition(".")
        if key not in schema and not (section == "trainer" and name):
            _refuse_condition(values.get("model.name", "The model that is given"), name)
            near = nearest(key, [*schema, *TRAINER])
            valid = [near] if near else [one for one in schema if one.startswith(f"{section}.")] or NAMES
            raise WrongValueError(f"A recipe has no {key!r}; {instead(key, valid)}")
        hint = schema.get(key, Any)
        value = checked(key, _read(key, value, hint) if key in changes else value, hint)
        if name:
            sections[section][name] = value
        else:
            sections[section] = value
    recipe = Recipe(**sections | {name: kind(**sections[name]) for name, kind in SECTIONS.items()})
    _check_optimizer(recipe.optimizer)
    return recipe


def _refuse_condition(model: str, argument: str) -> None:
    """Raises ValueError where a model is to be conditioned on what only others take."""
    if argument.startswith(("classes", "label_", "map_")):
        from pixelsnail.models import MODELS

        takers = [one for one in MODELS if argument in inspect.signature(MODELS[one]).parameters]
        if takers:
            raise WrongValueError(
                f"{model} takes no {argument}: it cannot be conditioned. Leave model.{argument} out, or take "
                f"{', '.join(takers)}."
            )


def _read(key: str, value: Any, hint: Any) -> Any:
    """Text by YAML's rules, and as it is where the field takes none of what that gives."""
    if not isinstance(value, str):
        return value
    try:
        found = parse(value, key)
    except ValueError:
        return value
    try:
        return checked(key, found, hint)
    except TypeError:
        return value


def _check_optimizer(optimizer: Optimizer) -> None:
    """Raises ValueError for values that contradict each other."""
    if optimizer.eps_inside and (optimizer.name != "adam" or optimizer.weight_decay):
        raise WrongValueError(
            f"optimizer.eps_inside is true with optimizer.name {optimizer.name} and optimizer.weight_decay "
            f"{optimizer.weight_decay:g}; expected adam and 0: leave eps_inside false, or weight decay out."
        )


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
