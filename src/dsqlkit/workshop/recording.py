"""Connections that remember what is sent over them, so that a chapter can show it.

Values are written into the text by the driver before it is sent (`psycopg.ClientCursor`), so what
is remembered is what went over the wire, and can be pasted into psql.
"""

import re
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.rows import TupleRow

from dsqlkit.connection import Connection, Connections

_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_LITERAL_CAST_TWICE: Final = re.compile(
    rf"({_LITERAL.pattern})(::[a-z]+(?:\[\])?)(?:\2(?![\w\[(]))?"
)
"""The driver casts some values itself, and so does the text that they are written into."""
_LONGEST_LITERAL: Final = 80
_SHOWN_OF_LITERAL: Final = 38
_SHOWN_ROWS: Final = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it was sent, but that literals of more than 80 characters are cut with `...`,
    and its answer: a command tag, a row, a count of rows, or an error with its `sqlstate`.

    `transaction` tells two apart that run side by side.
    """

    sql: str
    answer: str
    sqlstate: str | None = None
    transaction: str | None = None


class Recorder:
    """Lends the connections of another, and remembers the statements that are run on them.

    Of the first COMMITs so many answers are lost as `loses` says: the cluster commits, and the
    connection is closed before anybody hears of it. For one thread at a time.
    """

    def __init__(self, connections: Connections, loses: int = 0) -> None:
        self._connections = connections
        self._cursors: list[_RecordingCursor] = []
        self._loses = loses

    @contextmanager
    def connection(self, timeout: float | None = None) -> Generator[Connection, None, None]:
        """Lend a connection for the length of a `with` block."""
        with self._connections.connection(timeout) as connection:
            usual = connection.cursor_factory
            connection.cursor_factory = partial(_RecordingCursor, self)  # type: ignore[assignment]
            try:
                yield connection
            finally:
                connection.cursor_factory = usual

    def remember(self, cursor: "_RecordingCursor") -> None:
        """Take in a statement that is about to be sent."""
        self._cursors.append(cursor)

    def loses(self, sql: str) -> bool:
        """Whether the answer to this statement, which has come, is to be lost."""
        if sql != "COMMIT" or not self._loses:
            return False
        self._loses -= 1
        return True

    @property
    def sent(self) -> tuple[Sent, ...]:
        """The statements so far, in order."""
        return tuple(cursor.sent for cursor in self._cursors if cursor.text)

    @property
    def queries(self) -> tuple[Sent, ...]:
        """The same without the BEGIN and COMMIT that stand around each."""
        return tuple(sent for sent in self.sent if sent.sql not in {"BEGIN", "COMMIT"})


class _RecordingCursor(psycopg.ClientCursor[TupleRow]):
    def __init__(self, recorder: Recorder, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._recorder = recorder
        self._error: psycopg.Error | None = None
        self.text = ""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_RecordingCursor":
        self._recorder.remember(self)
        self.text = _LITERAL_CAST_TWICE.sub(r"\1\2", self.mogrify(query, params))
        # A text with its values in it is sent in the simple protocol, whose answers are text.
        self.format = Format.TEXT
        try:
            super().execute(self.text.encode(), **options)
        except psycopg.Error as error:
            self._error = error
            raise
        if self._recorder.loses(self.text):
            self.connection.close()
            self._error = psycopg.OperationalError("no answer: the connection broke")
            raise self._error
        return self

    @property
    def sent(self) -> Sent:
        text = textwrap.dedent(_LITERAL.sub(_cut, self.text)).strip()
        if self._error is not None:
            told = self._error.diag.message_primary or str(self._error)
            return Sent(text, told, self._error.sqlstate)
        return self._answered(text)

    def _answered(self, text: str) -> Sent:
        # In a pipeline the answer comes after `execute`; by the time that it is asked for it is in.
        result = self.pgresult
        if result is None:
            return Sent(text, "")
        if result.status == ExecStatus.FATAL_ERROR:
            told = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
            state = result.error_field(DiagnosticField.SQLSTATE) or b""
            return Sent(text, told.decode(), state.decode() or None)
        tag = (result.command_status or b"").decode()
        if result.status != ExecStatus.TUPLES_OK:
            return Sent(text, tag)
        if result.ntuples > _SHOWN_ROWS:
            return Sent(text, f"{result.ntuples:,} rows")
        row = ", ".join(_field(result, column) for column in range(result.nfields))
        if result.ntuples == 0:
            row = "no row"
        return Sent(text, row if tag.startswith("SELECT") else f"{tag}: {row}")


def _field(result: Any, column: int) -> str:
    value = result.get_value(0, column)
    name = result.fname(column).decode()
    return f"{name} {'null' if value is None else value.decode(errors='replace')}"


def _cut(literal: "re.Match[str]") -> str:
    text = literal[0]
    return text if len(text) <= _LONGEST_LITERAL else f"{text[:_SHOWN_OF_LITERAL]}...'"
