"""Reading a client's text: what it is, and what PostgreSQL is to run for it. It is parsed once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import postgast

from dsqlkit.local.dialect.carried import failing
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.dialect.rewriting import Edit, edited, edits
from dsqlkit.local.statements import tree
from dsqlkit.local.statements.analysis import analyse, together
from dsqlkit.local.statements.own_syntax import parsable, wrong_token
from dsqlkit.local.statements.statement import OTHER, Kind, Statement
from dsqlkit.local.statements.steps import Part, Reading
from dsqlkit.local.statements.tree import ParsedStatement

_CACHED_BYTES: Final = 8192
_PARTS: Final = 200
"""How many statements of a text go in one piece."""


def read(sql: bytes) -> Reading:
    """What a text is, and what to run for it: the same object where nothing is to be changed.

    A text that does not parse is OTHER: PostgreSQL says what is wrong with it.
    """
    return _read_cached(sql) if len(sql) <= _CACHED_BYTES else _read(sql)


def read_in_pieces(sql: bytes) -> Iterator[Reading | tuple[Part, ...]]:
    """What `read` gives, for a process to pass on to another that is not to be kept waiting: first
    all but the parts, then those, some at a time. `run` is empty where nothing is changed."""
    reading = _read(sql)
    yield Reading(reading.statement, b"" if reading.run is sql else reading.run)
    for start in range(0, len(reading.parts), _PARTS):
        yield reading.parts[start : start + _PARTS]


def _read(sql: bytes) -> Reading:
    text = sql
    try:
        source = parsable(sql)
        text = source.text
        parsed = tree.parse(text)
    except (postgast.PgQueryError, UnicodeDecodeError):
        return Reading(OTHER, _as_it_fails(sql, text))
    statements = analyse(parsed, source)
    changes = [edits(each, source) for each in parsed]
    for at, statement in enumerate(statements):
        if changes[at]:
            statements[at] = _edited(statement, changes[at])
        if statement.explained is not None:
            statements[at] = _asked_otherwise(statements[at], changes[at])
    every = [edit for each in changes for edit in each]
    statement = together(_one_after_another(statements, changes) if every else statements)
    run = edited(text, every, 0, len(text)) if every else sql
    if statement.kind is not Kind.MIXED:
        return Reading(statement, run)
    # Each statement by itself, as BEGIN and COMMIT have to be seen, and conflicts among them.
    parts = tuple(
        Part(
            before - statement.longer,
            statement.moved(-each.start),
            edited(text if changed else sql, changed, each.start, each.end),
        )
        for each, before, statement, changed in zip(
            parsed, _characters_before(parsed, sql), statements, changes, strict=True
        )
    )
    return Reading(statement, run, parts)


def _characters_before(parsed: Iterable[ParsedStatement], sql: bytes) -> Iterator[int]:
    """How many characters of a text come before each of its statements."""
    start = characters = 0
    for each in parsed:
        characters += len(sql[start : each.start].decode())
        start = each.start
        yield characters


def _as_it_fails(sql: bytes, text: bytes) -> bytes:
    """What to run for a text that does not parse: PostgreSQL's parser knows no AWS IAM statement,
    and would say that it begins wrongly where DSQL's says at which token it goes wrong."""
    try:
        wrong = wrong_token(sql)
        if wrong is None:
            return text
        tree.parse(text[: wrong.statement])
    except (postgast.PgQueryError, UnicodeDecodeError):
        return text
    at = f'at or near "{wrong.written}"' if wrong.written else "at end of input"
    position = len(sql[: wrong.start].decode()) + 1
    return failing(Refusal("42601", f"syntax error {at}", position=position)).encode()


def _edited(statement: Statement, changes: Sequence[Edit]) -> Statement:
    """The statement with the places that it knows as they are in its text with these changes."""
    if not statement.qualified:
        return statement
    places = []
    for start, end in statement.qualified:
        at = start - statement.longer
        if not any(each.start <= at < each.end for each in changes):
            by = _longer(each for each in changes if each.end <= at)
            places.append((start + by, end + by))
    return replace(statement, qualified=tuple(places))


def _one_after_another(
    statements: Sequence[Statement], changes: Sequence[Sequence[Edit]]
) -> list[Statement]:
    """The statements as they are in a text in which those before them are changed."""
    found, by = [], 0
    for statement, changed in zip(statements, changes, strict=True):
        found.append(statement.moved(by))
        by += _longer(changed)
    return found


def _longer(changes: Iterable[Edit]) -> int:
    """By how much these changes make a text longer."""
    return sum(len(each.replacement) - (each.end - each.start) for each in changes)


def _asked_otherwise(statement: Statement, changes: list[Edit]) -> Statement:
    """Have PostgreSQL asked for a plan in the form that can be printed anew, unless the statement
    is refused: that replaces all of it."""
    explained = statement.explained
    assert explained is not None
    if changes and changes[0].start < explained.end:
        return replace(statement, explained=None)
    changes.insert(0, Edit(explained.start, explained.end, explained.head))
    return statement


_read_cached = lru_cache(maxsize=2048)(_read)
