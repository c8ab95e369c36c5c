"""From words to a call of a typed function, and from what cannot be meant to a sentence."""

import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cyclopts
from cyclopts import App, Argument, Parameter

from pixelsnail.cli.errors import UsageError
from pixelsnail.errors import reason
from pixelsnail.names import MODEL, TRAINER, nearest

DOTTED = re.compile(r"--([a-z_]+\.[A-Za-z_][\w.]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A function of the command line: its signature are the arguments, its docstring the help; `examples` open it."""

    name: str
    function: Callable[..., None]
    examples: Sequence[str]

    @property
    def app(self) -> App:
        """Reads this command's words."""
        app = App(name=self.name, default_parameter=Parameter(negative=()), help_flags=[], version_flags=[])
        app.default(self.function)
        return app

    @property
    def arguments(self) -> list[Argument]:
        """All arguments that have words."""
        found = self.app.assemble_argument_collection()
        return [one for one in found if one.parse and one.show and not one.children]

    @property
    def takes_fields(self) -> bool:
        """Whether --SECTION.KEY VALUE sets fields of a recipe."""
        return "fields" in typing.get_type_hints(self.function)

    def parse(self, words: Sequence[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The function's positional and named arguments. Raises UsageError for words that cannot be meant."""
        rest, fields = take_dotted(words) if self.takes_fields else (list(words), {})
        try:
            _, bound, _ = self.app.parse_args(rest, exit_on_error=False, print_error=False)
        except cyclopts.CycloptsError as error:
            raise UsageError(self._sentence(error, rest)) from None
        except UsageError as error:
            raise UsageError(f"{error} See pixelsnail {self.name} --help.") from None
        return bound.args, bound.kwargs | ({"fields": fields} if self.takes_fields else {})

    def _sentence(self, error: cyclopts.CycloptsError, words: Sequence[str]) -> str:
        """What was seen and what was expected."""
        see = f"See pixelsnail {self.name} --help."
        name = error.argument.name if error.argument else ""
        match error:
            case cyclopts.MissingArgumentError() if name in words or any(word.startswith(f"{name}=") for word in words):
                return f"{name} has no value; expected {name} {metavar(error.argument)}. {see}"
            case cyclopts.MissingArgumentError():
                return f"{self.name} needs {', '.join(self._missing(error, words))}; for example: {self.examples[0]}"
            case cyclopts.UnknownOptionError():
                return f"{self._about_unknown(error.token.keyword or error.token.value)} {see}"
            case cyclopts.UnusedCliTokensError():
                return f"{(error.unused_tokens or [''])[0]!r} is one argument too many. {see}"
            case cyclopts.CoercionError() if error.token is not None:
                if error.argument is not None and error.argument.is_flag():
                    return f"{name} takes no value, but has {error.token.value!r}. {see}"
                value, valid = error.token.value, [str(one) for one in typing.get_args(error.target_type)]
                near = nearest(value, valid)
                hint = "" if near is None else f"did you mean {near!r}? E"
                return f"{name} is {value!r}; {hint or 'e'}xpected one of {', '.join(valid)}. {see}"
            case cyclopts.RepeatArgumentError():
                return f"{error.token.keyword} is given twice; expected once. {see}"
        return f"{reason(error)}. {see}"

    def _missing(self, error: cyclopts.MissingArgumentError, words: Sequence[str]) -> list[str]:
        given = {word.partition("=")[0] for word in words}
        first = error.argument
        return [
            one.name if one.name.startswith("-") else metavar(one)
            for one in self.arguments
            if one.required and (one == first or (one.name.startswith("-") and one.name not in given))
        ]

    def _about_unknown(self, word: str) -> str:
        word = word.partition("=")[0]
        valid = [name for one in self.arguments for name in one.names]
        if self.takes_fields:
            from pixelsnail.training import options

            valid += [f"--{name}" for name in (*(option.name for option in options()), *TRAINER, *MODEL)]
        near = nearest(word, valid)
        return f"There is no option {word}" + (f"; did you mean {near}?" if near else ".")


def metavar(argument: Argument | None) -> str:
    """What stands for a value in help: N, FILE, auto|cpu|cuda."""
    if argument is None:
        return "VALUE"
    choices = typing.get_args(argument.hint) if typing.get_origin(argument.hint) is typing.Literal else ()
    named: str | None = getattr(argument.parameter.converter, "metavar", None)
    return named or "|".join(choices) or argument.name.lstrip("-").upper().replace("-", "_")


def take_dotted(words: Sequence[str]) -> tuple[list[str], Mapping[str, str]]:
    """Parts --section.key VALUE and --section.key=VALUE from the other words."""
    rest: list[str] = []
    fields: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        match = DOTTED.fullmatch(word)
        if match is None:
            rest.append(word)
            continue
        value = match[2] if match[2] is not None else next(remaining, None)
        if value is None or (match[2] is None and value.startswith("--")):
            raise UsageError(f"--{match[1]} has no value; expected --{match[1]} VALUE.")
        fields[match[1]] = value
    return rest, fields
