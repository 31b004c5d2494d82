"""A transfer's statements: asked in one round trip, or one by one where that cannot be."""

from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakSet

import psycopg

from dsqlkit.connection import Connection, Connections
from dsqlkit.errors import SqlError
from dsqlkit.round_trips import Answers, Question, begin, begin_by_cursors

_NO_PIPELINES: Final = frozenset({"0A000", "08P01"})
"""What a server may answer to statements that it gets before it has answered those before them."""

_one_by_one: "WeakSet[Connections]" = WeakSet()
"""Those whose server was found to take no pipelines."""


def ask(
    connections: Connections,
    connection: Connection,
    questions: Sequence[Question],
    notice: Callable[[str], None],
) -> Answers:
    """Begin a transaction with these statements, on a connection of these. `notice` hears where
    libpq has no pipelines. Raises what `round_trips.begin` raises."""
    if connections not in _one_by_one:
        if psycopg.Pipeline.is_supported():
            return begin(connection, questions)
        _one_by_one.add(connections)
        notice("This libpq has no pipelines: each statement makes a round trip.")
    return begin_by_cursors(connection, questions)


def is_asked_otherwise(
    connections: Connections, error: SqlError, notice: Callable[[str], None]
) -> bool:
    """Whether the server may have refused no more than the pipeline, so that it is to be asked
    again: one by one from now on, as `notice` hears."""
    if error.sqlstate not in _NO_PIPELINES or connections in _one_by_one:
        return False
    _one_by_one.add(connections)
    notice("The server takes no pipelines: each statement makes a round trip.")
    return True
