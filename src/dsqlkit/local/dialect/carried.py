"""A refusal, carried by an error of PostgreSQL's.

A statement that DSQL refuses becomes one that fails while it is analysed, with an error that has
DSQL's answer in its text, from which it is read back. So a refusal comes in its turn in a pipeline,
aborts a transaction, and gives way to 25P02 in an aborted one, all by PostgreSQL's own rules.
"""

import re
from typing import Final

from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import SYNC, Frontend, message

_MARK: Final = "dsqlkit refuses"
_CARRIER: Final = re.compile(
    rf'invalid input syntax for type oid: "{_MARK}'
    r' (?P<sqlstate>.{5})(?P<at>@\d+)? (?P<message>.*)"',
    re.DOTALL,
)


def failing(refusal: Refusal) -> str:
    """A statement that fails while it is analysed, with an error that carries the answer."""
    at = "" if refusal.position is None else f"@{refusal.position}"
    told = f"{_MARK} {refusal.sqlstate}{at} {refusal.message}"
    carried = told.replace("'", "''").replace("\\", "\\\\")
    return f"SELECT pg_catalog.oid E'{carried}'"


def refused(step: Step, refusal: Refusal) -> bytes:
    """Frames to send in place of a step, that fail with this answer."""
    sql = failing(refusal).encode()
    if step.is_query:
        return message(Frontend.QUERY, sql + b"\0")
    parse = message(Frontend.PARSE, b"\0" + sql + b"\0\0\0")
    return parse + SYNC if step.end is End.SYNC else parse


def refusal_in(message: str) -> Refusal | None:
    """The refusal that an error of PostgreSQL's carries, if it does."""
    found = _CARRIER.fullmatch(message)
    if found is None:
        return None
    position = int(found["at"][1:]) if found["at"] else None
    return Refusal(found["sqlstate"], found["message"], position=position)
