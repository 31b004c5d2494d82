"""Signals that end a program in good order: Ctrl-C, SIGTERM (a cancelled job), SIGHUP (a closed
terminal).

`catch` makes all three alike: the first one raises KeyboardInterrupt in the main thread, once. One
that follows within `PATIENCE_S` is the same wish (a key held down, a whole process group told
twice) and does nothing, so that it cannot break the cleaning up that the first one began. A later
one raises KeyboardInterrupt again: nobody has to wait for ever.

Two blocks change what the first one does. In `held` it waits, for an answer that must not be
missed, and after `hold_on` for the answer to be told; the next `checkpoint` raises it, and where
none comes the program ends by itself, with what it has done. In `calls` it calls a function that
lets the work stop at a good place. `interruptible` is for what may last long within either.

Without `catch` a program has Python's own handling of Ctrl-C, and these blocks change nothing.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Final, NoReturn

PATIENCE_S: Final = 2.0

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_OWED_S: Final = 0.01
_STDOUT_AND_STDERR: Final = (1, 2)


class _Signals:
    """What this process was told. Only its main thread changes it."""

    def __init__(self) -> None:
        self.caught = False
        self.first: int | None = None
        self.at = 0.0
        self.holds = 0
        self.is_holding_on = False
        self.is_pending = False
        self.stop: Callable[[], None] | None = None

    def on_signal(self, number: int, interrupted: FrameType | None) -> None:
        now = time.monotonic()
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        if _runs(self.on_unraisable.__code__, interrupted):
            return  # what that raises is dropped as well: the signal comes again
        if self.first is not None:
            if now - self.at >= PATIENCE_S:
                self.at = now
                self.is_pending = False
                raise KeyboardInterrupt
            return
        self.first, self.at = number, now
        if self.stop is not None:
            self.stop()
        elif self.holds or self.is_holding_on:
            self.is_pending = True
        else:
            raise KeyboardInterrupt

    def on_unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt) or self.first is None:
            sys.__unraisablehook__(unraisable)
            return
        # A finalizer was interrupted, and Python drops what those raise: the signal is still owed.
        number, self.first = self.first, None
        threading.Thread(target=self._send, args=(number,), daemon=True).start()

    def _send(self, owed: int) -> None:
        time.sleep(_OWED_S)
        while self.first is None:
            os.kill(os.getpid(), owed)
            time.sleep(_OWED_S)


_signals = _Signals()


def catch() -> None:
    """Handle the signals of this process from now on. For its main thread, once.

    A signal that is ignored stays ignored: `nohup` and shells that start jobs mean it so.
    """
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _signals.on_signal)
    sys.unraisablehook = _signals.on_unraisable
    _signals.caught = True


def exit_with(code: int) -> NoReturn:
    """End the process: all is done and said, so that a signal that comes now changes nothing.

    Python would let the system's handling back in while it takes itself down.
    """
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    if came():
        # A worker of what was given up may still wait for an answer, and would be waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def came() -> bool:
    """Whether a signal has come, also one that was held and raised nothing yet."""
    return _signals.first is not None


def is_held() -> bool:
    """Whether a signal has come and waits for a checkpoint still."""
    return _signals.is_pending


def exit_code() -> int:
    """The exit code of a program that the first signal ended: 130, 143, 129. Ctrl-C's if none."""
    return 128 + (_signals.first or signal.SIGINT)


@contextmanager
def held() -> Generator[None, None, None]:
    """Let a signal wait for the next `checkpoint`, unless the user loses patience."""
    if not _is_ours():
        yield
        return
    _signals.holds += 1
    try:
        yield
    finally:
        _signals.holds -= 1


@contextmanager
def interruptible() -> Generator[None, None, None]:
    """Within `held` or `calls`, or after `hold_on`: a part in which a signal raises after all."""
    if not _is_ours():
        yield
        return
    before = _signals.holds, _signals.stop
    _signals.holds, _signals.stop = 0, None
    try:
        checkpoint()
        yield
    finally:
        _signals.holds, _signals.stop = before


def hold_on() -> None:
    """Let a signal wait for the next `checkpoint`: something was done that is still to be told."""
    if _is_ours():
        _signals.is_holding_on = True


def checkpoint() -> None:
    """Raise the KeyboardInterrupt of a signal that was held, unless it is held still."""
    if not _is_ours():
        return
    _signals.is_holding_on = False
    if _signals.is_pending and not _signals.holds:
        _signals.is_pending = False
        raise KeyboardInterrupt


@contextmanager
def calls(stop: Callable[[], None]) -> Generator[None, None, None]:
    """Let a signal call `stop`, which must only ask for an end; a later one raises all the same."""
    if not _is_ours():
        yield
        return
    before, _signals.stop = _signals.stop, stop
    try:
        if _signals.is_pending:
            _signals.is_pending = False
            stop()
        yield
    finally:
        _signals.stop = before


def _is_ours() -> bool:
    """Whether signals are caught, and this is the thread that they interrupt."""
    return _signals.caught and threading.current_thread() is threading.main_thread()


def _runs(code: CodeType, frame: FrameType | None) -> bool:
    """Whether a frame, or one that called it, runs this code."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def _leave_terminal() -> None:
    """Write into nothing where the terminal, or a pipe's reader, is gone: that must not fail."""
    for descriptor in _STDOUT_AND_STDERR:
        poll = select.poll()
        poll.register(descriptor, 0)
        if poll.poll(0):
            write_into_nothing(descriptor)


def write_into_nothing(descriptor: int) -> None:
    """Have a file descriptor take all that is written and keep none of it."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
