"""What is under way with one backend: exchanges, in order, and where their answers go."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from dsqlkit.local import wire
from dsqlkit.local.answers import AnswerRewriter, changed_rows, told_rows
from dsqlkit.local.exchange import Exchange, question
from dsqlkit.local.link import Link
from dsqlkit.local.open_transaction import DATA_CONFLICT
from dsqlkit.local.parking import Rows
from dsqlkit.local.refusal import Refusal

_READY, _ERROR, _COMPLETE, _KEY, _COPY_IN, _NOTICE = b"ZECKGN"
_ENDS: Final = {_READY, _ERROR, _COMPLETE}
_CANCELLED: Final = "57014"
_CANCEL_ARRIVES_S: Final = 1.0
"""How long a cancellation may be on its way. It may meet the statement after the one it was for."""


class Conversation:
    """The exchanges with one backend. `on_busy` and `on_rest` hear when something is sent, and when
    all has been answered; `lost` when the backend has gone.

    `copying` is set when the backend has begun a COPY by the extended protocol: until the client's
    next Sync what it sends is data.
    """

    def __init__(
        self,
        client: Link,
        on_job: Callable[[], None],
        on_change: Callable[[set[str]], None],
        *,
        on_busy: Callable[[], None],
        on_rest: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self.pid = 0
        self.copying = False
        self.backend = Link(self._receive, lost)
        self._client = client
        self._answers = AnswerRewriter(on_job, on_change)
        self._on_busy = on_busy
        self._on_rest = on_rest
        # The first exchange is the sign-in, up to its ReadyForQuery.
        self._exchanges: deque[Exchange] = deque([Exchange(forward=True)])
        self._cancel_until = 0.0
        self._cancelled_as: Refusal | None = None

    @property
    def under_way(self) -> bool:
        return bool(self._exchanges)

    def send(self, frames: bytes, exchange: Exchange) -> None:
        """Send all frames of an exchange."""
        self.expect(exchange)
        self.backend.write(frames)

    def expect(self, exchange: Exchange) -> None:
        """Expect the answers to frames that are sent after this, up to a ReadyForQuery."""
        self._exchanges.append(exchange)
        self._on_busy()

    async def ask(self, sql: str, *parameters: str | None) -> Rows:
        """Ask something that the client does not hear of. Raises exchange.Refused."""
        exchange = await self.run(question(sql, parameters))
        return exchange.rows()

    async def run(self, frames: bytes) -> Exchange:
        """Send frames that end with a Sync or are a Query; wait for the answers, held back."""
        answered = asyncio.get_running_loop().create_future()
        self.send(frames, Exchange(forward=False, on_done=answered.set_result))
        exchange: Exchange = await answered
        return exchange

    def expect_cancel(self, refusal: Refusal | None) -> None:
        """Know that a statement is about to be cancelled: what to tell of it, None for a conflict
        that makes it give way."""
        self._cancelled_as = refusal
        self._cancel_until = asyncio.get_running_loop().time() + _CANCEL_ARRIVES_S

    def _receive(self, data: bytes) -> None:
        shown: list[bytes] = []
        for kind, frame in self._answers.cut(data):
            exchange = self._exchanges[0] if self._exchanges else None
            if exchange is None:
                shown.append(self._answers.rewritten(kind, frame))
                continue
            piece = self._answers.rewritten(kind, self._noticed(kind, frame, exchange))
            if kind == _READY and exchange.hide_ready:
                piece = b""
            if exchange.forward and not (exchange.holds_end and kind in _ENDS):
                shown.append(piece)
            else:
                exchange.pieces.append((kind, piece))
            if kind == _READY:
                self._exchanges.popleft()
                if not self._exchanges:
                    self._on_rest()
                self._client.write(b"".join(shown))
                shown.clear()
                if exchange.on_done is not None:
                    exchange.on_done(exchange)
        self._client.write(b"".join(shown))

    def _noticed(self, kind: int, frame: bytes, exchange: Exchange) -> bytes:
        """Take from a frame what matters to its exchange; the frame to go on with."""
        if kind == _READY:
            exchange.status = frame[5]
        elif kind == _COMPLETE:
            exchange.tag = frame
            exchange.changed += changed_rows(frame, copies_in=exchange.copies_in)
        elif kind == _ERROR:
            exchange.error = frame
            now = asyncio.get_running_loop().time()
            if exchange.sqlstate == _CANCELLED and now < self._cancel_until:
                if self._cancelled_as is not None:
                    return self._cancelled_as.as_error()
                exchange.given_way = True
                return wire.error_response("40001", DATA_CONFLICT)
        elif kind == _COPY_IN:
            self.copying = not exchange.is_query
            exchange.copies_in = True
        elif kind == _NOTICE:
            exchange.changed += told_rows(frame)
        elif kind == _KEY:
            (self.pid,) = wire.INT32.unpack_from(frame, 5)
        return frame
