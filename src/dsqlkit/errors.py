"""The errors of dsqlkit: one family, each with the exit code of the command line.

A message says what failed and why; a hint says what to do next. Neither ever holds a token,
a password or a secret key. The command line turns these into text or JSON in one place
(`dsqlkit.cli.main`).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

FAULTS_OFF: Final = "`dsqlkit local set --none` switches it off."
"""How to end a fault of the local cluster that was switched on. A hint with these words, from the
local cluster too, says that an error was made on purpose."""


class ExitCode(IntEnum):
    """Exit codes of the command line. Scripts rely on them."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_CONNECTION = 3
    GAVE_UP = 4
    OUTCOME_UNKNOWN = 5
    INTERRUPTED = 130
    TERMINATED = 143
    HUNG_UP = 129
    NO_READER = 141


class DsqlkitError(Exception):
    """Work was refused and nothing changed. The base of the family.

    `code` is the stable word a script sees in JSON; `sqlstate` is set where the database gave one.
    """

    code = "refused"
    exit_code = ExitCode.REFUSED

    def __init__(
        self, message: str, *, hint: str | None = None, sqlstate: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sqlstate = sqlstate


class UsageError(DsqlkitError):
    """A bad option or value, found before anything was contacted."""

    code = "usage"
    exit_code = ExitCode.USAGE


class AccountNotFound(DsqlkitError):
    """An account that does not exist."""

    code = "account_not_found"


class InsufficientBalance(DsqlkitError):
    """A transfer of more than the payer has. `after` is what the payer would have: below zero."""

    code = "insufficient_balance"

    def __init__(self, message: str, *, after: "Decimal") -> None:
        super().__init__(message)
        self.after = after


class ConfirmationNeeded(DsqlkitError):
    """Rows would be replaced, and nobody said that they may be."""

    code = "confirmation_needed"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: line and column count from 1; `text` is the whole line."""

    line: int
    column: int
    text: str


class SqlError(DsqlkitError):
    """The database refused a statement; its transaction was rolled back.

    `position` is the character, counted from 1, at which the statement is wrong, where the
    database says so. `place` is the same in the text that a person wrote.
    """

    code = "sql_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        sqlstate: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, sqlstate=sqlstate)
        self.position = position
        self.place: Place | None = None


class ConnectionFailed(DsqlkitError):
    """No connection: name, TLS, credentials or token; or it was lost before any COMMIT."""

    code = "no_connection"
    exit_code = ExitCode.NO_CONNECTION


class ConnectionLost(ConnectionFailed):
    """A connection that was there broke before any COMMIT: nothing changed."""


class LocalClusterFailed(DsqlkitError):
    """The local cluster could not be started, stopped or reset."""

    code = "local_cluster"
    exit_code = ExitCode.NO_CONNECTION


class ConflictLimitReached(DsqlkitError):
    """Conflicts lasted past the policy's attempts or deadline; nothing changed."""

    code = "conflict"
    exit_code = ExitCode.GAVE_UP


class OutcomeUnknown(DsqlkitError):
    """The connection broke while a COMMIT was under way: it may or may not have happened."""

    code = "outcome_unknown"
    exit_code = ExitCode.OUTCOME_UNKNOWN


class OutputFailed(DsqlkitError):
    """A result could not be written, to a full disk say; what was done by then stays done."""

    code = "output"


class ReaderGone(DsqlkitError):
    """Whoever read a result that goes on has gone away, so the work was stopped."""

    code = "reader_gone"
    exit_code = ExitCode.NO_READER


class Interrupted(DsqlkitError):
    """The command was stopped by a signal. The exit code is that of Ctrl-C; the command line gives
    the one of the signal that came.
    """

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED
