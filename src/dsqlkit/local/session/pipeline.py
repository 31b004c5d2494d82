"""What a client has sent, kept in order until its turn comes.

A client may send on without waiting for answers (a pipeline), and so may its data of a COPY come
before anybody has asked for it. When much is kept here, the client is not read any further.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import not_supported
from dsqlkit.local.dialect.rewriting import failing, refused
from dsqlkit.local.session.copied import ENDS, TOO_LARGE, Copied
from dsqlkit.local.statements.steps import WANTED, Step, StepCutter
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import (
    MAX_CLIENT_FRAME,
    RUN,
    SYNC,
    FrameCutter,
    Frontend,
    ProtocolViolation,
    message,
)

_QUEUE_BYTES: Final = 1024 * 1024
"""How much is kept here while its client waits for an earlier answer."""
_STEP_BYTES: Final = 512
_FUNCTION_CALL: Final = Frontend.FUNCTION_CALL  # looked up once: every frame is compared
_NO_FUNCTION_CALL: Final = message(
    Frontend.QUERY,
    failing(not_supported("function call messages are not supported")).encode() + b"\0",
)
"""In place of a call past SQL, whose function no rule would see. DSQL's answer was not recorded."""

_log = logging.getLogger(__name__)


class Pipeline:
    """The pipeline of one session. `handle` is called with each step whose turn has come; `broken`
    when the client breaks the protocol. While it is `held_up`, no further step is handled.

    `skipping`: there was an error, and what comes before the client's next Sync is left out.
    `is_open`: the session has not ended.
    """

    def __init__(
        self,
        client: Link,
        conversation: Conversation,
        *,
        handle: Callable[[Step], None],
        broken: Callable[[], None],
    ) -> None:
        self.held_up = False
        self.skipping = False
        self._client = client
        self._conversation = conversation
        self._handle = handle
        self._broken = broken
        self.is_open = True
        self._frames = FrameCutter({*WANTED, *ENDS}, limit=MAX_CLIENT_FRAME)
        self._steps = StepCutter(read)
        self._queue: deque[Step] = deque()
        self._data: deque[tuple[int, bytes]] = deque()
        self._kept = 0
        self._copy: Copied | None = None

    def receive(self, data: bytes) -> None:
        """Take what the client sent, and handle what need not wait."""
        conversation = self._conversation
        try:
            for kind, frame in self._frames.feed(data):
                if kind == RUN or kind in ENDS:
                    self.go_on()
                    self._data.append((kind, frame))
                    self._kept += len(frame)
                    self.take_data()
                    continue
                taken = _NO_FUNCTION_CALL if kind == _FUNCTION_CALL else frame
                for step in self._steps.feed(taken[0], taken):
                    if conversation.copying and step.statement is None:
                        # The Sync after CopyDone; the one before was lost on a backend in COPY.
                        conversation.copying = False
                        conversation.backend.write(step.data)
                    else:
                        self._take(step)
        except ProtocolViolation as violation:
            _log.info("a client broke the protocol: %s", violation)
            self._broken()
            return
        self.go_on()

    def put_first(self, step: Step) -> None:
        """Take this step as the client's next."""
        self._queue.appendleft(step)
        self._kept += len(step.data) + _STEP_BYTES

    def coming(self, most: int) -> Iterator[Step]:
        """The client's next steps that are here already, up to so many."""
        return islice(self._queue, most)

    def take(self, count: int) -> Sequence[Step]:
        """Take so many of the client's next steps out of their turns."""
        taken = [self._queue.popleft() for _ in range(count)]
        self._kept -= sum(len(step.data) + _STEP_BYTES for step in taken)
        return taken

    def gather(self, copy: Copied) -> None:
        """Take what the client sends now as the data of a COPY."""
        self._copy = copy
        self.go_on()

    def take_data(self) -> None:
        """Take data of a COPY as far as there is one that wants it: some clients do not wait to be
        asked. When nothing is under way nobody wants it, and PostgreSQL ignores it."""
        conversation = self._conversation
        while self._data and (
            self._copy is not None
            or conversation.takes_data
            or not (self._queue or self.held_up or conversation.under_way)
        ):
            kind, frame = self._data.popleft()
            self._kept -= len(frame)
            if self._copy is None:
                conversation.send_data(frame, is_last=kind in ENDS)
            elif (step := self._copy.take(kind, frame)) is not None:
                is_too_large, self._copy = self._copy.is_too_large, None
                if is_too_large:
                    step = step._replace(data=refused(step, TOO_LARGE), statement=None)
                self.put_first(step)
        self._client.hold(self._kept > _QUEUE_BYTES)

    @property
    def has_data(self) -> bool:
        """Whether what makes no step is kept here: a COPY's data, a client's goodbye."""
        return bool(self._data)

    def release(self) -> None:
        """Let the further steps, which had to wait, go on."""
        self.held_up = False
        self.go_on()

    def go_on(self) -> None:
        """Handle the steps as far as none has to wait for an answer, and what came after them."""
        while self._queue and self.is_open:
            step = self._queue[0]
            # In the middle of a COPY a Sync means nothing.
            is_void = self._copy is not None and step.data == SYNC and not self._copy.is_part
            if not (is_void or self._takes_steps):
                break
            self._queue.popleft()
            self._kept -= len(step.data) + _STEP_BYTES
            if not is_void:
                self._handle(step)
        if self._data:
            self.take_data()
        else:
            self._client.hold(self._kept > _QUEUE_BYTES)

    def close(self) -> None:
        """Handle nothing more."""
        self.is_open = False

    @property
    def _takes_steps(self) -> bool:
        return not self.held_up and self._copy is None and self._conversation.is_settled

    def _take(self, step: Step) -> None:
        # What goes on may go together with what comes after it.
        if not (step.goes_on or self._queue) and self._takes_steps and self.is_open:
            self._handle(step)
            return
        self._queue.append(step)
        self._kept += len(step.data) + _STEP_BYTES
