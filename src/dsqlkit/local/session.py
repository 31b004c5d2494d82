"""A signed-in client and its PostgreSQL backend: two links, and what passes between them.

Frames are forwarded untouched, in whole runs; only statements on their way in, and errors, notices
and states on their way out, are looked at.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from dsqlkit.local import wire
from dsqlkit.local.answers import AnswerRewriter
from dsqlkit.local.statements import rewrite

_WRITE_BUFFER_BYTES: Final = 256 * 1024
_FLUSH_LIMIT_S: Final = 10.0
_QUERY, _PARSE = b"QP"

_log = logging.getLogger(__name__)


class Session:
    """Both links of a signed-in client. It ends, on both sides, when either side does."""

    def __init__(self, *, on_job: Callable[[], None], on_end: Callable[["Session"], None]) -> None:
        self.client = _Link(self._from_client, self._lost)
        self.backend = _Link(self._from_backend, self._lost)
        self.client.other, self.backend.other = self.backend, self.client
        self._on_end = on_end
        self._ended = False
        self._statements = wire.FrameCutter({_QUERY, _PARSE}, limit=wire.MAX_CLIENT_FRAME)
        self._answers = AnswerRewriter(on_job)

    def close(self) -> None:
        """End the session now. What was written to the client is still sent."""
        self._lost()

    def _from_client(self, data: bytes) -> None:
        try:
            pieces = [
                piece if kind == wire.RUN else _rewritten(kind, piece)
                for kind, piece in self._statements.feed(data)
            ]
        except wire.ProtocolViolation as violation:
            _log.info("a client broke the protocol: %s", violation)
            self.close()
            return
        self.backend.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _from_backend(self, data: bytes) -> None:
        self.client.write(self._answers.feed(data))

    def _lost(self) -> None:
        if self._ended:
            return
        self._ended = True
        self.backend.write(wire.TERMINATE)
        self.backend.close()
        self.client.close()
        self._on_end(self)


class _Link(asyncio.Protocol):
    """One side of a session. While it cannot write, the other side does not read."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.other: _Link | None = None
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.take_over(cast(asyncio.Transport, transport))

    def take_over(self, transport: asyncio.Transport) -> None:
        """Use a transport that is open already."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._lost()

    def write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close after what was written has been sent, or when that takes too long."""
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(_FLUSH_LIMIT_S, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def read(self, allowed: bool) -> None:
        """Go on reading, or stop."""
        if self._transport is not None and not self._transport.is_closing():
            if allowed:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def pause_writing(self) -> None:
        assert self.other is not None
        self.other.read(False)

    def resume_writing(self) -> None:
        assert self.other is not None
        self.other.read(True)


def _rewritten(kind: int, frame: bytes) -> bytes:
    """A Query or Parse frame with its statement as PostgreSQL is to run it."""
    start = 5 if kind == _QUERY else frame.find(b"\0", 5) + 1
    end = frame.find(b"\0", start)
    if start == 0 or end < 0:
        return frame  # malformed: PostgreSQL says so
    sql = frame[start:end]
    changed = rewrite(sql)
    if changed is sql:
        return frame
    return wire.message(frame[:1], frame[5:start] + changed + frame[end:])
