"""A plan printed as EXPLAIN does: what the reader must undo."""

from collections.abc import Iterable, Iterator

from dsqlkit.plans.model import Plan
from dsqlkit.plans.names import sql_name
from dsqlkit.plans.node import Actual, Cost, PlanNode, Property
from dsqlkit.plans.scans import STORAGE_NODES


def print_plan(plan: Plan, *, storage_indent: int = 5) -> str:
    """The text of a plan. DSQL indents what is below its storage nodes by 4, 5 or 6 columns."""
    lines = [_node(plan.root)]
    lines += _below(plan.root, 2, storage_indent)
    lines += _properties(plan.footer, 0)
    return "\n".join(lines)


def _below(node: PlanNode, column: int, storage_indent: int) -> Iterator[str]:
    yield from _properties(node.properties, column)
    for child in node.children:
        arrow = column
        if child.label is not None:
            yield " " * column + child.label
            arrow += 2
        is_storage = child.node_type in STORAGE_NODES
        yield " " * arrow + ("-> " if is_storage else "->  ") + _node(child)
        yield from _below(child, arrow + (storage_indent if is_storage else 6), storage_indent)


def _properties(lines: Iterable[Property], column: int) -> Iterator[str]:
    for line in lines:
        if line.label:
            gap = "  " if line.label.startswith("Worker") else " "
            yield f"{' ' * column}{line.label}:{gap if line.value else ''}{line.value}"
        else:
            yield " " * column + line.value
        yield from _properties(line.details, column + 2)


def _node(node: PlanNode) -> str:
    head = "Parallel " if node.parallel else ""
    head += node.node_type
    head += f" ({node.variant})" if node.variant else ""
    head += " Backward" if node.backward else ""
    if node.relation is None:
        head += f" on {sql_name(node.index)}" if node.index else ""
    else:
        head += f" using {sql_name(node.index)}" if node.index else ""
        head += f" on {sql_name(node.schema)}." if node.schema else " on "
        head += sql_name(node.relation)
        head += f" {sql_name(node.alias)}" if node.alias else ""
    gap = " " if node.node_type in STORAGE_NODES else "  "
    figures = (gap + _cost(node.cost)) if node.cost else ""
    if node.never_executed:
        figures += " (never executed)"
    elif node.actual:
        figures += " " + _actual(node.actual)
    return head + figures


def _cost(cost: Cost) -> str:
    loops = "" if cost.loops is None else f" loops={cost.loops}"
    figures = f"cost={cost.startup:.2f}..{cost.total:.2f} rows={cost.rows} width={cost.width}"
    return f"({figures}{loops})"


def _actual(actual: Actual) -> str:
    times = ""
    if actual.startup_ms is not None and actual.total_ms is not None:
        times = f"time={actual.startup_ms:.3f}..{actual.total_ms:.3f} "
    rows = f"{actual.rows:.0f}" if actual.rows.is_integer() else f"{actual.rows:.2f}"
    return f"(actual {times}rows={rows} loops={actual.loops})"
