"""The hidden savepoint right after a client's BEGIN, in the same message: it costs no wait."""

from typing import Final

from dsqlkit.local import wire
from dsqlkit.local.parking import SAVEPOINT
from dsqlkit.local.steps import SYNC, End, Step

_SQL: Final = f"SAVEPOINT {SAVEPOINT}".encode()
_EXTENDED: Final = (
    wire.message(b"P", b"\0" + _SQL + b"\0\0\0")
    + wire.message(b"B", b"\0\0" + b"\0\0" * 3)
    + wire.message(b"E", b"\0" + b"\0\0\0\0")
)
_COMPLETE: Final = wire.message(b"C", b"SAVEPOINT\0")
_EXTENDED_COMPLETE: Final = wire.message(b"1", b"") + wire.message(b"2", b"") + _COMPLETE


def with_savepoint(step: Step) -> bytes:
    """The frames of a BEGIN that set the savepoint too, and end with a Sync or are a Query."""
    if step.end is End.QUERY:
        # On a line of its own: the client's text may end with a comment.
        return wire.message(b"Q", step.data[5:-1] + b"\n;" + _SQL + b"\0")
    frames = step.data.removesuffix(SYNC) if step.end is End.SYNC else step.data
    return frames + _EXTENDED + SYNC


def without_savepoint(answer: bytes) -> bytes:
    """What the backend answered to `with_savepoint`, as an answer to the BEGIN alone."""
    return answer.replace(_EXTENDED_COMPLETE, b"").replace(_COMPLETE, b"")
