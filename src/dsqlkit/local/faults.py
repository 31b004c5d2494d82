"""Faults on demand: which of them are on, and which COMMIT they hit.

`Faults` is what a user asked for. `ActiveFaults` is what a running cluster does about it.
"""

import random
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Final

from dsqlkit.errors import UsageError
from dsqlkit.quotas import MAX_CONNECTION_AGE_S, MAX_TOKEN_LIFE_S, MAX_TRANSACTION_AGE_S

_MAX_DELAY_MS: Final = 60_000.0
_NO_LIMIT: Final = 1_000_000_000


class Fate(Enum):
    """What happens to one COMMIT of changes."""

    COMMIT = auto()
    CONFLICT = auto()
    """It fails with a conflict that nobody caused; nothing is committed."""
    CUT_BEFORE = auto()
    """The connection breaks before the database hears of it; nothing is committed."""
    CUT_AFTER = auto()
    """It is committed, and the connection breaks before the client hears of it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of a local cluster; 0 is off.

    `conflict_rate` is the share of COMMITs that fail with a conflict, up to 1. Of each `..._every`
    and `cut_...` every n-th COMMIT is hit; a cut goes before a conflict. `round_trip_ms` delays
    what a client sends, `commit_ms` each COMMIT. A connection is closed at `connection_age_s`, a
    transaction fails from `transaction_age_s` on, and a token is refused from `token_age_s` after
    its signing on, if that is before its own end.

    Raises UsageError for what cannot be done.
    """

    conflict_rate: float = 0.0
    conflict_every: int = 0
    round_trip_ms: float = 0.0
    commit_ms: float = 0.0
    cut_before_commit: int = 0
    cut_after_commit: int = 0
    connection_age_s: float = 0.0
    transaction_age_s: float = 0.0
    token_age_s: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            # Not a number (nan) is in no range.
            if not 0 <= value <= _UP_TO[name]:
                raise UsageError(
                    f"`{name}` must be from 0 to {_UP_TO[name]:,g}.",
                    hint="0 switches it off.",
                )

    @property
    def on(self) -> dict[str, float]:
        """The faults that are on, with their values, by name."""
        return {name: value for name, value in asdict(self).items() if value}

    def changed(self, values: dict[str, float | None]) -> "Faults":
        """These, with those values that are not None instead. Raises UsageError."""
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        return replace(self, **given)


_UP_TO: Final[dict[str, float]] = {
    "conflict_rate": 1,
    "conflict_every": _NO_LIMIT,
    "round_trip_ms": _MAX_DELAY_MS,
    "commit_ms": _MAX_DELAY_MS,
    "cut_before_commit": _NO_LIMIT,
    "cut_after_commit": _NO_LIMIT,
    "connection_age_s": MAX_CONNECTION_AGE_S,
    "transaction_age_s": MAX_TRANSACTION_AGE_S,
    "token_age_s": MAX_TOKEN_LIFE_S,
}

NAMES: Final = tuple(field.name for field in fields(Faults))


def fate_of(faults: Faults, number: int, draw: float) -> Fate:
    """What happens to COMMIT number `number` (from 1), given a random number from 0 up to 1."""
    if _is_nth(number, faults.cut_before_commit):
        return Fate.CUT_BEFORE
    if _is_nth(number, faults.cut_after_commit):
        return Fate.CUT_AFTER
    if _is_nth(number, faults.conflict_every) or draw < faults.conflict_rate:
        return Fate.CONFLICT
    return Fate.COMMIT


def _is_nth(number: int, every: int) -> bool:
    return every > 0 and number % every == 0


class ActiveFaults:
    """The faults of a running cluster, one for all its sessions.

    `on_commit` says whether any concerns a COMMIT; durations are in seconds.
    """

    def __init__(self, faults: Faults) -> None:
        self.switch(faults)

    def switch(self, faults: Faults) -> None:
        """Have these faults from now on, and count COMMITs from the start."""
        self._faults = faults
        self._commits = 0
        self.round_trip_s = faults.round_trip_ms / 1000
        self.commit_s = faults.commit_ms / 1000
        self.transaction_age_s = faults.transaction_age_s or MAX_TRANSACTION_AGE_S
        self.connection_age_s = faults.connection_age_s or MAX_CONNECTION_AGE_S
        self.token_age = timedelta(seconds=faults.token_age_s or MAX_TOKEN_LIFE_S)
        self.on_commit = bool(
            faults.conflict_rate
            or faults.conflict_every
            or faults.commit_ms
            or faults.cut_before_commit
            or faults.cut_after_commit
        )

    def next_commit(self) -> Fate:
        """Count a COMMIT; what happens to it."""
        self._commits += 1
        return fate_of(self._faults, self._commits, random.random())  # noqa: S311 - no secret
