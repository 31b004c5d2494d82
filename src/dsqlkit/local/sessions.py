"""What a session is doing, as a person is told: nothing of its statements' data, and no secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NO_TRANSACTION: Final = "no transaction"


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One session at one moment. Moments are UTC, in ISO 8601; ages are in seconds.

    `session` is its number, which its driver knows as the backend's process id. `phase` is that of
    its explicit transaction, or "no transaction"; `since` when it entered the phase, or connected.
    `doing` is what is under way, "nothing" if it waits for its client; `for_s` for how long.
    `lost` are the words that its COMMIT will fail with. `waiting_for` explains the lock that it
    waits for and who holds it; `holders` are their numbers, of other sessions or of processes of
    PostgreSQL's that are no client's.

    A field that is new has a default, as the cluster may be of another version (state.py).
    """

    session: int
    role: str
    connected_at: str
    phase: str
    since: str
    doing: str
    for_s: float
    lost: str | None = None
    waiting_for: str | None = None
    holders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock that others wait for: a process of PostgreSQL's, and whose it is."""

    pid: int
    application: str
    role: str


@dataclass(frozen=True, slots=True)
class LockWait:
    """A wait for a lock: its type in pg_locks, the table it is about if that is known, holders."""

    lock_type: str
    table: str | None
    holders: tuple[Holder, ...]


def in_words(wait: LockWait, sessions: Mapping[int, SessionStatus]) -> str:
    """What is waited for, and who holds it, in words."""
    if wait.lock_type in ("transactionid", "tuple", "spectoken"):
        lock = "a row" if wait.table is None else f"a row of {wait.table}"
    elif wait.table is not None:
        lock = f"table {wait.table}"
    else:
        lock = f"a lock of type {wait.lock_type}"
    holders = " and ".join(_named(each, sessions.get(each.pid)) for each in wait.holders)
    return f"{lock}, held by {holders}" if holders else lock


def _named(holder: Holder, session: SessionStatus | None) -> str:
    if session is not None:
        return f"session {holder.pid} (role {session.role}, {session.phase})"
    whose = ", ".join(filter(None, (holder.role and f"role {holder.role}", holder.application)))
    return f"process {holder.pid} behind the endpoint ({whose or 'of PostgreSQL itself'})"
