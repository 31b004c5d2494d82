"""Advice on a workload, for people and as JSON."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from dsqlkit.cli.advice_view import Wrapped, indented, lines_of
from dsqlkit.plans.names import sql_name

if TYPE_CHECKING:
    from dsqlkit.advisor.unneeded import Unneeded
    from dsqlkit.advisor.workload_consulting import (
        ProposedIndex,
        QueryAdvice,
        WorkloadAdvice,
    )

_WHY: Final = {
    "unused": "no query of the workload reads it",
    "duplicate": "the same as {of}",
    "prefix": "{of} does its work as well",
}


def document_of(advice: "WorkloadAdvice") -> dict[str, Any]:
    """The result as JSON has it. Rows and DPU of an index are over all runs of the workload."""
    return {
        "queries": [_query(each) for each in advice.queries],
        "indexes": [_index(each) for each in advice.proposals],
        "rejected": [_index(each) for each in advice.rejected],
        "unneeded": [_unneeded(each) for each in advice.unneeded],
        "notes": list(advice.notes),
    }


def view_of(advice: "WorkloadAdvice") -> RenderableType:
    """The result for people."""
    parts: list[RenderableType] = [_queries(advice), ""]
    for each in advice.proposals:
        parts += [Wrapped(lines_of(each.ddl), style="bold"), *_details(each, advice), ""]
    if not advice.proposals:
        parts += ["No index is proposed: none is expected to help this workload.", ""]
    for each in advice.rejected:
        parts += [
            Wrapped(
                f"Left out: {each.ddl}. It would save {_dpu(each.index.dpu_saved)} DPU and cost "
                f"{_dpu(each.dpu_written)} DPU at the workload's writes."
            ),
            "",
        ]
    if advice.unneeded:
        parts.append("There for nothing, as far as this workload goes:")
        for index in advice.unneeded:
            parts += [indented(f"{_drop(index)};  -- {_why(index)}")]
        parts.append("")
    for note in advice.notes:
        parts += [Wrapped(f"Note: {note}"), ""]
    for query in advice.queries:
        for note in query.notes:
            parts += [Wrapped(f"Note on {query.asked.label}: {note}"), ""]
    parts.append("Nothing was built. DPU are for reading and writing rows, by DSQL's rates.")
    return Group(*parts)


def _queries(advice: "WorkloadAdvice") -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Query", overflow="fold")
    for heading in ("weight", "rows read", "expected"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in advice.queries:
        table.add_row(
            each.asked.name,
            f"{each.asked.weight:,g}",
            f"{each.rows_scanned:,}",
            f"{each.rows_expected:,}",
        )
    return table


def _details(proposal: "ProposedIndex", advice: "WorkloadAdvice") -> list[RenderableType]:
    index = proposal.index
    places = sorted({need.query for need in index.needs})
    names = ", ".join(advice.queries[place].asked.label for place in places)
    costs = (
        f"Costs: {index.entry_dpu:.5f} DPU for each INSERT and DELETE"
        f"{' of such a row' if index.condition else ''}, {2 * index.entry_dpu:.5f} for each UPDATE "
        f"of {', '.join(sorted(index.columns))}"
    )
    if proposal.dpu_written:
        costs += f"; {_dpu(proposal.dpu_written)} DPU at the workload's own writes"
    return [
        indented(f"Serves {names}."),
        indented(
            f"Saves: {index.rows_saved:,.0f} rows read, {_dpu(index.dpu_saved)} DPU, over all runs."
        ),
        indented(f"{costs}."),
    ]


def _query(each: "QueryAdvice") -> dict[str, Any]:
    return {
        "name": each.asked.name,
        "weight": each.asked.weight,
        "statements": each.asked.statements,
        "rows_scanned": each.rows_scanned,
        "rows_expected": each.rows_expected,
        "indexes_now": list(each.indexes_now),
        "indexes_then": list(each.indexes_then),
        "notes": list(each.notes),
    }


def _index(each: "ProposedIndex") -> dict[str, Any]:
    index = each.index
    return {
        "ddl": each.ddl,
        "name": each.name,
        "table": index.facts.table.name,
        "serves": sorted({need.query for need in index.needs}),
        "rows_saved": round(index.rows_saved),
        "dpu_saved": _number(index.dpu_saved),
        "dpu_per_insert": _number(index.entry_dpu),
        "dpu_per_update": _number(2 * index.entry_dpu),
        "updated_by": sorted(index.columns),
        "dpu_written": _number(each.dpu_written),
    }


def _unneeded(each: "Unneeded") -> dict[str, Any]:
    return {
        "index": each.index.name,
        "table": each.table.name,
        "why": each.why,
        "of": each.of,
        "ddl": _drop(each),
    }


def _drop(each: "Unneeded") -> str:
    schema = "" if each.table.schema == "public" else f"{sql_name(each.table.schema)}."
    return f"DROP INDEX {schema}{sql_name(each.index.name)}"


def _why(each: "Unneeded") -> str:
    return _WHY[each.why].format(of=each.of)


def _dpu(amount: Decimal) -> str:
    return f"{amount:,.5f}"


def _number(amount: Decimal) -> float:
    return float(round(amount, 6))
