"""Foreign keys whose child table is searched for each parent row that is deleted or changed.

The plan shows the search as a trigger's time, and not as a scan.
"""

import re
from dataclasses import dataclass
from typing import Final

from dsqlkit.advisor.facts_reader import Facts
from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.plans.headroom import WORTH_ROWS
from dsqlkit.plans.model import Plan

_CONSTRAINT: Final = re.compile(r'for constraint (?P<name>"(?:[^"]|"")+"|\S+)')


@dataclass(frozen=True, slots=True)
class ConstraintCheck:
    """A search of a child table by `columns`, without an index that begins with them."""

    facts: TableFacts
    columns: tuple[str, ...]
    reason: str


def constraint_checks(plan: Plan, facts: Facts) -> tuple[ConstraintCheck, ...]:
    """The checks of a statement that read a whole child table each time."""
    fired = {}
    for trigger in plan.triggers:
        named = _CONSTRAINT.search(trigger.name)
        if named is not None:
            fired[named["name"].strip('"')] = trigger
    by_name = {(each.table.schema, each.table.name): each for each in facts.tables}
    found: dict[tuple[tuple[str, str], tuple[str, ...]], ConstraintCheck] = {}
    changed = {
        (node.schema or "public", node.relation)
        for node in plan.walk()
        if node.writes and node.node_type != "Insert"
    }
    for key in facts.foreign_keys:
        if key.parent not in changed:
            continue
        child = by_name.get(key.child)
        if key.name not in fired or child is None or child.rows < WORTH_ROWS:
            continue
        if any(
            index.valid
            and index.condition is None
            and set(index.key[: len(key.columns)]) == set(key.columns)
            for index in child.table.indexes
        ):
            continue
        trigger = fired[key.name]
        took = "" if trigger.time_ms is None else f" took {trigger.time_ms:,.1f} ms and"
        calls = f"{trigger.calls:,} row{'' if trigger.calls == 1 else 's'}"
        found[key.child, key.columns] = ConstraintCheck(
            child,
            key.columns,
            f"The foreign key {key.name}{took} looks into {child.table.name} for each of the "
            f"{calls} of {key.parent[1]} that went or changed: without this index it reads all "
            f"{child.rows:,.0f} rows each time.",
        )
    return tuple(found.values())
