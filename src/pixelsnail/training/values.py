"""Values in a recipe: read by YAML's rules, checked against type hints."""

import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from pixelsnail.errors import WrongTypeError, WrongValueError

_WORDS: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null",
    ">=": "at least", ">": "more than", "<=": "at most", "<": "less than",
}  # fmt: skip
_BOUND = re.compile(r"`(?:int|float)` ([<>]=?) (\S+)")


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
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        if isinstance(error, yaml.constructor.ConstructorError):
            tag = re.search(r"'tag:yaml\.org,2002:(.+?)'", str(error))
            what = f"the tag {tag[1]}" if tag else "a key that is no name"
            raise WrongValueError(f"{origin}{where} has {what}; a recipe holds plain values only.") from None
        raise WrongValueError(f"{origin}{where} is not valid YAML; expected names and values.") from None


def checked(name: str, value: Any, hint: Any) -> Any:
    """`value` as `hint` asks: a whole number where a number is expected becomes one, a list a tuple.

    Raises TypeError in one sentence when it is something else, ValueError when it is out of the hint's bounds. Hints
    that are not plain values accept anything.
    """
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        bound = _BOUND.search(str(error))
        if bound is not None:
            expected = f"{_WORDS[bound[1]]} {float(bound[2]):g}"
            raise WrongValueError(f"{name} is {value}; expected {expected}.") from None
        raise WrongTypeError(f"{name} is {value!r}; expected {described(hint)}.") from None
    except TypeError:  # a hint that is not of plain values
        return value


def described(hint: Any) -> str:
    """A type hint in words."""
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Annotated:
            return described(arguments[0])
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
