"""Plays a transaction on a cluster: left alone, set aside by a rival, or when it has lost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from tests.occ.conftest import CONFLICT
from tests.occ.random_sql import Statement

Session = psycopg.Connection[Any]
Answer = tuple[object, ...]
CLAIM = b"UPDATE race SET v = v WHERE id = 1"
_FAILED = TransactionStatus.INERROR
MAY_LOSE = re.compile("WITH|DEFAULT|LIMIT|CONFLICT|UPDATE .* FROM")
"""What a transaction set aside cannot always go on with: of a join's rows the plan chooses."""
_OF_VALUES = ("21", "22", "23")


class Fate(Enum):
    """What becomes of a transaction while it is open."""

    ALONE = auto()
    ASIDE = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Manner:
    """How statements are sent: with their values in the text or as parameters, in binary, prepared;
    `at` is before which statement it meets its fate."""

    at: int
    bound: bool = False
    binary: bool = False
    prepared: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """What a transaction answered, what it saw in the end, and what its COMMIT came to."""

    answers: tuple[Answer, ...]
    seen: Answer
    committed: str
    there: Answer


def play(
    sessions: Sequence[Session],
    tables: Sequence[str],
    statements: Sequence[Statement],
    manner: Manner,
    fate: Fate,
) -> Played:
    """Play it in the first of three sessions; the second is its rival."""
    one, rival, observer = sessions
    try:
        one.execute("BEGIN")
        one.execute(CLAIM)
        answers = []
        for number, statement in enumerate(statements):
            if number == manner.at:
                _meet(rival, fate)
            answers.append(answer(one, statement, manner))
        if manner.at >= len(statements):
            _meet(rival, fate)
        seen: Answer = () if one.info.transaction_status == _FAILED else contents(one, tables)
        return Played(tuple(answers), seen, _commit(one), contents(observer, tables))
    finally:
        for each in sessions:
            if each.info.transaction_status:
                each.execute("ROLLBACK")


def differs(wanted: Played, found: Played, statements: Sequence[Statement], fate: Fate) -> bool:
    """Whether it went otherwise than alone, beyond what may be."""
    for one, other in zip(wanted.answers, found.answers, strict=True):
        if other[0] == CONFLICT and any(MAY_LOSE.search(each.text) for each in statements):
            return found.committed == "COMMIT"
        if one != other and not (is_of_values(one) and is_of_values(other)):
            return True
    told_already = found.seen[:1] == (CONFLICT,)
    if not told_already and wanted.seen != found.seen:
        return True
    if told_already or fate is Fate.LOST:
        return found.committed == "COMMIT"
    return found.committed != CONFLICT and wanted.there != found.there


def contents(session: Session, tables: Sequence[str]) -> Answer:
    """The rows of tables, or the SQLSTATE of the failure to read them."""
    rows = [f"SELECT '{each}', t::text FROM {each} AS t" for each in tables]
    try:
        return tuple(session.execute(" UNION ALL ".join(rows).encode() + b" ORDER BY 1, 2"))
    except psycopg.Error as error:
        return (error.sqlstate,)


def is_of_values(answer: Answer) -> bool:
    """Whether it is an error that a value made: of several, which comes first is the plan's."""
    return str(answer[0]).startswith(_OF_VALUES)


def _meet(rival: Session, fate: Fate) -> None:
    if fate is Fate.ASIDE:
        rival.execute("BEGIN")
    if fate is not Fate.ALONE:
        rival.execute(CLAIM)


def _commit(session: Session) -> str:
    try:
        return str(session.execute("COMMIT").statusmessage)
    except psycopg.Error as error:
        return str(error.sqlstate)


def answer(session: Session, statement: Statement, manner: Manner) -> Answer:
    """What a statement answers: its tag, columns and rows in any order, or its SQLSTATE."""
    try:
        if statement.text.startswith("COPY"):
            return _copy(session, statement)
        text, values = _composed(session, statement, bound=manner.bound)
        cursor = session.cursor(binary=manner.binary)
        cursor.execute(text, values, prepare=manner.prepared)
    except psycopg.Error as error:
        return (error.sqlstate,)
    if cursor.description is None:
        return (cursor.statusmessage,)
    # The type of a whole row is the overlay's own.
    columns = [(each.name, min(each.type_code, 1 << 14)) for each in cursor.description]
    return (cursor.statusmessage, columns, sorted(map(repr, cursor.fetchall())))


def _composed(
    session: Session, statement: Statement, *, bound: bool
) -> tuple[bytes, dict[str, Any] | None]:
    text = statement.text
    for number, (value, cast) in enumerate(statement.values):
        shown = f"%(p{number})s" if bound else sql.Literal(value).as_string(session)
        text = text.replace(f"@{number}@", f"{shown}::{cast}")
    if not bound:
        return text.encode(), None
    return text.encode(), {f"p{n}": value for n, (value, _) in enumerate(statement.values)}


def _copy(session: Session, statement: Statement) -> Answer:
    cursor = session.cursor()
    with cursor.copy(statement.text.encode()) as copy:
        if not statement.rows:
            return (sorted(b"".join(map(bytes, copy)).splitlines()),)
        for row in statement.rows:
            copy.write_row(row)
    return (cursor.statusmessage,)
