"""What a client has sent, kept in order until its turn comes.

A client may send on without waiting for answers (a pipeline), and so may its data of a COPY come
before anybody has asked for it. When much is kept here, the client is not read any further.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.dialect.rewriting import failing
from dsqlkit.local.session.copied import ENDS, MAX_BYTES, TOO_LARGE, Copied
from dsqlkit.local.statements.cutting import WANTED, StepCutter
from dsqlkit.local.statements.steps import TEXT_END, Step
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import (
    FLUSH,
    MAX_CLIENT_FRAME,
    RUN,
    SYNC,
    FrameCutter,
    Frontend,
    ProtocolViolation,
    error_response,
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
_DATA: Final = frozenset((Frontend.COPY_DATA, *ENDS))
_VOID: Final = (SYNC, FLUSH)
"""What PostgreSQL ignores amid the data of a COPY."""
_OUT_OF_STEP: Final = error_response(
    "08P01", "terminating connection because protocol synchronization was lost", severity="FATAL"
)

_log = logging.getLogger(__name__)


class _Sent(NamedTuple):
    """What makes no step: data of a COPY in a whole frame, or else a goodbye, say, of kind RUN."""

    kind: int
    data: bytes


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
        self._frames = FrameCutter({*WANTED, *_DATA}, limit=MAX_CLIENT_FRAME)
        self._steps = StepCutter(read)
        self._queue: deque[Step | _Sent] = deque()
        self._kept = 0
        self._streamed = 0
        """How much of a COPY's data has been sent on."""
        self._copy: Copied | None = None

    def receive(self, data: bytes) -> None:
        """Take what the client sent, and handle what need not wait."""
        try:
            for kind, frame in self._frames.feed(data):
                if kind == RUN or kind in _DATA:
                    for step in self._steps.cut():
                        self._take(step)
                    self._keep(_Sent(kind, frame))
                    continue
                taken = _NO_FUNCTION_CALL if kind == _FUNCTION_CALL else frame
                for step in self._steps.feed(taken[0], taken):
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
        for each in islice(self._queue, most):
            if isinstance(each, _Sent):
                return
            yield each

    def take(self, count: int) -> Sequence[Step]:
        """Take so many of the client's next steps out of their turns."""
        taken = list(self.coming(count))
        for _ in taken:
            self._remove(0)
        return taken

    def gather(self, copy: Copied) -> None:
        """Take what the client sends now as the data of a COPY."""
        self._copy = copy
        self.go_on()

    def cancel_copy(self, refusal: Refusal) -> None:
        """Fail the COPY whose data is gathered, if there is one: PostgreSQL knows nothing of it."""
        if self._copy is not None:
            step, self._copy = self._copy.refused(refusal), None
            self.put_first(step)

    def stream_data(self) -> None:
        """Send what the client sends now to the backend, as the data of a COPY."""
        self._streamed = 0
        self.go_on()

    def release(self) -> None:
        """Let the further steps, which had to wait, go on."""
        self.held_up = False
        self.go_on()

    def go_on(self) -> None:
        """Handle what the client has sent as far as nothing has to wait for an answer."""
        while self._queue and self.is_open:
            if self._wants_data:
                at = self._next_of_client()
                if at == len(self._queue):
                    break
                self._take_data(self._remove(at))
                continue
            if not self._takes_steps:
                break
            each = self._remove(0)
            if isinstance(each, Step):
                self._handle(each)
            elif each.kind == RUN:
                self._conversation.backend.write(each.data)
            # Data that no COPY wants is ignored: most often one has failed before its end.
        copies = self._wants_data
        if copies and self.is_open and self._steps.begun is not None:
            self._take_amiss(self._steps.begun)
        self._client.hold(self._kept > _QUEUE_BYTES and not copies)

    def close(self) -> None:
        """Handle nothing more."""
        self.is_open = False

    @property
    def _wants_data(self) -> bool:
        """Whether a COPY wants what the client sends next."""
        return self._copy is not None or self._conversation.takes_data

    @property
    def _takes_steps(self) -> bool:
        return not self.held_up and not self._wants_data and self._conversation.is_settled

    def _next_of_client(self) -> int:
        """Where in the queue is what came after the text of the COPY under way."""
        if self._copy is None or not self._copy.is_part:
            return 0
        return next(at for at, each in enumerate(self._queue) if each is TEXT_END) + 1

    def _take_data(self, each: Step | _Sent) -> None:
        """Take what comes amid a COPY."""
        if each.data in _VOID:
            return
        if isinstance(each, Step) or each.kind == RUN:
            is_call = each.data == _NO_FUNCTION_CALL
            self._take_amiss(_FUNCTION_CALL if is_call else each.data[0])
        elif self._copy is not None:
            step = self._copy.take(each.kind, each.data)
            if step is not None:
                self._copy = None
                self.put_first(step)
        else:
            self._streamed += len(each.data)
            if self._streamed > MAX_BYTES:
                self._conversation.fail_copy(TOO_LARGE)
            else:
                self._conversation.send_data(each.data, is_last=each.kind in ENDS)

    def _take_amiss(self, kind: int) -> None:
        """End the session, as PostgreSQL does, for a message that may not come amid a COPY."""
        told = f"unexpected message type 0x{kind:02X} during COPY from stdin"
        self._client.write(error_response("08P01", told) + _OUT_OF_STEP)
        self._broken()

    def _take(self, step: Step) -> None:
        # What goes on may go together with what comes after it.
        if not (step.goes_on or self._queue) and self._takes_steps and self.is_open:
            self._handle(step)
        else:
            self._keep(step)

    def _keep(self, each: Step | _Sent) -> None:
        self._queue.append(each)
        self._kept += len(each.data) + _STEP_BYTES

    def _remove(self, at: int) -> Step | _Sent:
        each = self._queue[at]
        del self._queue[at]
        self._kept -= len(each.data) + _STEP_BYTES
        return each
