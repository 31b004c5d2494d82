"""Chapter 7: plans and indexes, by operation.

- `{"operation": "setup"}` makes `accounts7` anew, with its first index;
- `{"operation": "query"}` measures the chapter's query, whatever indexes there are;
- `{"operation": "optimize"}` builds the chapter's two indexes and waits until they are valid;
- `{"operation": "query_optimized"}` measures the query with them.

Setup and optimize answer `operation, message`; the queries `operation, execution_time_ms,
rows_returned, query_plan`, and take the query's parameters as further fields. The time is a plan's
own: the median of warm runs, and the plan is that run's. The spread of the runs is in the log. Two
invocations measure one after the other, so that a drift between them shows as a difference;
`dsqlkit optimize` measures in turns.
"""

from collections.abc import Callable
from typing import Final

from dsqlkit import measurement, queries, tables
from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.errors import DsqlkitError
from dsqlkit.plans.runner import explain
from dsqlkit.workshop import accounts7

RUNS: Final = 7
"""Odd, so that one run is the median."""

PARAMETERS: Final = tuple(queries.load(accounts7.QUERY).parameters)


class NotPrepared(DsqlkitError):
    """An operation whose table or indexes an earlier one was to make."""

    code = "not_prepared"


def operate(event: object, invocation: Invocation) -> Response:
    """Run the requested operation. Raises NotPrepared when an earlier one has to run first."""
    request = Request(event, ("operation", *PARAMETERS))
    operation = request.choice("operation", tuple(_OPERATIONS))
    if operation != "setup" and not tables.exists(invocation.connections, accounts7.TABLE):
        raise NotPrepared("Table accounts7 is not there: run operation setup first.")
    return {"operation": operation} | _OPERATIONS[operation](request, invocation)


def _set_up(request: Request, invocation: Invocation) -> Response:
    request.only("operation")
    made = accounts7.set_up(invocation.connections)
    return {"message": f"Table {made.table} has {made.rows:,} rows and the index {made.index}"}


def _optimize(request: Request, invocation: Invocation) -> Response:
    request.only("operation")
    accounts7.build_indexes(invocation.connections, limit_s=invocation.time_left_s)
    return {"message": f"The indexes {' and '.join(accounts7.INDEX_NAMES[1:])} are valid"}


def _query(request: Request, invocation: Invocation) -> Response:
    given = {name: request.text(name) for name in PARAMETERS if request.has(name)}
    query = queries.load(accounts7.QUERY, given)
    with invocation.connections.connection() as connection:
        runs = [explain(connection, query.sql, query.parameters) for _ in range(RUNS + 1)][1:]
    measured = measurement.summary([run.plan for run in runs])
    middle = next(run for run in runs if run.plan.execution_ms == measured.execution_ms)
    invocation.facts |= {"runs": measured.runs, "spread_ms": round(measured.spread_ms, 3)}
    return {
        "execution_time_ms": measured.execution_ms,
        "rows_returned": measured.rows,
        "query_plan": middle.text,
    }


def _query_optimized(request: Request, invocation: Invocation) -> Response:
    missing = accounts7.missing_indexes(invocation.connections)
    if missing:
        raise NotPrepared(
            f"The index {missing[0]} is not there, or not valid yet: run operation optimize first."
        )
    return _query(request, invocation)


_OPERATIONS: Final[dict[str, Callable[[Request, Invocation], Response]]] = {
    "setup": _set_up,
    "query": _query,
    "optimize": _optimize,
    "query_optimized": _query_optimized,
}

handler: Final = Function(7, operate)
