"""Ask a cluster what statements cost. They run, and are rolled back."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import psycopg

from dsqlkit.costs.bill import Bill, Source, StatementCost, bill_of
from dsqlkit.costs.script import Transaction
from dsqlkit.errors import DsqlkitError, SqlError
from dsqlkit.plans.parse import parse_plan
from dsqlkit.queries import NamedQuery
from dsqlkit.sql_errors import sql_error

_EXPLAIN: Final = "EXPLAIN (ANALYZE, VERBOSE) "
_PARTS: Final = ("compute", "read", "write")


def cost_of(
    connection: psycopg.Connection[Any],
    transactions: Sequence[Transaction],
    *,
    source: Source,
    price: Decimal | None = None,
) -> Bill:
    """What the statements of these transactions cost, each run once, at a price for a million DPU.

    All run in one transaction that is rolled back, so that a statement sees what those before it
    wrote, and nothing is left of them; DSQL's limits for a transaction hold for all of them
    together. The connection must be idle, and is idle afterwards.

    Raises SqlError when a statement is refused, with its place in the text it came from, and
    DsqlkitError when the cluster prints no DPU.
    """
    found: list[list[StatementCost]] = []
    with connection.transaction(force_rollback=True):
        for transaction in transactions:
            found.append([_asked(connection, each, source) for each in transaction.statements])
    return bill_of(found, price)


def _asked(connection: psycopg.Connection[Any], query: NamedQuery, source: Source) -> StatementCost:
    try:
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(
                (_EXPLAIN + query.sql).encode(), query.parameters, prepare=False
            ).fetchall()
    except psycopg.Error as error:
        raise _placed(sql_error(error), query) from error
    estimate = parse_plan("\n".join(str(row[0]) for row in rows)).dpu
    if estimate is None:
        raise DsqlkitError("The cluster printed no DPU with the plan.")
    parts = {name: Decimal(0) for name in _PARTS}
    parts |= {name: amount.dpu for name, amount in estimate.parts.items()}
    return StatementCost(query.sql.replace("%%", "%"), parts, source)


def _placed(error: DsqlkitError, query: NamedQuery) -> DsqlkitError:
    if isinstance(error, SqlError) and error.position is not None:
        error.position -= len(_EXPLAIN)
        error.place = query.place(error.position)
    return error
