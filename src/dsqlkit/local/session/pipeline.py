"""What a client has sent, kept in order until its turn comes.

A client may send on without waiting for answers (a pipeline), and so may its data of a COPY come
before anybody has asked for it. When much is kept here, the client is not read any further.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from dsqlkit.local.apart import Apart
from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.session.copied import ENDS, MAX_BYTES, TOO_LARGE, Copied
from dsqlkit.local.session.intake import NO_FUNCTION_CALL, Intake, Sent
from dsqlkit.local.statements.steps import TEXT_END, Step
from dsqlkit.local.wire.link import Link
from dsqlkit.local.wire.messages import (
    FLUSH,
    RUN,
    SYNC,
    Frontend,
    error_response,
)

_QUEUE_BYTES: Final = 1024 * 1024
"""How much is kept here while its client waits for an earlier answer."""
_STEP_BYTES: Final = 512
_AT_ONCE: Final = 200
"""How many steps are handled at once. Other sessions come next."""
_VOID: Final = (SYNC, FLUSH)
"""What PostgreSQL ignores amid the data of a COPY."""
_OUT_OF_STEP: Final = error_response(
    "08P01", "terminating connection because protocol synchronization was lost", severity="FATAL"
)


class Pipeline:
    """The pipeline of one session. `handle` is called with each step whose turn has come; `broken`
    when the client breaks the protocol. While it is `held_up`, no further step is handled. `intake`
    takes what the client sends, and reads long texts `apart`.

    `skipping`: there was an error, and what comes before the client's next Sync is left out.
    `is_open`: the session has not ended.
    """

    def __init__(
        self,
        client: Link,
        conversation: Conversation,
        apart: Apart,
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
        self.intake = Intake(
            apart, take=self._take, keep=self._keep, go_on=self.go_on, broken=broken
        )
        self._queue: deque[Step | Sent] = deque()
        self._after_text: deque[Step | Sent] = deque()
        """What comes after the end of the text whose statements go one by one: they are in the
        queue, and that end is the last there."""
        self._kept = 0
        self._goes_on_later = False
        self._streamed = 0
        """How much of a COPY's data has been sent on."""
        self._copy: Copied | None = None

    def put_first(self, step: Step) -> None:
        """Take this step as the client's next."""
        if step is TEXT_END:
            self._queue.extend(self._after_text)
            self._after_text, self._queue = self._queue, deque()
        self._queue.appendleft(step)
        self._kept += len(step.data) + _STEP_BYTES

    def coming(self, most: int) -> Iterator[Step]:
        """The client's next steps that are here already, up to so many."""
        for each in islice(self._queue, most):
            if isinstance(each, Sent):
                return
            yield each

    def take(self, count: int) -> Sequence[Step]:
        """Take so many of the client's next steps out of their turns."""
        taken = list(self.coming(count))
        for _ in taken:
            self._remove(self._queue)
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
        if self._goes_on_later:
            return
        if self._kept:
            self._handle_some()
        begun = self.intake.begun
        if begun is not None and self.is_open and self._wants_data and not self._goes_on_later:
            self._take_amiss(begun)
        is_full = self._kept > _QUEUE_BYTES and (self._goes_on_later or not self._wants_data)
        self._client.hold(is_full or self.intake.is_reading)

    def close(self) -> None:
        """Handle nothing more."""
        self.is_open = False
        self.intake.close()

    def _handle_some(self) -> None:
        """Handle what is kept here, a part of it now where it is much."""
        for _ in range(_AT_ONCE):
            if not (self.is_open and self._handle_next()):
                return
        self._goes_on_later = True
        asyncio.get_running_loop().call_soon(self._go_on_later)

    def _go_on_later(self) -> None:
        self._goes_on_later = False
        self.go_on()

    def _handle_next(self) -> bool:
        """Handle what comes next; whether there was something that need not wait."""
        if self._wants_data:
            data = self._after_text if self._copies_part else self._queue
            if not data:
                return False
            self._take_data(self._remove(data))
            return True
        if not (self._queue and self._takes_steps):
            return False
        each = self._remove(self._queue)
        if each is TEXT_END:
            self._next_text()
        if isinstance(each, Step):
            self._handle(each)
        elif each.kind == RUN:
            self._conversation.backend.write(each.data)
        # Data that no COPY wants is ignored: most often one has failed before its end.
        return True

    def _next_text(self) -> None:
        """Let what came after a text be next, up to the end of another."""
        while self._after_text:
            self._queue.append(self._after_text.popleft())
            if self._queue[-1] is TEXT_END:
                break

    @property
    def _wants_data(self) -> bool:
        """Whether a COPY wants what the client sends next."""
        return self._copy is not None or self._conversation.takes_data

    @property
    def _takes_steps(self) -> bool:
        return not self.held_up and not self._wants_data and self._conversation.is_settled

    @property
    def _copies_part(self) -> bool:
        """Whether more of its text comes after the COPY under way."""
        return self._copy is not None and self._copy.is_part

    def _take_data(self, each: Step | Sent) -> None:
        """Take what comes amid a COPY."""
        if each.data in _VOID:
            return
        if isinstance(each, Step) or each.kind == RUN:
            is_call = each.data == NO_FUNCTION_CALL
            self._take_amiss(Frontend.FUNCTION_CALL if is_call else each.data[0])
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

    def _keep(self, each: Step | Sent) -> None:
        ends = self._queue and self._queue[-1] is TEXT_END
        (self._after_text if ends else self._queue).append(each)
        self._kept += len(each.data) + _STEP_BYTES

    def _remove(self, queue: deque[Step | Sent]) -> Step | Sent:
        each = queue.popleft()
        self._kept -= len(each.data) + _STEP_BYTES
        return each
