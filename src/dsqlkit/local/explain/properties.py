"""The lines below a node of a plan, as PostgreSQL prints them in text (explain.c)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from dsqlkit.local.explain.conditions import NAME
from dsqlkit.local.explain.document import Node

_SYSTEM_COLUMN: Final = re.compile(rf"(?:(?:{NAME})\.)?(?:ctid|tableoid|[cx]m(?:in|ax))")
"""Where PostgreSQL stores a row; DSQL has no such thing."""

_SHOWN: Final = frozenset(
    (
        "Inner Unique",
        "Index Cond",
        "Order By",
        "Recheck Cond",
        "TID Cond",
        "Filter",
        "Function Call",
        "Join Filter",
        "Merge Cond",
        "Hash Cond",
        "Hash Key",
        "Group Key",
        "Sort Key",
        "Presorted Key",
        "One-Time Filter",
        "Run Condition",
        "Cache Key",
        "Cache Mode",
        "Conflict Resolution",
        "Conflict Arbiter Indexes",
        "Conflict Filter",
        "Tuples Inserted",
        "Conflicting Tuples",
        "Repeatable Seed",
    )
)
_COUNTED: Final = frozenset(
    (
        "Rows Removed by Filter",
        "Rows Removed by Join Filter",
        "Subplans Removed",
        "Rows Removed by Conflict Filter",
    )
)
"""Shown unless it is 0."""
_VERBOSE: Final = frozenset(("Output", "Inner Unique", "Function Call"))


def properties_of(node: Node, *, verbose: bool) -> Iterator[tuple[str, str]]:
    """The labels and values below a node, in order."""
    for name, value in node.items():
        if name in _VERBOSE and not verbose:
            continue
        if name == "Output":
            output = without_system_columns(value)
            if output:
                yield name, ", ".join(output)
            continue
        if (name in _SHOWN and value is not False) or (name in _COUNTED and value != "0"):
            yield name, shown(value)
        elif name == "Grouping Sets":
            yield from _grouping_sets(value)
        elif name in _COMBINED:
            combined = _COMBINED[name](node)
            if combined is not None:
                yield combined
        elif name in ("Full-sort Groups", "Pre-sorted Groups"):
            yield name, _sorted_groups(value)


def without_system_columns(output: Iterable[str]) -> list[str]:
    """What a node gives up, but for columns that no table of DSQL's has."""
    return [each for each in output if _SYSTEM_COLUMN.fullmatch(each) is None]


def shown(value: Any) -> str:
    """A property's value, or its values."""
    if value is True:
        return "true"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _sort(node: Node) -> tuple[str, str]:
    space = f"{node['Sort Space Type']}: {node['Sort Space Used']}kB"
    return "Sort Method", f"{node['Sort Method']}  {space}"


def _hash(node: Node) -> tuple[str, str]:
    buckets, batches = node["Hash Buckets"], node["Hash Batches"]
    first_buckets, first_batches = node["Original Hash Buckets"], node["Original Hash Batches"]
    if (buckets, batches) != (first_buckets, first_batches):
        buckets += f" (originally {first_buckets})"
        batches += f" (originally {first_batches})"
    return "Buckets", f"{buckets}  Batches: {batches}  Memory Usage: {node['Peak Memory Usage']}kB"


def _hash_aggregate(node: Node) -> tuple[str, str]:
    line = f"{node['HashAgg Batches']}  Memory Usage: {node['Peak Memory Usage']}kB"
    if node["HashAgg Batches"] != "1":
        line += f"  Disk Usage: {node['Disk Usage']}kB"
    return "Batches", line


def _partitions(node: Node) -> tuple[str, str] | None:
    planned = node["Planned Partitions"]
    return None if planned == "0" else ("Planned Partitions", planned)


def _memoize(node: Node) -> tuple[str, str]:
    return "Hits", (
        f"{node['Cache Hits']}  Misses: {node['Cache Misses']}"
        f"  Evictions: {node['Cache Evictions']}  Overflows: {node['Cache Overflows']}"
        f"  Memory Usage: {node['Peak Memory Usage']}kB"
    )


_COMBINED: Final = {
    "Sort Method": _sort,
    "Hash Buckets": _hash,
    "HashAgg Batches": _hash_aggregate,
    "Planned Partitions": _partitions,
    "Cache Hits": _memoize,
}
"""Properties that stand in one line with others."""


def _sorted_groups(groups: Node) -> str:
    methods = groups["Sort Methods Used"]
    line = f"{groups['Group Count']}  Sort Method{'s' * (len(methods) > 1)}: {', '.join(methods)}"
    for space in ("Memory", "Disk"):
        used = groups.get(f"Sort Space {space}")
        if used is not None:
            line += f"  Average {space}: {used['Average Sort Space Used']}kB"
            line += f"  Peak {space}: {used['Peak Sort Space Used']}kB"
    return line


def _grouping_sets(sets: list[Node]) -> Iterator[tuple[str, str]]:
    for each in sets:
        if each.get("Sort Key"):
            yield "Sort Key", shown(each["Sort Key"])
        for name in ("Group Key", "Hash Key"):
            for keys in each.get(f"{name}s") or ():
                yield name, ", ".join(keys) or "()"
