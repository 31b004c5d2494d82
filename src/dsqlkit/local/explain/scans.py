"""A scan of PostgreSQL's, told again as DSQL's: which B-tree is read, and who filters. Pure.

What a table has is in its primary key's B-tree, so a read by that key is an Index Only Scan, and so
is one of the whole table; a table without one is its own B-tree (Full Scan). A secondary index
without all the columns needs a look-up in the table for each row that storage found in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dsqlkit.local.explain.conditions import (
    aliases,
    columns_of,
    conjuncts,
    joined,
    names,
    take_whole_rows,
    unqualified,
)
from dsqlkit.local.explain.document import Node
from dsqlkit.local.explain.facts import Index, Table
from dsqlkit.local.explain.keys import bounds
from dsqlkit.local.explain.properties import shown, without_system_columns
from dsqlkit.local.explain.pushdown import storage_decides

TABLE_SCANS: Final = frozenset(("Seq Scan", "Sample Scan", "Tid Scan", "Tid Range Scan"))
_PICKING: Final = frozenset(
    (
        *("Nested Loop", "Hash Join", "Merge Join"),
        *("Aggregate", "Group", "WindowAgg", "ProjectSet", "Result"),
    )
)
"""Nodes that may be given more columns than they use."""
_SIDES: Final = ("Outer", "Inner")
INDEX_SCANS: Final = frozenset(("Index Scan", "Index Only Scan"))
SCANS: Final = TABLE_SCANS | INDEX_SCANS


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan as DSQL tells it. `above` are the nodes that it is below. `index` is the one that is
    read, None for a Full Scan; `looks_up` whether the table is read too. `condition` is that of the
    key, empty without one; `keyed`: PostgreSQL took it for a filter, and looked at every row.
    `filters` are decided by storage in the index or the table that it scans, `lookup_filters` in
    the look-up, `left` by the query processor. `columns` are those that storage gives up, in the
    order of the B-tree that has them.
    """

    node: Node
    above: tuple[Node, ...]
    index: str | None
    backward: bool
    looks_up: bool
    condition: str
    keyed: bool
    order_by: str
    filters: tuple[str, ...]
    lookup_filters: tuple[str, ...]
    left: tuple[str, ...]
    columns: tuple[str, ...]
    output: str

    @property
    def alias(self) -> str:
        return str(self.node["Alias"])

    @property
    def stored(self) -> tuple[str, ...]:
        """The filters that storage decides."""
        return (*self.filters, *self.lookup_filters)

    @property
    def reads_of_others(self) -> bool:
        """Whether its condition names a row of another node, so that it runs once for each."""
        return bool(set(aliases(self.condition)) - {self.alias})


def scan_of(node: Node, table: Table | None, above: list[Node]) -> Scan:
    """The scan that a node of PostgreSQL's is. `above` are the nodes that it is below, from the
    root on."""
    alias = str(node["Alias"])
    kind = node["Node Type"]
    condition = shown(node.get("Index Cond", ""))
    parts = conjuncts(node["Filter"]) if "Filter" in node else []
    output = without_system_columns(node.get("Output") or ())
    known = table or Table((), None, {})
    key = bounds(parts, known.key, alias, known.texts) if kind == "Seq Scan" else {}
    rest = [part for part in parts if part not in key]
    if rest and any("$" in part or set(aliases(part)) - {alias} for part in key):
        key = {}  # of a value that nobody else knows, so that its rows cannot be counted
    if key:
        condition, parts = joined(list(key.values())), rest
    given = known.columns if kind != "Index Only Scan" else known.held_by(node["Index Name"])
    wanted = _wanted(node, output, given, above)
    texts = None if table is None else table.texts
    left = tuple(part for part in parts if not storage_decides(part, texts))
    stored = tuple(part for part in parts if part not in left)
    # A subquery below it shows in what it gives up by its number alone.
    below = (_texts(each for each, _ in walk(child)) for child in node.get("Plans") or ())
    asked = {name for texts in below for name in columns_of(texts, alias)}
    columns = _in_order(names([*wanted, *left], alias) | asked, known)
    if take_whole_rows([*wanted, *left], alias):
        columns = known.columns
    index = node.get("Index Name") if kind in INDEX_SCANS else known.primary
    secondary = known.indexes.get(index) if index is not None and index != known.primary else None
    needed = set(columns) | set(_in_order(names(stored, alias), known))
    looks_up = secondary is not None and kind != "Index Only Scan" and not secondary.covers(needed)
    if secondary is not None and not looks_up:
        columns = tuple(sorted(columns, key=secondary.place))
    in_index = tuple(
        part for part in stored if not looks_up or _decides(secondary, part, alias, known)
    )
    return Scan(
        node=node,
        above=tuple(above),
        index=index,
        backward=node.get("Scan Direction") == "Backward",
        looks_up=looks_up,
        condition=condition,
        keyed=bool(key),
        order_by=shown(node.get("Order By", "")),
        filters=in_index,
        lookup_filters=tuple(part for part in stored if part not in in_index),
        left=left,
        columns=columns,
        output=", ".join(wanted),
    )


def scans_in(plan: Node, tables: Any) -> Iterator[tuple[int, Scan]]:
    """The scans of tables of a plan, each with the place of its node among all nodes."""
    every = list(walk(plan))
    for place, (node, above) in enumerate(every):
        if node["Node Type"] in SCANS:
            table = tables.get((node.get("Schema"), node["Relation Name"]))
            yield place, scan_of(node, table, above)


def walk(node: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, list[Node]]]:
    """Every node of a plan, parents first, with those that it is below."""
    yield node, list(above)
    for child in node.get("Plans") or ():
        yield from walk(child, (*above, node))


def is_of_many(plan: Node) -> bool:
    """Whether a plan names several relations, so that PostgreSQL says whose a column is."""
    return len({node["Alias"] for node, _ in walk(plan) if "Alias" in node}) > 1


def _wanted(
    node: Node, output: list[str], whole: tuple[str | None, ...], above: list[Node]
) -> list[str]:
    """What is wanted of a scan's rows. PostgreSQL gives up all that an entry holds (`whole`) where
    that is cheaper, to nodes that pick what they need; there it shows what of it is used."""
    alias = str(node["Alias"])
    if not above or above[-1]["Node Type"] not in _PICKING:
        return output
    given = tuple(unqualified(each, alias) for each in output)
    picking = list(_texts(above[-1:]))
    if _names_of(given) != whole or node.get("Parent Relationship") not in _SIDES:
        return output
    if take_whole_rows(picking, alias):
        return output
    used = names(picking, alias)
    # A key of a nested loop shows in the scan on its other side.
    others = (each for each, _ in walk(above[0]) if each.get("Alias") != alias)
    used |= columns_of(_texts(others), alias)
    return [each for each, column in zip(output, whole, strict=True) if column in used]


def _names_of(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each[1:-1].replace('""', '"') if each[:1] == '"' else each for each in given)


def _texts(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        for name, value in node.items():
            if name in ("Plans", "Node Type", "Relation Name", "Alias"):
                continue
            if isinstance(value, list):
                yield from (each for each in value if isinstance(each, str))
            elif isinstance(value, str):
                yield value


def _in_order(found: set[str], table: Table) -> tuple[str, ...]:
    return tuple(column for column in table.columns if column in found)


def _decides(index: Index | None, part: str, alias: str, table: Table) -> bool:
    return index is not None and index.covers(set(_in_order(names([part], alias), table)))


def condition_of(parts: tuple[str, ...]) -> str:
    """The filters as one condition."""
    return joined(list(parts))
