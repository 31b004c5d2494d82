"""Cursors and half-read portals of a transaction that is parked.

A cursor that was opened before the savepoint outlives going back to it, and stands where it stood.
So the savepoint is set anew after a cursor is opened, as long as there is nothing to let go of. The
rest of the rows of any other is read out first, and becomes a cursor over a private table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.savepoint import SAVEPOINT
from dsqlkit.local.statements.quoting import array, quoted
from dsqlkit.local.wire.messages import (
    MAX_BACKEND_FRAME,
    PORTAL,
    STATEMENT,
    SYNC,
    Backend,
    FrameCutter,
    Frontend,
    message,
)

_OPEN: Final = """
SELECT name, statement, is_holdable::text, is_binary::text FROM pg_catalog.pg_cursors
WHERE creation_time > $1::timestamptz AND name <> ''
"""
_REST: Final = "SELECT image FROM dsqlkit.rest_of_cursor($1) AS r (image)"
_KEEP: Final = "SELECT dsqlkit.keep_rows($1, $2::oid[], $3::int[], $4::text[])"
_DECLARED: Final = re.compile(r"\s*declare\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type_oid: int
    typmod: int
    format: int


@dataclass(frozen=True, slots=True)
class OpenCursor:
    """An open cursor with the rows that are still to come."""

    name: str
    declared: bool
    holdable: bool
    binary: bool
    columns: tuple[_Column, ...]
    rest: tuple[str, ...]


async def secure(conversation: Conversation) -> str:
    """Let all cursors that are open now outlive being parked; the moment from when on others are
    not, by the server's clock. The transaction must have changed nothing yet."""
    await conversation.ask(f"SAVEPOINT {SAVEPOINT}")
    return str((await conversation.ask("SELECT pg_catalog.statement_timestamp()::text"))[0][0])


async def read_out(conversation: Conversation, since: str) -> list[OpenCursor]:
    """The cursors opened since then. Raises exchange.Refused."""
    found = []
    for name, statement, holdable, binary in await conversation.ask(_OPEN, since):
        assert name is not None
        assert statement is not None
        columns = await _columns(conversation, name)
        rest = await conversation.ask(_REST, name)
        found.append(
            OpenCursor(
                name,
                _DECLARED.match(statement) is not None,
                holdable == "true",
                binary == "true",
                columns,
                tuple(str(row[0]) for row in rest),
            )
        )
    return found


async def open_again(conversation: Conversation, cursors: Sequence[OpenCursor], at: str) -> None:
    """Open them again over private tables. `at` makes the tables' names unique in a session."""
    for number, cursor in enumerate(cursors):
        table = f"dsqlkit_cursor_{re.sub('[^0-9]', '', at)}_{number}"
        types = array(str(column.type_oid) for column in cursor.columns)
        typmods = array(str(column.typmod) for column in cursor.columns)
        await conversation.ask(_KEEP, table, types, typmods, array(cursor.rest))
        names = ", ".join(
            f"c{place} AS {quoted(column.name)}" for place, column in enumerate(cursor.columns, 1)
        )
        select = f"SELECT {names} FROM pg_temp.{table}"  # noqa: S608 - quoted
        if cursor.declared:
            binary = "BINARY" if cursor.binary else ""
            hold = "WITH HOLD" if cursor.holdable else ""
            await conversation.ask(
                f"DECLARE {quoted(cursor.name)} {binary} CURSOR {hold} FOR {select}"
            )
        else:
            (await conversation.run(_bound(cursor, select))).rows()


async def _columns(conversation: Conversation, name: str) -> tuple[_Column, ...]:
    describe = message(Frontend.DESCRIBE, PORTAL + name.encode() + b"\0")
    described = await conversation.run(describe + SYNC)
    described.rows()
    stream = described.held()
    cutter = FrameCutter({Backend.ROW_DESCRIPTION}, limit=MAX_BACKEND_FRAME)
    for kind, frame in cutter.feed(stream):
        if kind == Backend.ROW_DESCRIPTION:
            return tuple(_parsed(frame))
    return ()


def _parsed(frame: bytes) -> list[_Column]:
    columns = []
    position = 7
    for _ in range(int.from_bytes(frame[5:7], "big")):
        end = frame.index(b"\0", position)
        fields = frame[end + 1 : end + 19]
        columns.append(
            _Column(
                frame[position:end].decode(),
                int.from_bytes(fields[6:10], "big"),
                int.from_bytes(fields[12:16], "big", signed=True),
                int.from_bytes(fields[16:18], "big"),
            )
        )
        position = end + 19
    return columns


def _bound(cursor: OpenCursor, select: str) -> bytes:
    """Frames that open a portal over a private table, with rows in the formats it had."""
    statement = b"dsqlkit_portal\0"
    formats = b"".join(column.format.to_bytes(2, "big") for column in cursor.columns)
    bind = cursor.name.encode() + b"\0" + statement + bytes(4)
    return (
        message(Frontend.PARSE, statement + select.encode() + b"\0\0\0")
        + message(Frontend.BIND, bind + len(cursor.columns).to_bytes(2, "big") + formats)
        + message(Frontend.CLOSE, STATEMENT + statement)
        + SYNC
    )
