"""What the frames of an answer say of their exchange: its verdict, and how far it has come."""

from typing import Final

from dsqlkit.local.backend.answers import AS_ROWS, EMPTY_ENDS, changed_rows
from dsqlkit.local.backend.exchange import Exchange
from dsqlkit.local.dialect.refusal import DATA_CONFLICT
from dsqlkit.local.wire.messages import Backend, Field, decode_fields, error_response

_CANCELLED: Final = "57014"
_ENDS: Final = frozenset((b"COMMIT\0", b"ROLLBACK\0"))
_SKIPPING: Final = b", skipping\0"
"""How PostgreSQL's notice ends of what is there already, IF NOT EXISTS, or is not, IF EXISTS."""


def noticed(kind: int, frame: bytes, exchange: Exchange) -> bytes:
    """Take from a frame what matters to its exchange; the frame to go on with."""
    verdict = exchange.verdict
    if kind == Backend.READY_FOR_QUERY:
        verdict.status = frame[5]
    elif kind == Backend.COMMAND_COMPLETE:
        verdict.tag = frame
        if frame[5:] in _ENDS:
            verdict.changed = 0
        verdict.changed += changed_rows(frame, copies_in=exchange.copies_in)
        _ended(exchange)
    elif kind == Backend.ERROR_RESPONSE:
        frame = verdict.error = exchange.placed(frame)
        if verdict.sqlstate == _CANCELLED:
            if exchange.cancelled_as is not None:
                return exchange.cancelled_as.as_error()
            if exchange.gives_way:
                verdict.given_way = True
                return error_response("40001", DATA_CONFLICT)
    elif kind == Backend.COPY_IN_RESPONSE:
        exchange.copies_in = True
        exchange.data_ended = False
        if exchange.request.on_copy is not None:
            exchange.request.on_copy(frame)
    elif kind == Backend.NOTICE_RESPONSE:
        verdict.changed += _told_rows(frame)
        verdict.skipped += _tells_of_skipping(frame)
    elif kind in EMPTY_ENDS:
        _ended(exchange)
    return frame


def _ended(exchange: Exchange) -> None:
    """A statement of it has been answered."""
    exchange.ended += 1
    if exchange.each is not None:
        exchange.each.append(exchange.verdict.changed - sum(exchange.each))


def _told_rows(notice: bytes) -> int:
    """How many rows a NoticeResponse of ours says were changed by a foreign key's action."""
    if AS_ROWS not in notice:
        return 0
    fields = decode_fields(notice)
    return int(fields[Field.MESSAGE]) if fields.get(Field.SQLSTATE) == AS_ROWS else 0


def _tells_of_skipping(notice: bytes) -> bool:
    """Whether a NoticeResponse says that there was nothing to do for a part of a statement."""
    return _SKIPPING in notice
