"""A command's own parameters as Typer is given them, and as the command gets them back.

Typer stops at the first value that is missing or of the wrong kind, and says so in its own words.
Here a command's signature is rewritten so that all that is missing is named at once, numbers are
read with messages of ours, and an option marked `BY_POSITION` may be typed without its name.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, TypeAlias, get_args

import typer
from typer.core import TyperArgument
from typer.models import ArgumentInfo, OptionInfo

from dsqlkit.cli.help import HelpfulCommand
from dsqlkit.errors import UsageError

Info: TypeAlias = OptionInfo | ArgumentInfo

_SHOWN: Final = 40
_MISSING: Final = inspect.Parameter.empty
_NEGATIVE: Final = re.compile(r"-\.?[0-9]")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.I)


@dataclass(frozen=True)
class _ByPosition:
    """Marks an option whose value may stand on the command line without the option's name."""


BY_POSITION: Final = _ByPosition()


class Command(HelpfulCommand):
    """A command whose usage line shows its arguments as they are written: NAME, [QUERY]."""

    def collect_usage_pieces(self, _: Any) -> list[str]:
        arguments = [each for each in self.params if isinstance(each, TyperArgument)]
        return [self.options_metavar or "", *(str(each.metavar) for each in arguments)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        try:
            left = super().parse_args(ctx, list(args))
        except typer.TyperException as error:
            hint = f"See `{ctx.command_path} --help`."
            if any(_NEGATIVE.match(word) for word in args):
                hint = "Before a value that begins with a minus sign, write -- by itself."
            raise UsageError(error.format_message(), hint=hint) from error
        if left:
            raise UsageError(
                f"{' '.join(left)}: more than the command takes.",
                hint=f"See `{ctx.command_path} --help`.",
            )
        return left


class Parameters:
    """The parameters of one command, in the order of its signature, its options aside."""

    def __init__(self, own: Sequence[inspect.Parameter], example: str | None) -> None:
        self._own = own
        self._hint = f"For example: {example}" if example else None

    def for_typer(self) -> Iterator[inspect.Parameter]:
        """Keyword parameters, none of them required; an argument is beside its option."""
        for each in self._own:
            parameter = in_our_words(each)
            info = copy(_info(parameter))
            if _is_by_position(each):
                yield _by_position(each)
                info.help, info.show_default = f"The same as {_metavar(each)}.", False
                parameter = _changed(parameter, info, default=None)
            elif each.default is _MISSING:
                if isinstance(info, OptionInfo):
                    info.help = f"{info.help}  [required]"
                parameter = _changed(parameter, info, default=None)
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)

    def taken_from(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the command gets, given what Typer read.

        Raises UsageError that names all that is missing, or what was given twice.
        """
        taken: dict[str, Any] = {}
        missing: list[str] = []
        for each in self._own:
            value = values[each.name]
            if _is_by_position(each):
                typed = values[_position_name(each)]
                if typed is not None and value is not None:
                    name = _name(each)
                    raise UsageError(
                        f"{_metavar(each)} is given twice: {typed!r}, and {name} {value!r}.",
                        hint=self._hint,
                    )
                value = typed if value is None else value
            if value is None and each.default is _MISSING:
                missing.append(_name(each))
            taken[each.name] = each.default if value is None else value
        if missing:
            raise UsageError(f"Missing: {_listed(missing)}.", hint=self._hint)
        return taken


def in_our_words(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter, its value read by us where it is a number."""
    kinds = {kind for part in _parts(_type(parameter)) for kind in (part, *get_args(part))}
    if int not in kinds and float not in kinds:
        return parameter
    info = copy(_info(parameter))
    info.parser = partial(whole_number if int in kinds else number, _name(parameter))
    return _changed(parameter, info, default=parameter.default)


def whole_number(name: str, text: str | int) -> int:
    """The whole number that was typed for `name`. Raises UsageError."""
    if not _WHOLE.fullmatch(str(text)):
        raise UsageError(f"{name} must be a whole number, not {_short(text)}.")
    return int(text)


def number(name: str, text: str | float) -> float:
    """The number that was typed for `name`. Raises UsageError."""
    if not _NUMBER.fullmatch(str(text)):
        raise UsageError(f"{name} must be a number, not {_short(text)}.")
    return float(text)


def example_of(command: Callable[..., Any]) -> str | None:
    """The first command line among the examples in a command's docstring."""
    for line in (command.__doc__ or "").partition("\b")[2].splitlines():
        if line.strip():
            return line.strip()
    return None


def _short(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *get_args(annotation))


def _type(parameter: inspect.Parameter) -> Any:
    return get_args(parameter.annotation)[0]


def _info(parameter: inspect.Parameter) -> Info:
    for each in get_args(parameter.annotation):
        if isinstance(each, Info):
            return each
    raise TypeError(f"{parameter.name} is neither an option nor an argument")


def _is_by_position(parameter: inspect.Parameter) -> bool:
    return BY_POSITION in get_args(parameter.annotation)


def _name(parameter: inspect.Parameter) -> str:
    """What a person calls it: `--payer`, or NAME for an argument."""
    info = _info(parameter)
    if isinstance(info, ArgumentInfo):
        return _metavar(parameter)
    declared = [text for text in (info.default, *(info.param_decls or ())) if text is not ...]
    return str(declared[0]) if declared else "--" + parameter.name.replace("_", "-")


def _metavar(parameter: inspect.Parameter) -> str:
    info = _info(parameter)
    if isinstance(info, ArgumentInfo) and info.metavar:
        return info.metavar.strip("[].")
    return parameter.name.upper()


def _position_name(parameter: inspect.Parameter) -> str:
    return f"{parameter.name}_by_position"


def _by_position(parameter: inspect.Parameter) -> inspect.Parameter:
    """The argument beside an option that may be typed without its name."""
    option, metavar, words = _info(parameter), _metavar(parameter), ""
    if parameter.default is not _MISSING:
        metavar, words = f"[{metavar}]", f"  [default: {parameter.default}]"
    argument = typer.Argument(metavar=metavar, help=f"{option.help}{words}", show_default=False)
    by_position = parameter.replace(
        name=_position_name(parameter),
        kind=inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_type(parameter) | None, argument],
    )
    return in_our_words(by_position)


def _changed(parameter: inspect.Parameter, info: Info, default: Any) -> inspect.Parameter:
    """The parameter with another description; one whose default is None may be left out."""
    kind = _type(parameter)
    if default is None and type(None) not in get_args(kind):
        kind |= None
    return parameter.replace(default=default, annotation=Annotated[kind, info])


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
