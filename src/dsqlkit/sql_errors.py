"""Errors of the database: which of them are conflicts, and all others as ours, with their SQLSTATE,
hint and place."""

from enum import StrEnum
from typing import Final

import psycopg

from dsqlkit.errors import (
    FAULTS_OFF,
    ConflictLimitReached,
    ConnectionFailed,
    ConnectionLost,
    DsqlkitError,
    SqlError,
)
from dsqlkit.quotas import MAX_ROWS

SERIALIZATION_FAILURE: Final = "40001"


class Conflict(StrEnum):
    """The kinds of conflict that DSQL tells apart in the text of SQLSTATE 40001."""

    DATA = "OC000"
    """Another transaction committed a change to the same row first."""
    SCHEMA = "OC001"
    """The catalog changed: DDL, GRANT or REVOKE, an index build that finished."""


def conflict_of(sqlstate: str | None, message: str) -> Conflict | None:
    """The kind of conflict an error is, or None when it is not one and must not be retried.

    DSQL reports SQLSTATE 40001 with the kind in the message; older texts of its documentation
    have the kind as the SQLSTATE itself, which AWS's connector accepts as well.
    """
    if sqlstate in {Conflict.DATA, Conflict.SCHEMA}:
        return Conflict(sqlstate)
    if sqlstate == SERIALIZATION_FAILURE:
        return Conflict.SCHEMA if Conflict.SCHEMA in message else Conflict.DATA
    return None


def ends_session(error: psycopg.Error) -> bool:
    """Whether the server ended the connection by this error, whether or not its end was seen yet:
    no answer to the statement that was under way."""
    return error.diag.severity_nonlocalized in {"FATAL", "PANIC"}


def sql_error(error: psycopg.Error) -> DsqlkitError:
    """An error of the database as one of ours, with its SQLSTATE and its own hint."""
    diagnosis = error.diag
    message = diagnosis.message_primary or str(error).strip() or type(error).__name__
    if diagnosis.message_detail:
        message = f"{message} ({diagnosis.message_detail})"
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        return ConnectionFailed(f"The connection failed: {message}.", hint="Run it again.")
    if ends_session(error):
        return ConnectionLost(f"The connection was lost: {message}.", hint="Run it again.")
    position = diagnosis.statement_position
    refused = SqlError(
        message,
        hint=diagnosis.message_hint,
        sqlstate=error.sqlstate,
        position=int(position) if position else None,
    )
    if is_row_limit(refused) and refused.hint is None:
        refused.hint = f"Change the rows in several transactions, at most {MAX_ROWS:,} in each."
    return refused


def is_row_limit(error: SqlError) -> bool:
    """Whether more rows were to be changed than a transaction may. Other limits have that SQLSTATE
    too (recorded, as is the text)."""
    return error.sqlstate == "54000" and str(error).startswith("transaction row limit exceeded")


def is_on_purpose(error: psycopg.Error) -> bool:
    """Whether a fault of the local cluster that somebody switched on made this error."""
    return FAULTS_OFF in (error.diag.message_hint or "")


def gave_up(
    attempts: int, made: int, spent_s: float, conflict: Conflict, error: psycopg.Error
) -> ConflictLimitReached:
    """What to raise when no attempt is left. `made` is how many of the conflicts a fault made."""
    what = "its rows" if conflict is Conflict.DATA else "its tables"
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    why = f"other transactions kept changing {what}"
    hint = "Raise `max_attempts` or `deadline_s`, or spread the work over more rows."
    if made == attempts:
        why = "the local cluster fails COMMITs on purpose"
    elif made:
        why = f"{why}, and the local cluster failed {made} on purpose"
    if made:
        hint = f"A fault is on, `conflict_rate` or `conflict_every`: {FAULTS_OFF}"
    return ConflictLimitReached(
        f"Gave up after {tries} in {spent_s:.1f} s: {why} ({conflict}). Nothing changed.",
        hint=hint,
        sqlstate=error.sqlstate,
    )
