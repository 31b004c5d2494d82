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
    "read_children": "SELECT id, parent FROM {table}_child ORDER BY id",
    "lock": "SELECT id, v FROM {table} WHERE id = {key} FOR UPDATE",
    "share": "SELECT id, v FROM {table} WHERE id = {key} FOR KEY SHARE",
    "update": "UPDATE {table} SET v = v || {value} WHERE id = {key}",
    "update_many": "UPDATE {table} SET v = v || {value} WHERE id <= {key}",
    "upsert": "INSERT INTO {table} AS t (id, v) VALUES ({key}, {value})"
    " ON CONFLICT (id) DO UPDATE SET v = t.v || excluded.v",
    "insert_missing": "INSERT INTO {table} (id, v) VALUES ({key}, {value})"
    " ON CONFLICT (id) DO NOTHING",
    "delete": "DELETE FROM {table} WHERE id = {key}",
    "insert": "INSERT INTO {table} (id, v) VALUES ({key}, {value})",
    "insert_many": "INSERT INTO {table} (id, v)"
    " SELECT {key} + n, {value} FROM generate_series(0, 1) AS s (n)",
    "adopt": "INSERT INTO {table}_child (id, parent) VALUES ({value}::int, {key})",
    "disown": "DELETE FROM {table}_child WHERE parent = {key}",
    "declare": "DECLARE c CURSOR FOR SELECT id, v FROM {table} ORDER BY id",
    "fetch": "FETCH 2 FROM c",
}
_RETURNING = {
    **dict.fromkeys(("update", "update_many", "delete", "insert", "insert_many"), "id, v"),
    **dict.fromkeys(("upsert", "insert_missing"), "id, v"),
    **dict.fromkeys(("adopt", "disown"), "id, parent"),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How statements are sent: with parameters or without, asking for rows back, in binary, with
    the table's schema, in a pipeline of one. Without parameters, binary and pipeline it is the
    simple protocol, else the extended one."""

    bound: bool = False
    returning: bool = True
    binary: bool = False
    qualified: bool = False
    pipelined: bool = False


def run(connection: Connection, operation: Operation, manner: Manner) -> Answer:
    """Run one step; rows are those that came back, none unless they were asked for."""
    table = "public.occ" if manner.qualified else "occ"
    try:
        if operation.verb == "copy":
            return _copy(connection, operation, manner, table), ()
        return _execute(connection, operation, manner, table)
    except psycopg.Error as error:
        return error.sqlstate or f"lost: {error}", ()


def _execute(connection: Connection, operation: Operation, manner: Manner, table: str) -> Answer:
    text = _SQL[operation.verb]
    if manner.returning and operation.verb in _RETURNING:
        text += f" RETURNING {_RETURNING[operation.verb]}"
    # In a pipeline psycopg takes a statement for prepared even when preparing it has failed.
    connection.prepare_threshold = None if manner.pipelined else 5
    parameters = None
    if manner.bound and "{key}" in text:
        parameters = {"key": operation.key, "value": operation.value}
        text = text.format(table=table, key="%(key)s::int", value="%(value)s::text")
    else:
        text = text.format(table=table, key=operation.key, value=f"'{operation.value}'")
    if manner.pipelined:
        with connection.pipeline():
            cursor = connection.execute(text.encode(), parameters, binary=manner.binary)
    else:
        cursor = connection.execute(text.encode(), parameters, binary=manner.binary)
    rows = tuple(cursor.fetchall()) if cursor.description else ()
    return str(cursor.statusmessage), tuple(sorted(rows))


def _copy(connection: Connection, operation: Operation, manner: Manner, table: str) -> str:
    cursor = connection.cursor()
    form = "BINARY" if manner.binary else "TEXT"
    with cursor.copy(f"COPY {table} (id, v) FROM STDIN (FORMAT {form})".encode()) as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((operation.key, operation.value))
    return str(cursor.statusmessage)


def expected(answer: Answer, operation: Operation, manner: Manner) -> Answer:
    """What the model's answer looks like when statements are sent in this manner."""
    if operation.verb in _RETURNING and not manner.returning:
        return answer[0], ()
    return answer
