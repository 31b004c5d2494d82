"""Runs a step of a script on a real session and says what it answered."""

from dataclasses import dataclass

import psycopg

from dsqlkit.connection import Connection
from tests.occ.model import Answer, Operation

_SQL = {
    "begin": "BEGIN",
    "commit": "COMMIT",
    "rollback": "ROLLBACK",
    "read": "SELECT id, v FROM {table} ORDER BY id",
    "lock": "SELECT id, v FROM {table} WHERE id = {key} FOR UPDATE",
    "update": "UPDATE {table} SET v = v || {value} WHERE id = {key}",
    "update_many": "UPDATE {table} SET v = v || {value} WHERE id <= {key}",
    "delete": "DELETE FROM {table} WHERE id = {key}",
    "insert": "INSERT INTO {table} (id, v) VALUES ({key}, {value})",
}
_WRITES = ("update", "update_many", "delete", "insert")


@dataclass(frozen=True, slots=True)
class Manner:
    """How statements are sent: with parameters or without, asking for rows back, in binary, with
    the table's schema, in a pipeline of one."""

    bound: bool = False
    returning: bool = True
    binary: bool = False
    qualified: bool = False
    pipelined: bool = False


def run(connection: Connection, operation: Operation, manner: Manner) -> Answer:
    """Run one step; rows are those that came back, none unless they were asked for."""
    text = _SQL[operation.verb]
    if operation.verb in _WRITES and manner.returning:
        text += " RETURNING id, v"
    table = "public.occ" if manner.qualified else "occ"
    # In a pipeline psycopg takes a statement for prepared even when preparing it has failed.
    connection.prepare_threshold = None if manner.pipelined else 5
    parameters = None
    if manner.bound and "{key}" in text:
        parameters = {"key": operation.key, "value": operation.value}
        text = text.format(table=table, key="%(key)s::int", value="%(value)s::text")
    else:
        text = text.format(table=table, key=operation.key, value=f"'{operation.value}'")
    try:
        if manner.pipelined:
            with connection.pipeline():
                cursor = connection.execute(text.encode(), parameters, binary=manner.binary)
        else:
            cursor = connection.execute(text.encode(), parameters, binary=manner.binary)
    except psycopg.Error as error:
        return error.sqlstate or f"lost: {error}", ()
    rows = tuple(cursor.fetchall()) if cursor.description else ()
    return str(cursor.statusmessage), tuple(sorted(rows))


def expected(answer: Answer, operation: Operation, manner: Manner) -> Answer:
    """What the model's answer looks like when statements are sent in this manner."""
    if operation.verb in _WRITES and not manner.returning:
        return answer[0], ()
    return answer
