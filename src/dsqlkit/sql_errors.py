"""Errors of the database as ours: what it refused, with its SQLSTATE, its hint and the place."""

import psycopg

from dsqlkit.errors import FAULTS_OFF, ConnectionFailed, DsqlkitError, SqlError
from dsqlkit.quotas import MAX_ROWS


def sql_error(error: psycopg.Error) -> DsqlkitError:
    """An error of the database as one of ours, with its SQLSTATE and its own hint."""
    diagnosis = error.diag
    message = diagnosis.message_primary or str(error).strip() or type(error).__name__
    if diagnosis.message_detail:
        message = f"{message} ({diagnosis.message_detail})"
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        return ConnectionFailed(f"The connection failed: {message}.", hint="Run it again.")
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
