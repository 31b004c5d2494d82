"""Work that takes long, done in another process: the endpoint's serves all of its clients, and
while it computes for one of them none of the others is heard.

`Apart` starts such processes when there is work and ends them some time after. Run as a module,
this file is one: it takes functions with their arguments from stdin, calls one after the other, and
writes what they gave to stdout. It ends with its stdin, so with the endpoint's process too.
"""

import asyncio
import contextlib
import gc
import logging
import os
import pickle
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from struct import Struct
from typing import Any, BinaryIO, Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

LONG_BYTES: Final = 16 * 1024
"""Reading so much SQL takes tens of milliseconds where it is many statements."""

_AT_ONCE: Final = max(2, os.cpu_count() or 1)
"""How many processes there are at most: one client's work is not to wait for another's."""
_IDLE_S: Final = 60.0
_LENGTH: Final = Struct("!Q")
RECURSION_LIMIT: Final = 10_000
"""Of the endpoint too. For plans each level takes six calls, and PostgreSQL parses 1,500 queries in
each other."""
_END: Final = b""

_log = logging.getLogger(__name__)


class Apart:
    """The processes of one endpoint."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._ended: list[_Worker] = []
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._closing: asyncio.TimerHandle | None = None

    async def pieces(
        self, function: Callable[_P, Iterator[_T]], *args: _P.args, **kwargs: _P.kwargs
    ) -> AsyncGenerator[_T, None]:
        """What a function of a module yields for these arguments, called in another process.

        All of them have to be what pickle takes. Raises what the function raises, and EOFError when
        the process ends before the function does. Whoever does not wait for the end ends the work.
        """
        asked = pickle.dumps((function, args, kwargs))
        async with self._free:
            worker = self._waiting() or await _Worker.start()
            try:
                async for piece in worker.pieces(asked):
                    yield piece
            finally:
                if worker.is_idle:
                    self._idle.append(worker)
                    self._close_later()
                else:
                    self._end(worker)

    async def value(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What a function of a module returns, as `pieces`."""
        async with aclosing(self.pieces(_only, function, args, kwargs)) as pieces:
            found: _T = await anext(pieces)
        return found

    async def read(self, read: Callable[[bytes], _T], text: bytes) -> _T:
        """What a function of a module reads in a text: here, unless that is long."""
        return read(text) if len(text) < LONG_BYTES else await self.value(read, text)

    def _waiting(self) -> "_Worker | None":
        while self._idle:
            worker = self._idle.pop()
            if worker.lives:
                return worker
        return None

    async def close(self) -> None:
        """End the processes that have nothing to do, and wait for the end of all that were ended.
        Those that have something to do end with that."""
        self._end_idle()
        for worker in self._ended:
            await worker.wait()

    def _end_idle(self) -> None:
        while self._idle:
            self._end(self._idle.pop())

    def _end(self, worker: "_Worker") -> None:
        worker.kill()
        self._ended = [each for each in (*self._ended, worker) if each.lives]

    def _close_later(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._closing = asyncio.get_running_loop().call_later(_IDLE_S, self._end_idle)


class _Worker:
    """One process. `is_idle`: it waits for work."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.is_idle = True

    @classmethod
    async def start(cls) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "dsqlkit.local.apart"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        _log.info("process %d is started for what takes long", process.pid)
        return cls(process)

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def pieces(self, asked: bytes) -> AsyncGenerator[Any, None]:
        """Have it do this; what it gives, in order."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self.is_idle = False
        with contextlib.suppress(ConnectionError):  # it has ended, which reading tells
            stdin.write(_LENGTH.pack(len(asked)) + asked)
            await stdin.drain()
        while True:
            (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
            if not length:
                break
            piece, error = pickle.loads(await stdout.readexactly(length))  # noqa: S301 - our own
            if error is not None:
                raise error
            yield piece
        self.is_idle = True

    async def wait(self) -> None:
        await self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def _only(function: Callable[..., _T], args: Any, kwargs: Any) -> Iterator[_T]:
    """Its value, as the one piece."""
    yield function(*args, **kwargs)


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Do what is asked until nobody asks any more."""

    def write(data: bytes) -> None:
        answers.write(_LENGTH.pack(len(data)) + data)
        answers.flush()

    while header := requests.read(_LENGTH.size):
        function, args, kwargs = pickle.loads(requests.read(_LENGTH.unpack(header)[0]))  # noqa: S301
        try:
            for piece in function(*args, **kwargs):
                write(pickle.dumps((piece, None)))
        except Exception as error:
            write(pickle.dumps((None, error)))
        else:
            write(_END)
        gc.collect()


def main() -> None:
    """Be such a process."""
    # What comes from a terminal is not for it; it ends when its stdin does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(RECURSION_LIMIT)
    gc.disable()  # what is made here is large, and hardly in cycles
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):  # it is not to interrupt the endpoint, where that can be
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
