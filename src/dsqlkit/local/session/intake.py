"""What comes from a client, cut into steps; what comes after a long text waits until it is read."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from dsqlkit.local.apart import LONG_BYTES, Apart
from dsqlkit.local.dialect.carried import failing
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.session.copied import ENDS
from dsqlkit.local.session.long_texts import LongText, known
from dsqlkit.local.statements.cutting import WANTED, StepCutter, text_in
from dsqlkit.local.statements.steps import Step
from dsqlkit.local.wire.messages import (
    MAX_CLIENT_FRAME,
    RUN,
    FrameCutter,
    Frontend,
    ProtocolViolation,
    message,
)

_AT_ONCE: Final = 200
"""How many steps of a long text are taken at once. Other sessions come next."""

_FUNCTION_CALL: Final = Frontend.FUNCTION_CALL  # looked up once: every frame is compared
NO_FUNCTION_CALL: Final = message(
    Frontend.QUERY,
    failing(not_supported("function call messages are not supported")).encode() + b"\0",
)
"""In place of a call past SQL, whose function no rule would see. DSQL's answer was not recorded."""
_DATA: Final = frozenset((Frontend.COPY_DATA, *ENDS))

_log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """What makes no step: data of a COPY in a whole frame, or else a goodbye, say, of kind RUN."""

    kind: int
    data: bytes


class Intake:
    """The intake of one session. `take` is called with each step, `keep` with what makes none, and
    `go_on` when all that is here has been taken; `broken` when the client breaks the protocol.
    """

    def __init__(
        self,
        apart: Apart,
        *,
        take: Callable[[Step], None],
        keep: Callable[[Sent], None],
        go_on: Callable[[], None],
        broken: Callable[[], None],
    ) -> None:
        self._apart = apart
        self._take = take
        self._keep = keep
        self._go_on = go_on
        self._broken = broken
        self._is_open = True
        self._frames = FrameCutter({*WANTED, *_DATA}, limit=MAX_CLIENT_FRAME)
        self._steps = StepCutter(read)
        self._text: LongText | None = None
        self._unread: deque[bytes] = deque()
        """What came while a long text is read."""
        self._taking: asyncio.Task[None] | None = None

    def receive(self, data: bytes) -> None:
        """Take what the client sent, and handle what need not wait."""
        if self._taking is not None:
            self._unread.append(data)
            return
        self._take_in(self._frames.feed(data))

    def cancel_reading(self, refusal: Refusal) -> None:
        """Fail the text that is read, if there is one: PostgreSQL has not heard of it."""
        if self._text is not None:
            self._text.end(refusal)

    def close(self) -> None:
        """Take nothing more."""
        self._is_open = False
        if self._taking is not None:
            self._taking.cancel()

    @property
    def is_reading(self) -> bool:
        """Whether a long text is read."""
        return self._taking is not None

    @property
    def begun(self) -> int | None:
        """The kind of the first frame of a step that is not complete."""
        return self._steps.begun

    def _take_in(self, frames: Iterable[tuple[int, bytes]]) -> None:
        """Take frames of the client's up to a long text."""
        coming = iter(frames)
        try:
            for kind, frame in coming:
                if kind == RUN or kind in _DATA:
                    for step in self._steps.cut():
                        self._take(step)
                    self._keep(Sent(kind, frame))
                    continue
                taken = NO_FUNCTION_CALL if kind == _FUNCTION_CALL else frame
                sql = text_in(kind, taken) if len(taken) > LONG_BYTES else None
                reading = None if sql is None else known(sql)
                if sql is not None and reading is None:
                    self._text = LongText(self._apart, sql)
                    self._taking = asyncio.ensure_future(self._take_long(taken, self._text))
                    self._taking.add_done_callback(partial(self._taken, coming))
                    break
                for step in self._steps.feed(taken[0], taken, reading):
                    self._take(step)
            for step in self._steps.pause():
                self._take(step)
        except ProtocolViolation as violation:
            _log.info("a client broke the protocol: %s", violation)
            self._broken()
            return
        self._go_on()

    async def _take_long(self, frame: bytes, text: LongText) -> None:
        """Take a long text, once it is read."""
        reading = await text.reading()
        self._text = None
        steps = iter(self._steps.feed(frame[0], frame, reading))
        while some := tuple(islice(steps, _AT_ONCE)):
            for step in some:
                self._take(step)
            self._go_on()
            await asyncio.sleep(0)

    def _taken(self, rest: Iterable[tuple[int, bytes]], taking: "asyncio.Task[None]") -> None:
        """Take what came after a long text."""
        self._taking = None
        if not self._is_open or taking.cancelled():
            return
        if (error := taking.exception()) is not None:
            _log.error("a client's text could not be handled", exc_info=error)
            self._broken()
            return
        self._take_in(rest)
        while self._unread and self._taking is None and self._is_open:
            self._take_in(self._frames.feed(self._unread.popleft()))
