"""What transactions of several sessions have to come to, from each played alone at its snapshot.

Alone, PostgreSQL says which rows a transaction holds and how, as others try to lock them, and which
it made and removed. Two that hold the same row in ways that exclude each other, or that made the
same key, are rivals: if both were open at one time, the second to commit loses.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from tests.occ.model import Claim
from tests.occ.playing import Answer, Manner, Session, answer
from tests.occ.random_sql import Statement
from tests.occ.random_tables import Table

State = Mapping[str, Counter[str]]
"""The rows of tables, as PostgreSQL writes them."""
Inside = psycopg.Connection[tuple[Any, ...]]

_TRIED: Final = (("KEY SHARE", Claim.KEY), ("SHARE", Claim.CHANGE), ("UPDATE", Claim.SHARE))
"""What cannot be taken of a row, the weakest first, and how somebody holds it then."""


@dataclass(frozen=True, slots=True)
class Held:
    """How a row is held. `unsure`: it may be another that looks alike."""

    claim: Claim
    is_changed: bool
    unsure: bool

    def excludes(self, other: "Held") -> bool | None:
        """Whether both cannot be; None where that was not recorded."""
        if not self.claim.conflicts(other.claim):
            return False
        if Claim.SHARE in (self.claim, other.claim):  # the other is FOR UPDATE, or a change
            locked = self if other.claim is Claim.SHARE else other
            return True if locked.is_changed else None
        return None if self.unsure or other.unsure else True


@dataclass(slots=True)
class Effects:
    """What a transaction answered alone, and what it did by its end; nothing if it `failed`."""

    answers: list[Answer] = field(default_factory=list)
    failed: bool = False
    made: dict[str, Counter[str]] = field(default_factory=dict)
    removed: dict[str, Counter[str]] = field(default_factory=dict)
    held: dict[tuple[str, str], Held] = field(default_factory=dict)
    keys: set[tuple[str, int, str]] = field(default_factory=set)

    def rivals(self, other: "Effects") -> bool | None:
        """Whether it and another cannot both be committed; None where that was not recorded."""
        if not self.keys.isdisjoint(other.keys):
            return True
        found = [
            mine.excludes(other.held[row]) for row, mine in self.held.items() if row in other.held
        ]
        return True if True in found else None if None in found else False

    def after(self, state: State) -> State:
        """The rows once it is committed."""
        return {
            name: rows - self.removed.get(name, Counter()) + self.made.get(name, Counter())
            for name, rows in state.items()
        }


def rows_of(session: Session, tables: Sequence[Table]) -> State:
    """The rows that a session sees."""
    return {
        each.name: Counter(
            str(row[0]) for row in session.execute(f"SELECT t::text FROM {each.name} AS t".encode())
        )
        for each in tables
    }


def fill(inside: Inside, tables: Sequence[Table], state: State) -> None:
    """Have tables hold these rows and no others."""
    with inside.transaction():
        inside.execute("SET LOCAL session_replication_role = replica")
        inside.execute(f"TRUNCATE {', '.join(each.name for each in tables)} CASCADE".encode())
        for each in tables:
            names = [column.name for column in each.written]
            inside.execute(
                f"INSERT INTO {each.name} ({', '.join(names)})"
                f" SELECT {', '.join(f'(i.r).{name}' for name in names)}"
                f" FROM (SELECT u::{each.name} AS r FROM unnest(%s::text[]) AS u) AS i".encode(),
                [sorted(state[each.name].elements())],
            )


def alone(
    session: Session,
    inside: Inside,
    tables: Sequence[Table],
    state: State,
    statements: Sequence[Statement],
    manner: Manner,
) -> Effects:
    """Play a transaction at these rows, and take it back."""
    fill(inside, tables, state)
    session.execute("BEGIN")
    effects = Effects([answer(session, each, manner) for each in statements])
    effects.failed = session.info.transaction_status == TransactionStatus.INERROR
    if not effects.failed:
        after = rows_of(session, tables)
        for each in tables:
            before, now = state[each.name], after[each.name]
            effects.made[each.name], effects.removed[each.name] = now - before, before - now
            names = _names(inside, each, {*before, *now})
            for image, claim in _held(inside, each):
                is_changed = image in effects.removed[each.name]
                unsure = not each.has_primary and before[image] > 1
                held = Held(claim, is_changed, unsure)
                effects.held[each.name, names[image][0]] = held
            effects.keys |= {
                (each.name, number, key)
                for image in effects.made[each.name]
                for number, key in enumerate(names[image][1:])
                if key is not None
            }
    session.execute("ROLLBACK")
    return effects


def _held(inside: Inside, table: Table) -> Iterator[tuple[str, Claim]]:
    """The rows that somebody else holds, and how."""
    marked = f"SELECT ctid::text, t::text FROM {table.name} AS t WHERE xmax::text <> '0'"
    for place, image in inside.execute(marked.encode()).fetchall():
        for strength, claim in _TRIED:
            locking = f"SELECT FROM {table.name} WHERE ctid = %s::tid FOR {strength} SKIP LOCKED"
            try:
                with inside.transaction(force_rollback=True):
                    # Of a row that was changed, PostgreSQL waits for the next version all the same.
                    inside.execute("SET LOCAL lock_timeout = 50")
                    is_free = inside.execute(locking.encode(), [place]).rowcount == 1
            except psycopg.errors.LockNotAvailable:
                is_free = False
            if not is_free:
                yield str(image), claim
                break


def _names(inside: Inside, table: Table, images: set[str]) -> dict[str, list[Any]]:
    """What tells each row from the others, and its unique keys, null where one has a null."""
    keys = [f"ROW({', '.join(f'(i.r).{name}' for name in key)})" for key in table.keys]
    whole = f"{keys[0]}::text" if table.has_primary else "i.image"
    listed = [f"CASE WHEN {key} IS NOT NULL THEN {key}::text END" for key in keys]
    found = inside.execute(
        f"SELECT i.image, {', '.join([whole, *listed])} FROM ("
        f"SELECT u AS image, u::{table.name} AS r FROM unnest(%s::text[]) AS u) AS i".encode(),
        [sorted(images)],
    )
    return {str(row[0]): list(row[1:]) for row in found}
