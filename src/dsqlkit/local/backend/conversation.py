"""What is under way with one backend: exchanges, in order, and where their answers go."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

from dsqlkit.local.backend.answers import READY_BYTES, AnswerRewriter
from dsqlkit.local.backend.exchange import FORWARDED, HELD, HELD_BYTES, Exchange
from dsqlkit.local.backend.noticing import noticed
from dsqlkit.local.backend.question import Question, Rows, question, unfinished
from dsqlkit.local.backend.savepoint import FORGET
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import (
    INT32,
    RUN,
    SYNC,
    Backend,
    Frontend,
    message,
)

_ENDS: Final = {Backend.READY_FOR_QUERY, Backend.ERROR_RESPONSE, Backend.COMMAND_COMPLETE}
_COPY_FAIL: Final = message(Frontend.COPY_FAIL, b"\0")

Frames: TypeAlias = tuple[bytes, Exchange]
"""What is sent, and the exchange that it is."""

_log = logging.getLogger(__name__)


class Conversation:
    """The exchanges with one backend; `answers` rewrites what it says. `on_signed_in` hears when it
    has let the client in; `on_busy` and `on_rest` when something is sent, and when all has been
    answered; `on_copy` when it wants a COPY's data; `lost` when it has gone.

    `key` is what a request to cancel has to have. `is_internal`: what is under way is not the
    client's.
    """

    def __init__(
        self,
        client: Link,
        answers: AnswerRewriter,
        *,
        on_signed_in: Callable[[], None],
        on_busy: Callable[[], None],
        on_rest: Callable[[], None],
        on_copy: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self.pid = 0
        self.key = b""
        self.is_internal = False
        self.backend = Link(self._receive, lost)
        self._lost = lost
        self._client = client
        self._answers = answers
        self._on_busy = on_busy
        self._on_rest = on_rest
        self._on_copy = on_copy
        # The first exchange is the sign-in, up to its ReadyForQuery.
        self._exchanges: deque[Exchange] = deque([Exchange(FORWARDED, lambda _: on_signed_in())])
        self._cancellations = 0
        self._wants_data = False
        self._ahead: tuple[bytes, bytes] | None = None
        self._deferred: deque[tuple[bytes, Exchange]] = deque()

    def tells_of(self, relation: str | None) -> None:
        """Errors about what an INSERT ... ON CONFLICT is prepared in are about this table (oid)."""
        self._answers.upserted = relation

    @property
    def under_way(self) -> bool:
        """Whether something was sent, or is to be, whose answer has not come."""
        return bool(self._exchanges or self._deferred)

    @property
    def can_take_back(self) -> bool:
        """Whether one thing is under way, of which the client has heard nothing."""
        exchanges = self._exchanges
        return len(exchanges) == 1 and not exchanges[0].begun and not self._deferred

    @property
    def takes_data(self) -> bool:
        """Whether the backend has asked for the client's data of a COPY."""
        if not self._exchanges:
            return False
        exchange = self._exchanges[0]
        request = exchange.request
        is_asked = exchange.copies_in and not request.copies and request.on_copy is None
        return is_asked and not exchange.data_ended and exchange.verdict.error is None

    def send_data(self, frame: bytes, *, is_last: bool) -> None:
        """Send data of the COPY that takes it, in whole frames: after an error that comes amid them
        the backend waits for no rest of one."""
        self._exchanges[0].data_ended = is_last
        self.backend.write(frame)

    def fail_copy(self, refusal: Refusal) -> None:
        """End the COPY that takes data with an error, which the client is told as this refusal."""
        self._exchanges[0].cancelled_as = refusal
        self.send_data(_COPY_FAIL, is_last=True)

    def send_ahead(self, frames: bytes, answer: bytes) -> None:
        """Send frames without a Sync together with what is sent next. The client does not hear of
        their answer, which must be this one."""
        self._ahead = frames, answer

    def send(self, frames: bytes, exchange: Exchange) -> None:
        """Send all frames of an exchange."""
        if not self.is_settled:
            self._deferred.append((frames, exchange))
            return
        if self._ahead is not None:
            ahead, answer = self._ahead
            self._ahead = None
            exchange.unheard = answer + exchange.unheard
            frames = ahead + frames
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

    async def ask_all(self, *questions: Question, last: Frames | None = None) -> list[Rows]:
        """Ask several things in one message; what follows one that is refused is not asked. Raises
        exchange.Refused. `last` is sent after them, and its answer not waited for."""
        frames = b"".join(unfinished(sql, parameters) for sql, *parameters in questions)
        return (await self.run(frames + SYNC, last)).answers()

    async def run(self, frames: bytes, last: Frames | None = None) -> Exchange:
        """Send frames that end with a Sync or are a Query; wait for the answers, held back. `last`
        is sent after them, and its answer not waited for."""
        answered = asyncio.get_running_loop().create_future()
        self.is_internal = True
        try:
            self.send(frames, Exchange(HELD, answered.set_result))
            if last is not None:
                self.send(*last)
            exchange: Exchange = await answered
        finally:
            self.is_internal = False
        return exchange

    @contextlib.contextmanager
    def being_cancelled(
        self, refusal: Refusal | None, *, takes_back: bool
    ) -> Generator[None, None, None]:
        """While what is under way is cancelled by us. `refusal` is what to tell of it, None for a
        conflict in which it gives way; what can be taken back is held back then."""
        if self._exchanges:
            exchange = self._exchanges[0]
            if refusal is None and self.can_take_back and takes_back:
                exchange.forwards = False
            exchange.gives_way = refusal is None
            exchange.cancelled_as = refusal
        with self.sending_nothing():
            yield

    @contextlib.contextmanager
    def sending_nothing(self) -> Generator[None, None, None]:
        """While a cancellation is on its way, nothing more is sent: it might come late, and would
        meet what it is not meant for."""
        self._cancellations += 1
        try:
            yield
        finally:
            self._cancellations -= 1
            while self._deferred and self.is_settled:
                self.send(*self._deferred.popleft())

    @property
    def is_settled(self) -> bool:
        """Whether no cancellation is on its way."""
        return not self._cancellations

    def _receive(self, data: bytes) -> None:
        exchange = self._exchanges[0] if self._exchanges else None
        if exchange is not None and exchange.unheard:
            heard = exchange.heard(data)
            if heard is None:
                _log.error("a session is closed: its savepoint failed")
                self._lost()
                return
            if exchange.fell_short:
                # PostgreSQL skips the Query, and all up to a Sync.
                self.expect(Exchange(HELD))
                self.backend.write((SYNC if exchange.request.is_query else b"") + FORGET)
            data = heard
        if exchange is None or exchange.request.holds_end:
            self._cut(data)
            return
        found = self._answers.plain(data, copies_in=exchange.copies_in)
        if found is None:
            self._cut(data)
            return
        verdict = exchange.verdict
        verdict.tag, changed = found
        verdict.changed += sum(changed)
        verdict.status = data[-1]
        if exchange.each is not None:
            exchange.each += changed
        piece = data[:-READY_BYTES] if exchange.request.hide_ready else data
        if exchange.forwards:
            self._give(piece, exchange)
        else:
            exchange.pieces.append((RUN, piece))
        self._end(exchange)

    def _give(self, piece: bytes, exchange: Exchange) -> None:
        if exchange.request.goes_on and exchange.verdict.error is None:
            self._client.keep(piece)
        else:
            self._client.write(piece)

    def _end(self, exchange: Exchange) -> None:
        self._exchanges.popleft()
        if not self._exchanges:
            self._on_rest()
        if exchange.on_done is not None:
            exchange.on_done(exchange)

    def _cut(self, data: bytes) -> None:
        shown: list[bytes] = []
        for kind, frame in self._answers.cut(data):
            exchange = self._exchanges[0] if self._exchanges else None
            if exchange is None:
                shown.append(self._answers.rewritten(kind, frame))
                continue
            piece = self._answers.rewritten(kind, self._noticed(kind, frame, exchange))
            request = exchange.request
            if kind == Backend.READY_FOR_QUERY and request.hide_ready:
                piece = b""
            if exchange.counts:
                piece = exchange.counted(kind, piece)
            if exchange.forwards and not (request.holds_end and kind in _ENDS):
                shown.append(piece)
                exchange.begun = True
            else:
                exchange.pieces.append((kind, piece))
                exchange.size += len(piece)
                if request.bounded and exchange.size > HELD_BYTES:
                    shown.append(exchange.held())
                    exchange.pieces.clear()
                    exchange.forwards = exchange.begun = True
            if kind == Backend.READY_FOR_QUERY:
                self._give(b"".join(shown), exchange)
                shown.clear()
                self._end(exchange)
        self._client.write(b"".join(shown))
        if self._wants_data:
            self._wants_data = False
            self._on_copy()

    def _noticed(self, kind: int, frame: bytes, exchange: Exchange) -> bytes:
        """Take from a frame what matters to its exchange or to us; the frame to go on with."""
        if kind == Backend.BACKEND_KEY_DATA:
            (self.pid,) = INT32.unpack_from(frame, 5)
            self.key = frame[9:]
        elif kind == Backend.COPY_IN_RESPONSE and exchange.request.on_copy is None:
            self._wants_data = True
        return noticed(kind, frame, exchange)
