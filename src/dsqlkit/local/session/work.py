"""What a session does that takes several exchanges, while the client's further steps wait."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.session.pipeline import Pipeline

_log = logging.getLogger(__name__)


class Work:
    """The works of one session, one after another; `name` is that of the last. One that fails, for
    a mistake of ours, ends the session by `close`."""

    def __init__(
        self, conversation: Conversation, pipeline: Pipeline, close: Callable[[], None]
    ) -> None:
        self.name = ""
        self._conversation = conversation
        self._pipeline = pipeline
        self._close = close
        self._under_way: asyncio.Task[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is one."""
        return self._under_way is not None

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do this, and let the client's further steps go on after it."""
        self._pipeline.held_up = True
        self._under_way = asyncio.ensure_future(work)
        self.name = name
        self._under_way.add_done_callback(partial(self._done, name))

    async def ended(self) -> None:
        """Wait for the end of what is under way, whatever it comes to."""
        if self._under_way is not None:
            await asyncio.wait([self._under_way])

    def cancel(self) -> None:
        """Break off what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()

    def _done(self, name: str, work: "asyncio.Task[None]") -> None:
        if self._under_way is work:  # not the next, begun where the backend was quicker than this
            self._under_way = None
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            _log.error("session %d: %s failed", self._conversation.pid, name, exc_info=error)
            self._close()
            return
        if self._under_way is None and not self._conversation.under_way:
            self._pipeline.release()
