"""The local cluster's server past its endpoint, as its superuser: for what clients do not see."""

from typing import Any

import psycopg

from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.server.new_data import SUPERUSER
from dsqlkit.local.state import StateFolder


def connect_inside() -> psycopg.Connection[tuple[Any, ...]]:
    """A connection in autocommit mode."""
    home = ServerHome(StateFolder.default().server.resolve())
    return psycopg.connect(
        host=str(home.socket_folder), user=SUPERUSER, dbname="postgres", autocommit=True
    )


def backends(condition: str = "usename = 'admin'") -> int:
    """How many of the server's processes there are for which this is true."""
    with connect_inside() as connection:
        found = connection.execute(f"SELECT FROM pg_stat_activity WHERE {condition}".encode())
        return found.rowcount


def activity() -> str:
    """What each of the server's processes does and whom it waits for, a line each."""
    with connect_inside() as connection:
        found = connection.execute(
            "SELECT pid, usename, state, wait_event_type, wait_event, pg_blocking_pids(pid),"
            " clock_timestamp() - query_start, query FROM pg_stat_activity"
            " WHERE backend_type = 'client backend'"
        )
        return "\n".join(" ".join(map(str, row)) for row in found)
