"""Making a running server as empty as a new one."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dsqlkit.endpoint import ADMIN, DATABASE
from dsqlkit.local.server.files import script
from dsqlkit.local.server.new_data import SUPERUSER

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_LIMIT_S: Final = 10


def empty(socket_folder: Path) -> None:
    """End all sessions and remove all that they made, in one transaction.

    Raises psycopg.Error, and then nothing is removed.
    """
    import psycopg
    from psycopg.sql import SQL

    with psycopg.connect(
        host=str(socket_folder),
        user=SUPERUSER,
        dbname=DATABASE,
        connect_timeout=_LIMIT_S,
        application_name="dsqlkit",
        options=f"-c statement_timeout={_LIMIT_S}s -c session_replication_role=replica",
    ) as connection:
        _run(connection, "end_sessions.sql")
        _run(connection, "before_emptying.sql")
        roles = _roles(connection)
        connection.execute(SQL("DROP OWNED BY {} CASCADE").format(_listed([ADMIN, *roles])))
        if roles:
            connection.execute(SQL("DROP ROLE {}").format(_listed(roles)))
        _run(connection, "after_emptying.sql")


def _run(connection: "psycopg.Connection[tuple[object, ...]]", name: str) -> None:
    connection.execute(script(name).encode())


def _roles(connection: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    """Every role but admin, ours and PostgreSQL's own."""
    found = connection.execute(
        r"SELECT rolname FROM pg_catalog.pg_roles"
        r" WHERE rolname NOT IN (%s, %s) AND rolname NOT LIKE 'pg\_%%'",
        [ADMIN, SUPERUSER],
    ).fetchall()
    return [str(name) for (name,) in found]


def _listed(roles: list[str]) -> "Composed":
    from psycopg.sql import SQL, Identifier

    return SQL(", ").join(map(Identifier, roles))
