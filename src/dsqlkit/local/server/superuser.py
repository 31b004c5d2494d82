"""The endpoint's own connections to PostgreSQL, as its superuser, for what clients may not do."""

import asyncio
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsqlkit.endpoint import DATABASE
from dsqlkit.local.server.new_data import SUPERUSER

if TYPE_CHECKING:
    import psycopg

_CONNECT_LIMIT_S = 10


async def load_driver() -> None:
    """Load psycopg beside other work: it takes some 150 ms."""
    await asyncio.to_thread(importlib.import_module, "psycopg")


async def connect(socket_folder: Path) -> "psycopg.AsyncConnection[tuple[Any, ...]]":
    """A connection in autocommit mode."""
    await load_driver()
    import psycopg

    return await psycopg.AsyncConnection.connect(
        host=str(socket_folder),
        user=SUPERUSER,
        dbname=DATABASE,
        autocommit=True,
        connect_timeout=_CONNECT_LIMIT_S,
        application_name="dsqlkit",
        options="-c temp_file_limit=-1",  # the limit of clients' queries is not that of builds
    )


def end_if_cancelled() -> None:
    """Raise CancelledError if this task is to end: to be called where psycopg's errors are caught.

    A second cancellation has psycopg close the connection, and what cleans up after it fails on
    that: an error then takes the place of the cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def may_sign_in(socket_folder: Path, role: str) -> bool:
    """Whether an IAM identity is mapped to the role.

    Raises ConnectionError when the server cannot be asked.
    """
    await load_driver()
    import psycopg

    try:
        async with await connect(socket_folder) as connection:
            found = await connection.execute(
                "SELECT FROM sys.iam_pg_role_mappings WHERE pg_role_name = %s", [role]
            )
            return found.rowcount > 0
    except psycopg.OperationalError as error:
        raise ConnectionError(f"the server cannot be asked about a role: {error}") from error
