"""Values in a recipe: read by YAML's rules, checked against type hints."""

import re
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import yaml

from pixelsnail.errors import WrongTypeError, WrongValueError

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}


class _Loader(yaml.SafeLoader):
    """YAML of plain values, with 1e-3 a number.

    PyYAML takes 1e-3 for text, 1:30 for ninety and 2024-01-01 for a date; here they are a number, text and text.
    """


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in (_INT, _FLOAT, "tag:yaml.org,2002:timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)


def parse(text: str, origin: str) -> Any:
    """The value of YAML text. Raises ValueError that names the line, and runs nothing whatever tags the text holds."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WrongValueError(f"{origin}, line {line}: {error.problem}; a recipe holds plain values only.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WrongValueError(f"{origin} is not valid YAML: {error.problem} (line {line}).") from None
    except yaml.YAMLError as error:
        raise WrongValueError(f"{origin} is not valid YAML: {' '.join(str(error).split())}.") from None


def nearest(name: str, valid: typing.Iterable[str]) -> str:
    """The valid name that `name` most likely stands for; capitals tell nothing."""
    names = {one.lower(): one for one in valid}
    return names[get_close_matches(name.lower(), list(names), n=1, cutoff=0)[0]]


def checked(name: str, value: Any, hint: Any) -> Any:
    """`value` as `hint` asks: a whole number where a number is expected becomes one, a list a tuple.

    Raises TypeError in one sentence when it is something else. Hints that are not plain values accept anything.
    """
    try:
        return _converted(value, hint)
    except _MismatchError:
        raise WrongTypeError(f"{name} is {value!r}; expected {described(hint)}.") from None


def described(hint: Any) -> str:
    """A type hint in words."""
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Union | types.UnionType:
            words = dict.fromkeys(described(argument) for argument in arguments)
            return " or ".join(words)
        case typing.Literal:
            return f"one of {', '.join(map(str, arguments))}"
        case origin if origin in (tuple, list):
            inner = [argument for argument in arguments if argument is not Ellipsis]
            many = f"{len(inner)} values" if origin is tuple and len(inner) == len(arguments) else "values"
            return f"a list of {many}, each {described(inner[0])}" if inner else "a list"
        case origin if origin in (dict, Mapping):
            return "a section of names and values"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


class _MismatchError(Exception):
    """The value is not of the type that the hint asks."""


def _converted(value: Any, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _first_match(value, arguments)
    if origin is typing.Literal:
        if not any(value == valid and type(value) is type(valid) for valid in arguments):
            raise _MismatchError
        return value
    if origin in (tuple, list):
        return _sequence(value, origin, arguments)
    if origin in (dict, Mapping) or hint is dict:
        _demand(isinstance(value, Mapping))
        return dict(value)
    if hint is float:
        _demand(isinstance(value, int | float) and not isinstance(value, bool))
        return float(value)
    if hint is int:
        _demand(isinstance(value, int) and not isinstance(value, bool))
    elif hint in (str, bool, type(None)):
        _demand(isinstance(value, hint))
    return value


def _first_match(value: Any, hints: tuple[Any, ...]) -> Any:
    # The value's own type first, so that 3 stays whole for `float | int`.
    for hint in sorted(hints, key=lambda hint: hint is not type(value)):
        try:
            return _converted(value, hint)
        except _MismatchError:
            continue
    raise _MismatchError


def _sequence(value: Any, origin: type, arguments: tuple[Any, ...]) -> Any:
    _demand(isinstance(value, list | tuple))
    if origin is tuple and Ellipsis not in arguments:
        _demand(len(value) == len(arguments))
        return tuple(_converted(item, hint) for item, hint in zip(value, arguments, strict=True))
    return origin(_converted(item, arguments[0]) for item in value)


def _demand(condition: bool) -> None:
    if not condition:
        raise _MismatchError
