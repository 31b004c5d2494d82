"""`optimize`: chapter 7, from a plan that reads the table to one that reads an index."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output

if TYPE_CHECKING:
    from rich.console import Group

    from dsqlkit.accounts7 import SetUp
    from dsqlkit.measurement import Measurement
    from dsqlkit.optimization import Optimization


def optimize(
    options: DatabaseOptions,
    setup: Annotated[
        bool, typer.Option("--setup", help="Only make table accounts7 and its first index.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Measure the chapter's query without and with its indexes.

    \b
    dsqlkit optimize
    dsqlkit optimize --setup --yes
    """
    from dsqlkit import accounts7, tables
    from dsqlkit.connection import KeptConnection
    from dsqlkit.optimization import optimize as run_chapter

    output = Output(options)
    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as connections:
        there = tables.exists(connections, accounts7.TABLE)
        if setup and there:
            output.confirm(f"Table accounts7 on {endpoint.address} would be replaced.", yes=yes)
        with output.status("Chapter 7 ...") as say:
            if setup or not there:
                say("Making accounts7, its 5,000 rows and its first index")
                made = accounts7.set_up(connections)
            if setup:
                _show_set_up(output, made)
            else:
                done = run_chapter(connections, say)
                output.result(document_of(done), lambda: table_of(done))
    output.next_step("dsqlkit explain query")


def _show_set_up(output: Output, made: "SetUp") -> None:
    output.result(
        {**asdict(made), "elapsed_ms": round(made.elapsed_ms, 3)},
        lambda: (
            f"Table {made.table} has {made.rows:,} rows and the index {made.index} "
            f"({made.elapsed_ms:.0f} ms)."
        ),
    )


def document_of(done: "Optimization") -> dict[str, Any]:
    """The chapter's result as JSON has it."""
    return {
        "before": _measurement(done.before),
        "after": _measurement(done.after),
        "indexes": list(done.indexes),
        "speedup": None if done.speedup is None else round(done.speedup, 2),
        "scan_reduction": None if done.scan_reduction is None else round(done.scan_reduction, 2),
    }


def table_of(done: "Optimization") -> "Group":
    """The chapter's result for people."""
    from rich import box
    from rich.console import Group
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    before, after = done.before, done.after
    table.add_row("Rows read", f"{before.rows_scanned:,}", f"{after.rows_scanned:,}")
    table.add_row("Rows returned", f"{before.rows:,}", f"{after.rows:,}")
    table.add_row("Execution", f"{before.execution_ms:.3f} ms", f"{after.execution_ms:.3f} ms")
    table.add_row("Spread", f"{before.spread_ms:.3f} ms", f"{after.spread_ms:.3f} ms")
    table.add_row("Index", before.index or "none", after.index or "none")
    return Group(table, _comparison(done))


def _comparison(done: "Optimization") -> str:
    rows, time = done.scan_reduction, done.speedup
    fewer = "" if rows is None else f"{rows:.1f} times fewer rows read. "
    if time is None:
        change = "no difference beyond the spread"
    elif time >= 1:
        change = f"{time:.1f} times faster"
    else:
        change = f"{1 / time:.1f} times slower"
    return f"{fewer}Execution: {change} (medians of {done.before.runs} warm runs each)."


def _measurement(measured: "Measurement") -> dict[str, Any]:
    return {
        "execution_ms": round(measured.execution_ms, 3),
        "spread_ms": round(measured.spread_ms, 3),
        "rows": measured.rows,
        "rows_scanned": measured.rows_scanned,
        "index": measured.index,
    }
