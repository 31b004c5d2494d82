"""What the server has counted of a table, past the endpoint."""

from typing import NamedTuple

from tests.support.inside import connect_inside


class Counted(NamedTuple):
    """Rows inserted and updated, and read in a row. The server tells what a session did once that
    is gone."""

    inserted: int
    updated: int
    read_in_a_row: int


def counted(table: str) -> Counted:
    """What was counted of the table of this name."""
    query = "SELECT n_tup_ins, n_tup_upd, seq_tup_read FROM pg_stat_user_tables WHERE relname = %s"
    with connect_inside() as connection:
        row = connection.execute(query, (table,)).fetchone()
        assert row is not None
        return Counted(*row)
