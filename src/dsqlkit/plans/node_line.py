"""One line of a plan that stands for a node: its head, the estimate, what ANALYZE measured.

Index Scan Backward using i on public.t x  (cost=0.28..8.30 rows=1 width=4) (actual rows=1 ...)
"""

import re
from typing import Final

from dsqlkit.plans.node import Actual, Cost, PlanNode

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\s".()]+)'
_WHOLE: Final = r"\d{1,309}"
"""As long as a double can be, which is never printed with an exponent. A cross join of four large
tables is estimated at 24 digits of rows, and of cost; rows end at 101 digits."""
_NUMBER: Final = rf"{_WHOLE}(?:\.\d{{1,9}})?"

_NODE: Final = re.compile(
    rf"""(?P<head>\S.*?)
    (?:\s+\(cost=(?P<startup>{_NUMBER})\.\.(?P<total>{_NUMBER})
       \ rows=(?P<cost_rows>{_WHOLE})\ width=(?P<width>{_WHOLE})
          (?:\ loops=(?P<cost_loops>{_WHOLE}))?\))?
    (?:\s+\(actual(?:\ time=(?P<startup_ms>{_NUMBER})\.\.(?P<total_ms>{_NUMBER}))?
       \ rows=(?P<rows>{_NUMBER})\ loops=(?P<loops>{_WHOLE})\)
      |\s+\((?P<never>never\ executed)\))?""",
    re.VERBOSE | re.DOTALL,
)
_HEAD: Final = re.compile(
    rf"""(?P<parallel>Parallel\ )?
         (?P<node_type>[A-Za-z][\w-]*(?:\ [A-Za-z][\w-]*)*?)
         (?:\ \((?P<variant>[^()]+)\))?
         (?P<backward>\ Backward)?
         (?:\ using\ (?P<index>{_NAME}))?
         (?:\ on\ (?:(?P<schema>{_NAME})\.)?(?P<relation>{_NAME})(?:\ (?P<alias>{_NAME}))?)?""",
    re.VERBOSE,
)

_READS_INDEX_ALONE: Final = "Bitmap Index Scan"
_READS_TABLE_OR_INDEX: Final = frozenset({"Storage Scan", "B-Tree Scan"})
_KNOWN: Final = re.compile(
    r"""(?:.+\ )?
        (?: Scan | Lookup | Join | Loop | Append | (?:Group|Hash|Mixed)?Aggregate | WindowAgg
          | Result | ProjectSet | Union | BitmapAnd | BitmapOr | Gather | Merge | Hash | Materialize
          | Memoize | Sort | Group | Unique | (?:Hash)?SetOp | Except | Intersect | All | LockRows
          | Limit | Insert | Update | Delete )""",
    re.VERBOSE,
)
"""How the names of nodes end: to know one that EXPLAIN (COSTS OFF) printed without figures."""


def is_node(line: str) -> bool:
    """Whether a line without an arrow is a node all the same: it has figures, or a known name."""
    parts, head = _parts(line)
    if parts["startup"] or parts["rows"] or parts["never"]:
        return True
    return head is not None and _KNOWN.fullmatch(head["node_type"]) is not None


def parse_node(line: str, index_above: str | None = None) -> PlanNode:
    """The node of one line, as yet without label, properties and children.

    `index_above` is the index of the scan that the line stands under. A DSQL storage node names
    what it reads without saying whether that is a table or an index; this tells.
    """
    parts, head = _parts(line)
    cost = actual = None
    if parts["startup"]:
        cost = Cost(
            startup=float(parts["startup"]),
            total=float(parts["total"]),
            rows=int(parts["cost_rows"]),
            width=int(parts["width"]),
            loops=int(parts["cost_loops"]) if parts["cost_loops"] else None,
        )
    if parts["rows"]:
        actual = Actual(
            rows=float(parts["rows"]),
            loops=int(parts["loops"]),
            startup_ms=float(parts["startup_ms"]) if parts["startup_ms"] else None,
            total_ms=float(parts["total_ms"]) if parts["total_ms"] else None,
        )
    never_executed = parts["never"] is not None
    if head is None:
        return PlanNode(parts["head"], cost=cost, actual=actual, never_executed=never_executed)

    node_type, index, relation = head["node_type"], _bare(head["index"]), _bare(head["relation"])
    if node_type == _READS_INDEX_ALONE or (
        node_type in _READS_TABLE_OR_INDEX and relation == index_above
    ):
        index, relation = relation, None
    return PlanNode(
        node_type,
        variant=head["variant"],
        parallel=head["parallel"] is not None,
        backward=head["backward"] is not None,
        index=index,
        schema=_bare(head["schema"]),
        relation=relation,
        alias=_bare(head["alias"]),
        cost=cost,
        actual=actual,
        never_executed=never_executed,
    )


def _parts(line: str) -> tuple[re.Match[str], re.Match[str] | None]:
    parts = _NODE.fullmatch(line)
    assert parts, "every line that is not blank has a head"
    return parts, _HEAD.fullmatch(parts["head"])


def _bare(name: str | None) -> str | None:
    """A name without SQL's quotes."""
    if name is None or not name.startswith('"'):
        return name
    return name[1:-1].replace('""', '"')
