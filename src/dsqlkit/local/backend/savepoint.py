"""The hidden savepoints: one right after a client's BEGIN, to let go of all that the transaction
did, and one before a write of a transaction that may have rivals, to take back that write alone.

Each rides in the message of the statement it belongs to, and costs no wait. They have names of
their own in the protocol, so that the client's unnamed statement and portal are left alone.
"""

from typing import Final

from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import PORTAL, STATEMENT, SYNC, Backend, Frontend, message

SAVEPOINT: Final = "dsqlkit_begin"
STATEMENT_SAVEPOINT: Final = "dsqlkit_statement"

TO_GUARD: Final = f"ROLLBACK TO SAVEPOINT {STATEMENT_SAVEPOINT}"
"""Undoes what came after the savepoint before a write."""

_NAME: Final = b"dsqlkit_savepoint\0"
_SQL: Final = f"SAVEPOINT {SAVEPOINT}".encode()
_COMPLETE: Final = message(Backend.COMMAND_COMPLETE, b"SAVEPOINT\0")


def _frames(sql: bytes) -> bytes:
    return (
        message(Frontend.PARSE, _NAME + sql + b"\0\0\0")
        + message(Frontend.BIND, _NAME + _NAME + bytes(6))
        + message(Frontend.EXECUTE, _NAME + bytes(4))
        + message(Frontend.CLOSE, PORTAL + _NAME)
        + message(Frontend.CLOSE, STATEMENT + _NAME)
    )


_EXTENDED: Final = _frames(_SQL)
_EXTENDED_COMPLETE: Final = (
    message(Backend.PARSE_COMPLETE, b"")
    + message(Backend.BIND_COMPLETE, b"")
    + _COMPLETE
    + message(Backend.CLOSE_COMPLETE, b"") * 2
)
BEGIN: Final = _frames(b"BEGIN") + _EXTENDED
"""A BEGIN with the savepoint, to be sent together with what comes next."""
BEGIN_TAG: Final = message(Backend.COMMAND_COMPLETE, b"BEGIN\0")
BEGIN_ALONE: Final = _frames(b"BEGIN")
"""A BEGIN of which the client does not hear, before what is to be looked at before its COMMIT."""
BEGIN_ALONE_COMPLETE: Final = _EXTENDED_COMPLETE.replace(_COMPLETE, BEGIN_TAG)
BEGIN_COMPLETE: Final = BEGIN_ALONE_COMPLETE + _EXTENDED_COMPLETE
BEGIN_AGAIN: Final = _frames(b"ROLLBACK AND CHAIN") + _EXTENDED
"""The begin of a transaction like the one that is open, in place of that."""
BEGUN_AGAIN: Final = BEGIN_COMPLETE.replace(
    BEGIN_TAG, message(Backend.COMMAND_COMPLETE, b"ROLLBACK\0")
)
BEGUN: Final = BEGIN_TAG + message(Backend.READY_FOR_QUERY, b"T")
"""The answer to a BEGIN."""
FORGET: Final = message(Frontend.CLOSE, STATEMENT + _NAME) + SYNC
"""Closes what is left over when one of these statements was cancelled."""
GUARD_COMPLETE: Final = _EXTENDED_COMPLETE
"""What the backend answers to the savepoint before a write."""
_GUARD: Final = _frames(f"SAVEPOINT {STATEMENT_SAVEPOINT}".encode())


def with_savepoint(step: Step) -> bytes:
    """The frames of a BEGIN that set the savepoint too, and end with a Sync or are a Query."""
    if step.is_query:
        # On a line of its own: the client's text may end with a comment.
        return message(Frontend.QUERY, step.data[5:-1] + b"\n;" + _SQL + b"\0")
    frames = step.data.removesuffix(SYNC) if step.end is End.SYNC else step.data
    return frames + _EXTENDED + SYNC


def with_savepoint_between(begin: bytes, statements: bytes) -> bytes:
    """The frames of a BEGIN that no Sync follows, the savepoint and the statements after it."""
    return begin + _EXTENDED + statements


def without_savepoint_between(answer: bytes) -> bytes:
    """What the backend answered to `with_savepoint_between`, as an answer to the client's alone."""
    return answer.replace(_EXTENDED_COMPLETE, b"", 1)


def begun_alone(answer: bytes) -> bytes:
    """The answer to the BEGIN at the start of an answer."""
    return answer[: answer.index(BEGIN_TAG) + len(BEGIN_TAG)]


def without_savepoint(answer: bytes) -> bytes:
    """What the backend answered to `with_savepoint`, as an answer to the BEGIN alone."""
    return answer.replace(_EXTENDED_COMPLETE, b"").replace(_COMPLETE, b"")


def guarded(frames: bytes) -> bytes:
    """The frames of a write with a savepoint before it."""
    return _GUARD + frames
