"""Indexes that are there and that a workload does not need."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dsqlkit.advisor.existing import key_of
from dsqlkit.plans.catalog import ForeignKey, Index, Table


@dataclass(frozen=True, slots=True)
class Held:
    """An index that is there or will be, by what it holds."""

    name: str
    table: tuple[str, str]
    key: tuple[str, ...]
    columns: frozenset[str]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Unneeded:
    """An index that could go: `why` is "duplicate" or "prefix" of the index `of`, or "unused"."""

    table: Table
    index: Index
    why: str
    of: str | None = None


def unneeded(
    tables: Collection[Table],
    used: Collection[str],
    new: Sequence[Held] = (),
    foreign_keys: Collection[ForeignKey] = (),
) -> tuple[Unneeded, ...]:
    """What could be dropped of the tables' indexes. `used` are the indexes that the workload's
    plans read, `new` those that are proposed.

    Constraints stay, whoever reads them, and so does what a foreign key's checks need.
    """
    found = []
    for table in tables:
        kept = [each for each in new if each.table == (table.schema, table.name)]
        # The larger first, so that of two the smaller one is a prefix; of equals the later goes.
        order = sorted(table.indexes, key=lambda each: (not _is_rule(each), -len(each.columns)))
        for index in order:
            mine = Held(
                index.name,
                (table.schema, table.name),
                key_of(index),
                index.columns,
                index.condition or "",
            )
            judged = None if _is_rule(index) else _judge(table, index, mine, kept)
            if judged is None and not _is_needed(mine, index, used, foreign_keys):
                judged = Unneeded(table, index, "unused")
            if judged is None:
                kept.append(mine)
            else:
                found.append(judged)
    return tuple(sorted(found, key=lambda each: (each.table.name, each.index.name)))


def _judge(table: Table, index: Index, mine: Held, kept: Sequence[Held]) -> Unneeded | None:
    for other in kept:
        begins = other.key[: len(mine.key)] == mine.key
        if begins and other.condition == mine.condition and mine.columns <= other.columns:
            same = other.key == mine.key and other.columns == mine.columns
            return Unneeded(table, index, "duplicate" if same else "prefix", other.name)
    return None


def _is_rule(index: Index) -> bool:
    return index.primary or index.unique


def _is_needed(
    mine: Held, index: Index, used: Collection[str], foreign_keys: Collection[ForeignKey]
) -> bool:
    return (
        _is_rule(index)
        or index.name in used
        or any(
            each.child == mine.table and set(mine.key[: len(each.columns)]) == set(each.columns)
            for each in foreign_keys
        )
    )
