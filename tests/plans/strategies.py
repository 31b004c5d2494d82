"""Plans that Hypothesis makes up: trees of PostgreSQL's nodes and of DSQL's scans."""

from dataclasses import replace

from hypothesis import strategies as st

from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import Actual, Cost, PlanNode, Property

_VISIBLE = st.characters(categories=("L", "N", "P", "S"))
_LABELS = """Filter, Filters, Index Cond, Recheck Cond, Projections, Output, Buffers, I/O Timings,
Rows Removed by Filter, Rows Filtered, One-Time Filter, Full-sort Groups""".replace("\n", " ")

_names = st.one_of(
    st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True),
    st.text(_VISIBLE | st.just(" "), min_size=1, max_size=12),
).filter(lambda name: name not in {"on", "using"})  # PostgreSQL prints reserved words in quotes


def _literal(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n")]
    return "'" + "\n".join(lines).replace("'", "''") + "'"


_values = st.one_of(
    st.sampled_from(
        [
            "(a = 1)",
            "created_at DESC, o.id",
            "((j -> 'a'::text) ->> 'b'::text)",
            '"*VALUES*".column1, "a: b".c',
            "quicksort  Memory: 25kB",
            "(alternatives: SubPlan 1 or hashed SubPlan 2)",
            "shared hit=3 read=1, temp read=2",
        ]
    ),
    st.text(_VISIBLE | st.sampled_from(" \n"), max_size=30)
    .map(_literal)
    .map("((a)::text = {}::text)".format),
)
_plain_lines = st.builds(Property, st.sampled_from(_LABELS.split(", ")), _values)
_details = st.lists(_plain_lines, max_size=2).map(tuple)
_lines = st.one_of(
    _plain_lines,
    st.just(Property("", "Update on parts_1 p_1")),
    st.builds(Property, st.just("Worker 0"), st.just("actual time=0.1..0.2 rows=1"), _details),
    st.builds(Property, st.just("Sort Key"), _values, _details),
    st.builds(Property, st.just("JIT"), st.just(""), _details),
)
_footers = st.sampled_from(
    [
        Property("Planning Time", "0.121 ms"),
        Property("Execution Time", "0.679 ms"),
        Property("Query Identifier", "qymgw1m77maoe"),
        Property("Trigger on: change for constraint a:b on t", "time=0.062 calls=1"),
        Property("Settings", "work_mem = '1MB', search_path = 'a: b'"),
        Property("Planning", "", (Property("Buffers", "shared hit=3"),)),
        Property(
            "Statement DPU Estimate",
            "",
            (
                Property("Read", "0.00307 DPU (Transaction minimum: 0.00375)"),
                Property("Total", "0.03732 DPU"),
            ),
        ),
    ]
)

_hundredths = st.integers(0, 10**12).map(lambda n: n / 100)
_thousandths = st.integers(0, 10**9).map(lambda n: n / 1000)
_costs = st.builds(
    Cost,
    startup=_hundredths,
    total=_hundredths,
    rows=st.integers(0, 10**15),
    width=st.integers(0, 10**5),
    loops=st.none() | st.integers(1, 9),
)
_untimed = st.builds(Actual, rows=_hundredths, loops=st.integers(1, 10**6))
_timed = st.builds(
    lambda actual, first, last: replace(actual, startup_ms=first, total_ms=last),
    _untimed,
    _thousandths,
    _thousandths,
)
_run = st.one_of(
    st.tuples(st.none(), st.booleans()),
    st.tuples(_untimed | _timed, st.just(False)),
)


@st.composite
def _kinds(draw: st.DrawFn) -> PlanNode:
    """The head of a node: what kind it is and what it reads."""
    kind = draw(st.sampled_from(["Join", "Bitmap", "Table", "Index"]))
    if kind == "Join":
        joins = st.sampled_from(["Nested Loop", "Hash Left Join", "Append", "Partial Aggregate"])
        return PlanNode(draw(joins), variant=draw(st.sampled_from([None, "Batched Join"])))
    if kind == "Bitmap":
        return PlanNode("Bitmap Index Scan", index=draw(_names))
    node = PlanNode(
        draw(st.sampled_from(["Seq Scan", "CTE Scan", "Function Scan", "Insert"])),
        parallel=draw(st.booleans()),
        relation=draw(_names),
        schema=draw(st.none() | _names),
        alias=draw(st.none() | _names),
    )
    if kind == "Table":
        return node
    return replace(
        node, node_type="Index Only Scan", index=draw(_names), backward=draw(st.booleans())
    )


@st.composite
def _filled(draw: st.DrawFn, node: PlanNode, children: tuple[PlanNode, ...] = ()) -> PlanNode:
    actual, never_executed = draw(_run)
    return replace(
        node,
        cost=draw(st.none() | _costs),
        actual=actual,
        never_executed=never_executed,
        properties=draw(st.lists(_lines, max_size=3).map(tuple)),
        children=children,
    )


@st.composite
def _leaves(draw: st.DrawFn) -> PlanNode:
    return draw(_filled(draw(_kinds())))


@st.composite
def _dsql_scans(draw: st.DrawFn) -> PlanNode:
    """A scan with its storage nodes, which name the table or, below an index scan, its index."""
    table, index = draw(st.lists(_names, min_size=2, max_size=2, unique=True))
    if draw(st.booleans()):
        scan = PlanNode("Full Scan", variant="btree-table", relation=table)
        source = PlanNode("Storage Scan", relation=table)
    else:
        scan = PlanNode("Index Scan", index=index, relation=table)
        source = PlanNode("Storage Scan", index=index)
    b_tree = draw(_filled(replace(source, node_type="B-Tree Scan")))
    storage = [draw(_filled(source, (b_tree,)))]
    if scan.index and draw(st.booleans()):
        lookup = draw(_filled(PlanNode("B-Tree Lookup", relation=table)))
        storage.append(draw(_filled(PlanNode("Storage Lookup", relation=table), (lookup,))))
    return draw(_filled(scan, tuple(storage)))


@st.composite
def _parents(draw: st.DrawFn, below: st.SearchStrategy[PlanNode]) -> PlanNode:
    labels = st.sampled_from(
        [None, "CTE recent: days", "InitPlan 1 (returns $0,$1)", "InitPlan 2", "SubPlan 3"]
    )
    children = draw(st.lists(st.tuples(below, labels), min_size=1, max_size=3))
    labelled = tuple(replace(child, label=label) for child, label in children)
    return draw(_filled(draw(_kinds()), labelled))


plans = st.builds(
    Plan,
    root=st.recursive(_leaves() | _dsql_scans(), _parents, max_leaves=8),
    footer=st.lists(_footers, max_size=4).map(tuple),
)
