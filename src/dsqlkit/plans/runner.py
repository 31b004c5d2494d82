"""Ask the database for a plan. This module and `catalog_reader` are those that touch it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import tuple_row

from dsqlkit.errors import DsqlkitError, SqlError, UsageError
from dsqlkit.plans.catalog_reader import catalog_of
from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.result import ExplainResult, read_result
from dsqlkit.plans.write_rules import ROW_LIMIT, refused_rows
from dsqlkit.queries import split_statements
from dsqlkit.sql_errors import conflict_of, is_row_limit, sql_error

_Read = TypeVar("_Read")

_EXPLAIN: Final = re.compile(r"EXPLAIN\b", re.IGNORECASE)
_ATTEMPTS: Final = 3
"""A session whose catalog is stale, because an index was finished say, is refused once with OC001;
the next attempt nearly always passes (AWS dsql skill, troubleshooting)."""


def explain(
    connection: psycopg.Connection[Any],
    sql: str,
    params: Mapping[str, object] | Sequence[object] | None = None,
    *,
    analyze: bool = True,
    verbose: bool = False,
    with_catalog: bool = False,
) -> ExplainResult:
    """The plan of one statement, which is run unless `analyze` is false.

    `sql` and `params` are as in psycopg's `execute`; values are bound by the server, so the plan
    is the one that a program gets which binds them. `verbose` adds the columns that each node puts
    out and, on DSQL with `analyze`, the estimate of DPU. `with_catalog` asks for the columns and
    indexes of the plan's tables too, in the same transaction, and judges the plan by them.

    Whatever the statement does is undone: it runs in a transaction that is rolled back. The
    connection, autocommit or not, must be idle, and is idle afterwards.

    A statement that changes more rows than a transaction may is refused when it is run: its plan is
    the one without ANALYZE, and a finding says so.

    Raises UsageError unless `sql` is one statement, SqlError when the database refuses it, and
    PlanError for a statement that has no plan.
    """
    command, statement = _command(connection, sql, analyze=analyze, verbose=verbose)

    def read(text: str) -> ExplainResult:
        result = read_result(text)
        if with_catalog:
            known = catalog_of(connection, result.plan)
            return replace(result, findings=diagnose(result.plan, known), catalog=known)
        return result

    try:
        result = _run(connection, command, statement, params, read)
    except SqlError as error:
        if not analyze or not is_row_limit(error):
            raise
        planned = explain(
            connection, sql, params, analyze=False, verbose=verbose, with_catalog=with_catalog
        )
        others = (each for each in planned.findings if each.code != ROW_LIMIT)
        return replace(planned, findings=(refused_rows(planned.plan), *others))
    return replace(result, sql=statement, rolled_back=analyze and result.plan.writes)


def plan_of(
    connection: psycopg.Connection[Any],
    sql: str,
    params: Mapping[str, object] | Sequence[object] | None = None,
    *,
    analyze: bool = True,
    verbose: bool = False,
) -> Plan:
    """As `explain`, but the plan alone, which is not judged: for who asks many times."""
    command, statement = _command(connection, sql, analyze=analyze, verbose=verbose)
    return _run(connection, command, statement, params, parse_plan)


def _command(
    connection: psycopg.Connection[Any], sql: str, *, analyze: bool, verbose: bool
) -> tuple[str, str]:
    """EXPLAIN with its options, and the one statement."""
    if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
        raise ValueError("explain needs an idle connection: end the transaction first")
    statements = split_statements(sql)
    if len(statements) != 1:
        raise UsageError(
            f"There are {len(statements)} statements to explain.", hint="Give exactly one."
        )
    if _EXPLAIN.match(statements[0]):
        raise UsageError(
            "The statement is an EXPLAIN already.", hint="Give the statement itself, without it."
        )
    options = [word for word, wanted in (("ANALYZE", analyze), ("VERBOSE", verbose)) if wanted]
    command = f"EXPLAIN ({', '.join(options)}) " if options else "EXPLAIN "
    return command, statements[0]


def _run(
    connection: psycopg.Connection[Any],
    command: str,
    sql: str,
    params: Mapping[str, object] | Sequence[object] | None,
    read: Callable[[str], _Read],
) -> _Read:
    """What is read from the plan's text, within the transaction that it was made in."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with connection.transaction(force_rollback=True):
                return read(_text(connection, command + sql, params))
        except psycopg.Error as error:
            if attempt == _ATTEMPTS or conflict_of(error.sqlstate, str(error)) is None:
                raise _within(command, sql_error(error)) from error
    raise AssertionError("the last attempt returns or raises")


def _within(command: str, error: DsqlkitError) -> DsqlkitError:
    """The error with its position in the statement, not in the EXPLAIN around it."""
    if isinstance(error, SqlError) and error.position is not None:
        error.position -= len(command)
    return error


def _text(
    connection: psycopg.Connection[Any],
    command: str,
    params: Mapping[str, object] | Sequence[object] | None,
) -> str:
    # Binary results make the driver use the extended protocol even without parameters: there the
    # server itself refuses a second statement, which could end our transaction. Text is the same
    # in both formats.
    with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        rows = cursor.execute(command.encode(), params, prepare=False).fetchall()
    return "\n".join(str(row[0]) for row in rows)
