"""Taking the schema off tables' names in frames, so that they lead to private copies of tables."""

from collections.abc import Sequence
from typing import Final

from dsqlkit.local.wire.messages import (
    MAX_CLIENT_FRAME,
    STATEMENT,
    SYNC,
    FrameCutter,
    Frontend,
    message,
)

_PRIVATE_NAME: Final = b"dsqlkit_shadowed"


def unqualified_query(frame: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """A Query frame with these parts of its text left out."""
    return message(Frontend.QUERY, _without(frame[5:-1], spans) + b"\0")


def unqualified_parse(frame: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """Frames that prepare the text of a Parse frame without these parts, under a name of ours."""
    start = frame.find(b"\0", 5) + 1
    end = frame.find(b"\0", start)
    text = _without(frame[start:end], spans)
    # Frees the name first: it may be left from an earlier statement.
    close = message(Frontend.CLOSE, STATEMENT + _PRIVATE_NAME + b"\0")
    parse = message(Frontend.PARSE, _PRIVATE_NAME + b"\0" + text + frame[end:])
    return close + parse + SYNC


def bound_to_private(frames: bytes) -> bytes:
    """The same frames with every Bind naming the statement that `unqualified_parse` prepared."""
    pieces = []
    cutter = FrameCutter({Frontend.BIND}, limit=MAX_CLIENT_FRAME)
    for kind, piece in cutter.feed(frames):
        if kind == Frontend.BIND:
            start = piece.find(b"\0", 5) + 1
            end = piece.find(b"\0", start)
            pieces.append(message(Frontend.BIND, piece[5:start] + _PRIVATE_NAME + piece[end:]))
        else:
            pieces.append(piece)
    return b"".join(pieces)


def _without(text: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text
