"""A command on a terminal of its own, which can be closed under it."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import threading
from collections.abc import Sequence
from types import TracebackType


class OnTerminal:
    """Runs a command as a terminal's shell would; `close` closes the window.

    What the command writes is read all the time, as a terminal does; `shown` has it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        self._ended, self._end = os.pipe()
        self.shown = b""
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Only after the fork can the session, which is made there, be given its terminal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Close the terminal: the command gets SIGHUP, and nothing that it writes goes anywhere."""
        if self._reader.is_alive():
            os.write(self._end, b".")
        self._reader.join()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def __enter__(self) -> "OnTerminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()
        self.process.kill()
        self.process.wait(30)
        os.close(self._end)
        os.close(self._ended)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._ended], [], [])
            if self._ended in ready:
                return
            try:
                self.shown += os.read(self._master, 65536)
            except OSError:  # the command has ended
                return
