"""The conditions of a plan, as PostgreSQL prints them: their parts, and the columns they name."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, wraps
from typing import Final, ParamSpec, TypeVar

_LITERAL: Final = r"'[^']*(?:''[^']*)*'"
NAME: Final = r'"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$]*'
"""A name, as a regular expression."""
_TOKEN: Final = re.compile(rf"{_LITERAL}|(?:{NAME})(?:\.(?:{NAME}))*|.", re.DOTALL)
_AND: Final = " AND "
_SHORT: Final = 2048
_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


def _remembered(read: Callable[_Arguments, _Value]) -> Callable[_Arguments, _Value]:
    """Keep what was read of short texts: a plan's conditions come again and again."""
    kept = lru_cache(maxsize=1024)(read)

    @wraps(read)
    def remember(*arguments: _Arguments.args, **_: _Arguments.kwargs) -> _Value:
        short = sum(len(str(each)) for each in arguments) <= _SHORT
        return kept(*arguments) if short else read(*arguments)  # type: ignore[call-arg]

    return remember


def conjuncts(condition: str) -> list[str]:
    """The parts that all have to be true, as they are printed."""
    return list(_parts(condition))


@_remembered
def _parts(condition: str) -> tuple[str, ...]:
    if not condition.startswith("("):
        return (condition,)
    inner = condition[1:-1]
    parts, depth, since, position = [], 0, 0, 0
    for word in _TOKEN.findall(inner):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:  # the parentheses around it are not one pair
            return (condition,)
        if word == "AND" and depth == 0:
            parts.append(inner[since : position - 1])
            since = position + len("AND ")
        position += len(word)
    return (*parts, inner[since:]) if parts else (condition,)


def joined(parts: list[str]) -> str:
    """One condition of several, or of one."""
    return parts[0] if len(parts) == 1 else f"({_AND.join(parts)})"


@_remembered
def unqualified(text: str, alias: str) -> str:
    """The text with the columns of this alias named without it."""
    quoted = quote(alias)
    return "".join(_without(token, quoted) for token in _TOKEN.findall(text))


def names(texts: Iterable[str], alias: str) -> set[str]:
    """The names that stand alone or behind this alias, unquoted: columns are among them."""
    return {name for text in texts for name in _named(text, alias)}


@_remembered
def _named(text: str, alias: str) -> tuple[str, ...]:
    quoted = quote(alias)
    found = (unquote(_without(token, quoted)) for token in _TOKEN.findall(text) if token[0] != "'")
    return tuple(dict.fromkeys(found))


def columns_of(texts: Iterable[str], alias: str) -> set[str]:
    """The names that stand behind this alias, unquoted."""
    return {name for text in texts for name in _behind(text, alias)}


@_remembered
def _behind(text: str, alias: str) -> tuple[str, ...]:
    start = f"{quote(alias)}."
    found = (token for token in _TOKEN.findall(text) if token.startswith(start))
    return tuple(unquote(token[len(start) :]) for token in found)


def take_whole_rows(texts: Iterable[str], alias: str) -> bool:
    """Whether rows of this alias are taken as one value."""
    return any(_takes_whole_rows(text, alias) for text in texts)


@_remembered
def _takes_whole_rows(text: str, alias: str) -> bool:
    tokens = _TOKEN.findall(text)
    whole = [quote(alias), ".", "*"]
    return any(tokens[at : at + 3] == whole for at in range(len(tokens) - 2))


def aliases(text: str) -> Iterator[str]:
    """What stands before a column, unquoted."""
    for token in _TOKEN.findall(text):
        if token[0] != "'" and "." in token[:-1] and not token[0].isdigit():
            yield unquote(token[: len(token) - len(_last(token)) - 1])


def quote(name: str) -> str:
    """A name as PostgreSQL prints it, where it is no keyword."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def unquote(name: str) -> str:
    """A name itself."""
    return name[1:-1].replace('""', '"') if name[:1] == '"' else name


def _without(token: str, alias: str) -> str:
    return token[len(alias) + 1 :] if token.startswith(f"{alias}.") else token


def _last(token: str) -> str:
    return str(re.findall(NAME, token)[-1])
