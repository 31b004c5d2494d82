"""Closing connections that have lived too long, as DSQL does."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Aging(Protocol):
    """A session that can be closed when it has grown too old."""

    def expire(self) -> None:
        """Close it: now if it is idle outside a transaction, else at its next statement."""


class AgeLimit:
    """Lets each session expire when it has lived as long as `limit_s` says at that time."""

    def __init__(self, limit_s: Callable[[], float]) -> None:
        self._limit_s = limit_s
        self._began: dict[Aging, float] = {}
        self._timers: dict[Aging, asyncio.TimerHandle] = {}

    def begun(self, session: Aging) -> None:
        """A session begins."""
        self._began[session] = asyncio.get_running_loop().time()
        self._arm(session)

    def ended(self, session: Aging) -> None:
        """A session is over."""
        if session in self._began:
            del self._began[session]
            self._timers.pop(session).cancel()

    def changed(self) -> None:
        """The limit has changed. It holds for the sessions that are connected, too."""
        for session in self._began:
            self._timers[session].cancel()
            self._arm(session)

    def _arm(self, session: Aging) -> None:
        end = self._began[session] + self._limit_s()
        self._timers[session] = asyncio.get_running_loop().call_at(end, session.expire)
