"""PostgreSQL's wire protocol, version 3: cutting a stream into frames, and making messages.

A frame is a type byte, a length that counts itself, and a body (PostgreSQL manual, chapter
"Frontend/Backend Protocol").
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import Final

from dsqlkit.quotas import MAX_MESSAGE_BYTES

PROTOCOL_3: Final = 3 << 16
CANCEL_REQUEST: Final = 80877102
SSL_REQUEST: Final = 80877103
GSSENC_REQUEST: Final = 80877104

MAX_CLIENT_FRAME: Final = MAX_MESSAGE_BYTES + 64
MAX_BACKEND_FRAME: Final = 0x7FFF_FFFF

INT32: Final = Struct("!I")
_TYPE_AND_LENGTH: Final = Struct("!BI")
RUN: Final = 0
"""The kind of a stretch of frames, whole or in part, that nobody wants to look at."""


_HEADER = 5


class Frontend(IntEnum):
    """The types of the messages that a client sends, by their names in PostgreSQL's manual."""

    QUERY = ord("Q")
    PARSE = ord("P")
    BIND = ord("B")
    DESCRIBE = ord("D")
    EXECUTE = ord("E")
    CLOSE = ord("C")
    SYNC = ord("S")
    FLUSH = ord("H")
    FUNCTION_CALL = ord("F")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_FAIL = ord("f")
    TERMINATE = ord("X")
    PASSWORD = ord("p")


class Backend(IntEnum):
    """The types of the messages that a backend sends."""

    AUTHENTICATION = ord("R")
    BACKEND_KEY_DATA = ord("K")
    PARAMETER_STATUS = ord("S")
    READY_FOR_QUERY = ord("Z")
    ERROR_RESPONSE = ord("E")
    NOTICE_RESPONSE = ord("N")
    COMMAND_COMPLETE = ord("C")
    PARSE_COMPLETE = ord("1")
    BIND_COMPLETE = ord("2")
    CLOSE_COMPLETE = ord("3")
    DATA_ROW = ord("D")
    ROW_DESCRIPTION = ord("T")
    NO_DATA = ord("n")
    EMPTY_QUERY_RESPONSE = ord("I")
    PARAMETER_DESCRIPTION = ord("t")
    PORTAL_SUSPENDED = ord("s")
    COPY_IN_RESPONSE = ord("G")
    COPY_OUT_RESPONSE = ord("H")
    NEGOTIATE_PROTOCOL_VERSION = ord("v")


class Field(IntEnum):
    """The parts of an ErrorResponse or NoticeResponse."""

    SEVERITY = ord("S")
    SEVERITY_ALWAYS_IN_ENGLISH = ord("V")
    SQLSTATE = ord("C")
    MESSAGE = ord("M")
    DETAIL = ord("D")
    HINT = ord("H")
    POSITION = ord("P")
    CONTEXT = ord("W")
    FILE = ord("F")
    LINE = ord("L")
    ROUTINE = ord("R")
    INTERNAL_POSITION = ord("p")
    INTERNAL_QUERY = ord("q")
    SCHEMA = ord("s")
    TABLE = ord("t")


STATEMENT: Final = b"S"
PORTAL: Final = b"P"
"""What a Close or a Describe is about."""


class ProtocolViolation(Exception):
    """The peer sent what cannot be a message. Its connection has to be closed."""


class FrameCutter:
    """Cuts a stream into single frames of the `wanted` kinds and runs of all others.

    Runs are handed on as they come, so a large message that nobody looks at is never held.
    """

    def __init__(self, wanted: set[int], *, limit: int) -> None:
        self._wanted = wanted
        self._limit = limit
        self._held = bytearray()
        self._held_until = 0
        self._unseen = 0

    @property
    def is_within(self) -> bool:
        """Whether it has seen a part of a frame."""
        return bool(self._held or self._unseen)

    def feed(self, data: bytes) -> Iterable[tuple[int, bytes]]:
        """Take more of the stream; give its pieces in order as (kind, bytes), kind RUN for runs.

        Iterating raises ProtocolViolation on a length that is impossible or over the limit.
        """
        if not self._held and not self._unseen and len(data) >= _HEADER:
            # Most often it is one whole frame.
            (length,) = INT32.unpack_from(data, 1)
            if length == len(data) - 1 and length <= self._limit:
                kind = data[0]
                return ((kind if kind in self._wanted else RUN, data),)
        return self._cut(data)

    def _cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        if self._held:
            self._held += data
            if len(self._held) < self._held_until:
                return
            data = bytes(self._held)
            self._held.clear()
        end = len(data)
        position = min(self._unseen, end)
        self._unseen -= position
        start = 0
        unpack_length = INT32.unpack_from
        while end - position >= _HEADER:
            kind = data[position]
            (length,) = unpack_length(data, position + 1)
            if not 4 <= length <= self._limit:
                raise ProtocolViolation(f"a message of type {kind} with length {length}")
            after = position + 1 + length
            if kind in self._wanted:
                if after > end:
                    self._held_until = after - position
                    break
                if position > start:
                    yield RUN, data[start:position]
                yield kind, data[position:after]
                start = after
            elif after > end:
                self._unseen = after - end
                after = end
            position = after
        else:
            self._held_until = _HEADER
        if position > start:
            yield RUN, data[start:position] if position - start < end else data
        if position < end:
            self._held += data[position:]


def message(kind: int, body: bytes) -> bytes:
    """One message with its type and length."""
    return _TYPE_AND_LENGTH.pack(kind, len(body) + 4) + body


SYNC: Final = message(Frontend.SYNC, b"")
FLUSH: Final = message(Frontend.FLUSH, b"")
TERMINATE: Final = message(Frontend.TERMINATE, b"")


def error_response(
    sqlstate: str,
    text: str,
    *,
    severity: str = "ERROR",
    detail: str | None = None,
    hint: str | None = None,
    position: int | None = None,
) -> bytes:
    """An ErrorResponse."""
    fields: dict[int, str] = {
        Field.SEVERITY: severity,
        Field.SEVERITY_ALWAYS_IN_ENGLISH: severity,
        Field.SQLSTATE: sqlstate,
        Field.MESSAGE: text,
    }
    if detail is not None:
        fields[Field.DETAIL] = detail
    if hint is not None:
        fields[Field.HINT] = hint
    if position is not None:
        fields[Field.POSITION] = str(position)
    encoded = {name: value.encode() for name, value in fields.items()}
    return encode_fields(Backend.ERROR_RESPONSE, encoded)


def encode_fields(kind: Backend, fields: dict[int, bytes]) -> bytes:
    """An ErrorResponse or NoticeResponse with these fields, in this order."""
    body = b"".join(bytes((name,)) + value + b"\0" for name, value in fields.items())
    return message(kind, body + b"\0")


def decode_fields(frame: bytes) -> dict[int, bytes]:
    """The fields of an ErrorResponse or NoticeResponse frame, by their letter's byte."""
    return {part[0]: part[1:] for part in frame[_HEADER:].split(b"\0") if part}


def authentication_cleartext_password() -> bytes:
    """The request for a cleartext password, which is safe inside TLS."""
    return message(Backend.AUTHENTICATION, INT32.pack(3))
