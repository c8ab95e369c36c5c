"""Whole numbers, as every public door takes them."""

import operator
from typing import Any

from pixelsnail.errors import WrongValueError


def whole(name: str, value: Any, least: int, instead: str = "") -> int:
    """The argument `name` as a whole number of at least `least`, or raises ValueError; `instead` is what else may be.

    Whatever Python takes for an index is one: an int, numpy's, a tensor of one. A bool is none, whoever's it is.
    """
    try:
        if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise WrongValueError(f"{name} is {value!r}; expected a whole number of at least {least}{instead}.")
    return number
