"""Reading the catalog as a client does, which is to see no name of the endpoint's own."""

from typing import Final

from tests.support.raw_client import RawClient

_DENIED: Final = {"42501"}
"""What PostgreSQL keeps for its superuser."""


def shown(client: RawClient, sql: str, protocol: str = "simple") -> list[list[str | None]]:
    """The rows of an answer, of which none has a name of ours."""
    reply = client.ask(sql, protocol)
    assert reply.sqlstate is None or reply.sqlstate in _DENIED, (sql, reply.sqlstate, reply.message)
    assert "dsqlkit" not in (reply.message or ""), (sql, reply.message)
    rows = [row for result in reply.results for row in result.rows]
    # Jobs of `dsqlkit probe`, a client, are listed for a while.
    told = [[(value or "").replace("dsqlkit_probe_", "") for value in row] for row in rows]
    ours = [row for row in told if any("dsqlkit" in value for value in row)]
    assert ours == [], sql
    return rows
