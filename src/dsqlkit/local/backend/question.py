"""A statement of ours for the backend, as frames, and a row of its answer."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from dsqlkit.local.wire.messages import INT32, STATEMENT, SYNC, Frontend, message

Question: TypeAlias = tuple[str, *tuple[str | None, ...]]
"""A statement of ours, with its parameters in text."""
Rows: TypeAlias = list[tuple[str | None, ...]]
"""Rows of an answer, in text."""

_OURS: Final = b"dsqlkit_question\0"


def question(sql: str, parameters: Sequence[str | None] = ()) -> bytes:
    """The frames that run one statement of ours, with parameters and rows in text."""
    return unfinished(sql, parameters) + SYNC


def unfinished(sql: str, parameters: Sequence[str | None] = ()) -> bytes:
    """The same without a Sync, for more to follow.

    Under a name of its own, as the unnamed statement is the client's, who may have filled it in an
    earlier message. An unnamed portal of the client's is bound again after questions (`Step.bind`).
    """
    values = b"".join(_value(parameter) for parameter in parameters)
    # No parameter formats (text), the parameters, no result formats (text).
    bind = b"\0" + _OURS + b"\0\0" + len(parameters).to_bytes(2, "big") + values + b"\0\0"
    # Closed before too, as it is left over when the one before failed.
    close = message(Frontend.CLOSE, STATEMENT + _OURS)
    return (
        close
        + message(Frontend.PARSE, _OURS + sql.encode() + b"\0\0\0")
        + message(Frontend.BIND, bind)
        + message(Frontend.EXECUTE, bytes(5))
        + close
    )


def row_of(frame: bytes) -> tuple[str | None, ...]:
    """The values of a DataRow in text."""
    count = int.from_bytes(frame[5:7], "big")
    values: list[str | None] = []
    position = 7
    for _ in range(count):
        (length,) = INT32.unpack_from(frame, position)
        position += 4
        if length == 0xFFFFFFFF:
            values.append(None)
        else:
            values.append(frame[position : position + length].decode())
            position += length
    return tuple(values)


def _value(parameter: str | None) -> bytes:
    if parameter is None:
        return b"\xff\xff\xff\xff"
    text = parameter.encode()
    return INT32.pack(len(text)) + text
