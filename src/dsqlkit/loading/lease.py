"""Let one load at a time fill a table, on whatever machines they run.

DSQL has no locks to hold, so the claim is a row of table `loads` that its load renews: one that was
not renewed for `LEASE_S` by the cluster's clock has ended. On the machine where a load runs a
locked file says it sooner: a crash releases it at once.

A loader that slept through its lease does no harm: its rows go into the table that it has made, and
the next load makes another.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import platformdirs

from dsqlkit import interruption, tables
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, SqlError
from dsqlkit.file_lock import is_locked, take_lock
from dsqlkit.queries import statement
from dsqlkit.transaction import RetryPolicy, read_alone, run

LEASE_S: Final = 15.0
_RENEW_S: Final = 2.0
_LOOK_S: Final = 0.5
_CLAIMS: Final = "loads"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has claimed a table; `age_s` since the claim was renewed, None when it is not running."""

    load: UUID
    loader: str
    age_s: float | None


class LoadRuns(DsqlkitError):
    """Another load fills the table."""

    code = "load_runs"


class LeaseLost(DsqlkitError):
    """Another load has taken the table over."""

    code = "load_runs"


class Lease:
    """A claim on a table for one load, renewed in the background while the `with` block lasts."""

    def __init__(
        self,
        connections: Connections,
        table: str,
        load: UUID,
        *,
        on_lost: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._connections = connections
        self._values = {"table": table, "load": load}
        self._on_lost = on_lost
        self._say = say
        self._ending = threading.Event()
        self._is_lost = False
        self._lock_file: int | None = None
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> "Lease":
        """Claim the table. Raises LoadRuns while another load runs, which takes up to `LEASE_S` to
        see where it does not run on this machine.
        """
        tables.have(self._connections, _CLAIMS)
        self._lock()
        try:
            # Nothing was begun yet, and others may keep it waiting.
            with interruption.interruptible():
                self._claim()
        except BaseException:
            self._unlock()
            raise
        self._renewing.start()
        return self

    def check(self) -> None:
        """Raise LeaseLost once another load has the table."""
        if self._is_lost:
            raise LeaseLost(
                f"Another load has taken over table {self._values['table']}.",
                hint="This one was not heard of for too long.",
            )

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._renewing.join(_RENEW_S)
        is_released = False
        # Who cannot say that it has ended is believed elsewhere to run for LEASE_S more.
        with suppress(DsqlkitError):
            self._execute("loads/release.sql")
            is_released = True
        self._unlock(is_released=is_released)

    def _claim(self) -> None:
        query = statement("loads/claim.sql")
        deadline = time.monotonic() + LEASE_S + _RENEW_S
        last_age_s = 0.0
        while True:
            loader = f"process {os.getpid()} on {socket.gethostname()}"
            holder = holder_of(self._connections, str(self._values["table"]))
            is_here = None if holder is None else _is_locked(holder.load)
            dead = holder.load if holder is not None and is_here is False else None
            values = {**self._values, "loader": loader, "dead": dead, "lease_s": LEASE_S}
            claimed = run(self._connections, lambda c, v=values: c.execute(query, v).fetchone())  # type: ignore[misc]
            if claimed.value is not None:
                return
            if holder is None or holder.age_s is None:
                continue  # it came, or went, since we looked
            is_renewed = holder.age_s < last_age_s
            if is_here or is_renewed or time.monotonic() > deadline:
                raise LoadRuns(
                    f"Another load fills table {self._values['table']}: {holder.loader}, heard of "
                    f"{max(holder.age_s, 0.0):.0f} s ago.",
                    hint="Wait for its end, or end it. Nothing was changed.",
                )
            if not last_age_s:
                self._say(f"Looking whether {holder.loader} is still loading ...")
            last_age_s = holder.age_s
            time.sleep(_LOOK_S)

    def _renew(self) -> None:
        while not self._ending.wait(_RENEW_S):
            with suppress(DsqlkitError):  # the next time may do
                if self._execute("loads/renew.sql") == 0:
                    self._is_lost = True
                    self._on_lost()
                    return

    def _execute(self, path: str) -> int:
        query = statement(path)
        policy = RetryPolicy(deadline_s=_RENEW_S)
        return run(
            self._connections, lambda c: c.execute(query, self._values).rowcount, policy
        ).value

    def _lock(self) -> None:
        """Lock this load's file; without a folder to write others wait for the lease alone."""
        path = _lock_path(self._values["load"])
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = take_lock(path, timeout_s=0)

    def _unlock(self, *, is_released: bool = True) -> None:
        """Unlock the file. One that stays tells of an end that the claim does not tell of."""
        if self._lock_file is not None:
            if is_released:
                with suppress(OSError):
                    _lock_path(self._values["load"]).unlink()
            os.close(self._lock_file)
            self._lock_file = None


def holder_of(connections: Connections, table: str) -> Holder | None:
    """Who has claimed the table last, or None."""
    query = statement("loads/holder.sql")
    try:
        row = read_alone(connections, lambda c: c.execute(query, {"table": table}).fetchone())
    except SqlError as error:
        if error.sqlstate == tables.UNDEFINED_TABLE:
            return None
        raise
    return None if row is None else Holder(*row)


def _is_locked(load: UUID) -> bool | None:
    """Whether the load runs on this machine; None where it was not begun here. False is an end
    without a word.
    """
    try:
        return is_locked(_lock_path(load))
    except OSError:
        return None


def _lock_path(load: object) -> Path:
    return Path(platformdirs.user_data_dir("dsqlkit")) / "loads" / f"{load}.lock"
