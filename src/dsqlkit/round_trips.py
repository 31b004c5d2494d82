"""The two round trips of a transaction: BEGIN with its first statements, and COMMIT.

libpq is driven here directly. psycopg's own pipeline hands the server each statement by itself,
which wakes it for each, and costs half as much CPU again; and where a statement fails, it takes one
that was to be prepared behind it for prepared, which fails from then on.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait

from dsqlkit.connection import Connection, Cursor
from dsqlkit.queries import numbered, statement

if TYPE_CHECKING:
    from psycopg.abc import Buffer, PQGen
    from psycopg.abc import Transformer as Adapting
    from psycopg.pq.abc import PGconn, PGresult

Question: TypeAlias = tuple[str, Mapping[str, object]]
"""A shipped statement, by its path below `sql/`, and a value for each of its parameters."""

_PREPARED_IN_VAIN: Final = frozenset({"26000", "0A000"})
"""Somebody has dropped what was prepared; or has made a table anew, with other types."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows that a statement gave back, and how many it read or changed."""

    rows: Sequence[TupleRow]
    rowcount: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked, answered in order: all of it, or up to the `refusal` of the next one."""

    given: Sequence[Answer]
    refusal: psycopg.Error | None = None


_Key: TypeAlias = tuple[bytes, tuple[int, ...]]
"""What a statement is to a server: its text, and the types of its parameters."""


@dataclass(slots=True)
class _Known:
    """What a connection was asked before, and the names of what is prepared on it."""

    asked: set[_Key] = field(default_factory=set)
    names: dict[_Key, bytes] = field(default_factory=dict)


_known: WeakKeyDictionary[Connection, _Known] = WeakKeyDictionary()
_numbers = count()


def begin(connection: Connection, questions: Sequence[Question]) -> Answers:
    """Send BEGIN and the statements at once, and wait for their answers: one round trip.

    A statement that is asked again on its connection is prepared there; where what was prepared is
    of no use any more, all are asked once more without.

    Raises psycopg.OperationalError when the connection breaks. It is closed after anything that is
    raised, an interrupt included, as nobody knows then how far it came.
    """
    if _has_own_cursors(connection):
        return begin_by_cursors(connection, questions, connection.pipeline())
    known = _known.setdefault(connection, _Known())
    answers = _begin(connection, known, questions)
    refusal = answers.refusal
    if refusal is not None and refusal.sqlstate in _PREPARED_IN_VAIN and known.names:
        _known[connection] = known = _Known()
        connection.execute("ROLLBACK", prepare=False)
        answers = _begin(connection, known, questions)
    return answers


def begin_by_cursors(
    connection: Connection,
    questions: Sequence[Question],
    together: AbstractContextManager[object] | None = None,
) -> Answers:
    """The same with a cursor for each statement: `together` in a pipeline of the connection's, or
    with a round trip for each.

    Raises psycopg.OperationalError when the connection breaks.
    """
    cursors: list[Cursor] = []
    refusal = None
    try:
        with together or nullcontext():
            connection.execute("BEGIN", prepare=False)
            for path, values in questions:
                cursors.append(connection.execute(statement(path), values, prepare=False))
    except psycopg.Error as error:
        if connection.closed:
            raise
        refusal = error
    answered = takewhile(lambda cursor: _is_answered(cursor.pgresult), cursors)
    return Answers(
        [Answer(each.fetchall() if each.description else (), each.rowcount) for each in answered],
        refusal,
    )


def commit(connection: Connection) -> str:
    """Send COMMIT; the word of the answer, which is ROLLBACK after an error that was passed over.

    Raises psycopg.Error for a refusal, and when the connection breaks.
    """
    if _has_own_cursors(connection):
        return connection.execute("COMMIT", prepare=False).statusmessage or ""
    connection.pgconn.send_query(b"COMMIT")
    result = connection.wait(generators.execute(connection.pgconn))[-1]
    if refusal := _refusal(result):
        raise refusal
    return (result.command_status or b"").decode()


def _has_own_cursors(connection: Connection) -> bool:
    """Whether somebody has given it cursors that want to see what is sent."""
    return connection.cursor_factory is not psycopg.Cursor


def _begin(connection: Connection, known: _Known, questions: Sequence[Question]) -> Answers:
    adapting = Transformer(connection)
    bound = [_bound(adapting, known, b"BEGIN", ())]
    for path, values in questions:
        sql, parameters = numbered(path)
        bound.append(_bound(adapting, known, sql, [values[each] for each in parameters]))
    try:
        results = connection.wait(_asked(connection.pgconn, bound))
    except BaseException:
        connection.close()
        raise
    given, refusal = _answers(adapting, known, bound, results)
    return Answers(given[1:], refusal)


@dataclass(slots=True)
class _Bound:
    """A statement as it is sent: by its `name`, if it has one, which may be to be prepared."""

    key: _Key
    values: "Sequence[Buffer | None]"
    formats: Sequence[Format]
    name: bytes | None
    is_new: bool


def _bound(adapting: "Adapting", known: _Known, sql: bytes, values: Sequence[object]) -> _Bound:
    adapted = adapting.dump_sequence(values, [PyFormat.AUTO] * len(values))
    key = (sql, adapting.types or ())
    name = known.names.get(key)
    is_new = name is None and key in known.asked
    if is_new:
        name = b"dsqlkit_%d" % next(_numbers)
    return _Bound(key, adapted, adapting.formats or (), name, is_new)


def _asked(to: "PGconn", bound: Sequence[_Bound]) -> "PQGen[list[PGresult]]":
    """Send them all; what came back for each, its preparing first."""
    to.enter_pipeline_mode()
    _send(to, bound)
    while to.flush():
        if (yield Wait.RW) & Ready.R:
            to.consume_input()
    results: list[PGresult] = []
    result: PGresult | None = None
    while True:
        while to.is_busy():
            if (yield Wait.R):
                to.consume_input()
        before, result = result, to.get_result()
        if result is None:  # the end of what came back for one
            if before is None or to.status == ConnStatus.BAD:
                raise psycopg.OperationalError(to.get_error_message())
        elif result.status == ExecStatus.PIPELINE_SYNC:
            to.exit_pipeline_mode()
            return results
        else:
            results.append(result)


def _send(to: "PGconn", bound: Sequence[_Bound]) -> None:
    for each in bound:
        sql, types = each.key
        if each.name is None:
            to.send_query_params(sql, each.values, types, each.formats)
        else:
            if each.is_new:
                to.send_prepare(each.name, sql, types)
            to.send_query_prepared(each.name, each.values, each.formats)
    to.pipeline_sync()


def _answers(
    adapting: "Adapting", known: _Known, bound: Sequence[_Bound], results: "Sequence[PGresult]"
) -> tuple[list[Answer], psycopg.Error | None]:
    given: list[Answer] = []
    coming = iter(results)
    for each in bound:
        if each.name is not None and each.is_new:
            if refusal := _refusal(next(coming)):
                return given, refusal
            known.names[each.key] = each.name
        result = next(coming)
        if refusal := _refusal(result):
            return given, refusal
        known.asked.add(each.key)
        given.append(_answer(adapting, result))
    return given, None


def _refusal(result: "PGresult") -> psycopg.Error | None:
    """Why the server did not do it, None where it did."""
    return None if _is_answered(result) else error_from_result(result)


def _is_answered(result: "PGresult | None") -> bool:
    return result is not None and result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


def _answer(reading: "Adapting", result: "PGresult") -> Answer:
    if result.status == ExecStatus.COMMAND_OK:
        return Answer((), result.command_tuples or 0)
    reading.set_pgresult(result)
    return Answer(reading.load_rows(0, result.ntuples, tuple), result.ntuples)
