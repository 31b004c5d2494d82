"""Many clients in one thread: while one waits for the cluster, the others go on.

In a thread each they would fight over Python's lock, which a call into libpq may give away, and to
wake up who waits for it costs more than the call: eight threads switched six times for a transfer,
where the two waits for the cluster would have done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import gevent
import psycopg
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait

from dsqlkit import connection, pausing
from dsqlkit.connection import Connection
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner

if TYPE_CHECKING:
    from psycopg.abc import PQGen

T = TypeVar("T")

_READY: Final = {Wait.R: Ready.R, Wait.W: Ready.W, Wait.RW: Ready.RW}


def run_all(works: Sequence[Callable[[], None]]) -> None:
    """Do all of these in this thread, each as far as it need not wait, until all have ended.

    They wait by `pausing.pause`, and for connections that `connect` made. What one raises is lost.
    """
    crew = _Crew(len(works))
    try:
        members = [_Member(crew, work) for work in works]
        for member in members:
            member.start()
        gevent.joinall(members)
    finally:
        crew.close()


def connect(endpoint: Endpoint, signer: TokenSigner, *, timeout_s: float) -> Connection:
    """As `connection.connect`. The connection may be used by one of a crew, and outside of any."""
    make = partial(
        connection.connect, endpoint, signer, timeout_s=timeout_s, kind=_SharingConnection
    )
    member = gevent.getcurrent()
    return member.crew.beside(make) if isinstance(member, _Member) else make()


class _Crew:
    """Those who share a thread, and what they wait for."""

    def __init__(self, size: int) -> None:
        self._hub = gevent.get_hub()
        self._hub.threadpool.maxsize = max(size, 1)
        self._watchers: dict[Connection, dict[Wait, Any]] = {}

    def until_ready(self, of: Connection, wanted: Wait) -> Ready:
        """Let the others go on until the socket of a connection can be read, or written."""
        watchers = self._watchers.setdefault(of, {})
        watcher = watchers.get(wanted)
        if watcher is None:
            watcher = watchers[wanted] = self._hub.loop.io(of.pgconn.socket, int(wanted))
        self._hub.wait(watcher)
        return _READY[wanted]

    def beside(self, work: Callable[[], T]) -> T:
        """Do something in another thread, as it waits in a way of its own."""
        done: T | _Failure = self._hub.threadpool.apply(_attempted, (work,))
        if isinstance(done, _Failure):
            raise done.error
        return done

    def forget(self, connection: Connection) -> None:
        """It is closed: its socket's number may be another's next."""
        for watcher in self._watchers.pop(connection, {}).values():
            watcher.close()

    def close(self) -> None:
        for each in list(self._watchers):
            self.forget(each)
        self._hub.destroy(destroy_loop=True)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


def _attempted(work: Callable[[], T]) -> T | _Failure:
    """What it gives or raises: gevent prints what is raised in a thread of its pool."""
    try:
        return work()
    except BaseException as error:
        return _Failure(error)


class _Member(gevent.Greenlet):  # type: ignore[type-arg]  # generic in its stubs alone
    def __init__(self, crew: _Crew, work: Callable[[], None]) -> None:
        super().__init__()
        self.crew = crew
        self._work = work

    def _run(self) -> None:
        pausing.pause_by(gevent.sleep)
        self._work()


class _SharingConnection(psycopg.Connection[TupleRow]):
    """A connection that lets the rest of the crew go on while it waits."""

    def wait(self, gen: "PQGen[T]", interval: float = 0.1, timeout: float | None = None) -> T:
        member = gevent.getcurrent()
        if timeout is not None or not isinstance(member, _Member):
            return super().wait(gen, interval=interval, timeout=timeout)
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(member.crew.until_ready(self, wanted))
        except StopIteration as ended:
            value: T = ended.value
            return value

    def close(self) -> None:
        member = gevent.getcurrent()
        if isinstance(member, _Member):
            member.crew.forget(self)
        super().close()
