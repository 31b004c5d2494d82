"""`optimize`: from a plan that reads the table to one that reads an index (chapter 7)."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit import interruption
from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output
from dsqlkit.cli.query_argument import File, Param, Query, make_table, pointing_into, query_of
from dsqlkit.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Group

    from dsqlkit.accounts7 import SetUp
    from dsqlkit.advisor.advise import Proposal
    from dsqlkit.connection import Connections
    from dsqlkit.measurement import Measurement
    from dsqlkit.optimization import Optimization
    from dsqlkit.queries import NamedQuery


def optimize(
    options: DatabaseOptions,
    query: Query = None,
    file: File = None,
    param: Param = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Build the indexes, measure, and keep the best.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --apply: keep all indexes that were built.")
    ] = False,
    setup: Annotated[
        bool, typer.Option("--setup", help="Only make table accounts7 and its first index.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Propose indexes for a query, or run chapter 7.

    Without QUERY it is the chapter: its query measured without and with its two indexes. With
    QUERY nothing is built unless --apply is given.

    \b
    dsqlkit optimize
    dsqlkit optimize --setup --yes
    dsqlkit optimize query
    dsqlkit optimize 'SELECT total FROM orders WHERE customer_id = 7' --apply
    """
    output = Output(options)
    if query is None and file is None:
        if apply or keep or param:
            raise UsageError(
                "--apply, --keep and --param need a QUERY.",
                hint="For the chapter's own query: dsqlkit optimize query --apply.",
            )
        _chapter(options, output, setup=setup, yes=yes)
        return
    if setup:
        raise UsageError("--setup takes no QUERY.", hint="Give one of them.")
    if keep and not apply:
        raise UsageError("--keep needs --apply.", hint="Without --apply nothing is built.")
    named = query_of(query, file, param)
    from dsqlkit.connection import KeptConnection

    with KeptConnection(endpoint_of(options, output)) as connections:
        make_table(connections, output, named)
        with pointing_into(named):
            _advise(connections, output, named, apply=apply, keep=keep)


def _advise(
    connections: "Connections", output: Output, named: "NamedQuery", *, apply: bool, keep: bool
) -> None:
    from dsqlkit import accounts7, index_advice, index_trial, indexes, trial_record
    from dsqlkit.cli import advice_view

    for schema, name in trial_record.left_behind(connections):
        output.notice(
            f"An earlier `optimize --apply` that was cut off left index {name}. Unless you want "
            f"it:\n{indexes.drop_statement(name, schema)};"
        )
    # Once indexes were built and kept, the result that names them must come.
    with interruption.held():
        with output.status("Reading the plan ...") as say:
            with interruption.interruptible():
                consultation = index_advice.consult(connections, named.sql, named.parameters, say)
            outcome = None
            if apply:
                rivals: tuple[Proposal, ...] = ()
                if named.name == accounts7.QUERY:
                    rivals = index_advice.chapter_indexes(connections)
                outcome = index_trial.try_out(
                    connections, consultation, rivals=rivals, keep_all=keep, say=say
                )
        output.result(
            advice_view.document_of(consultation, outcome),
            lambda: advice_view.view_of(consultation, outcome),
        )


def _chapter(options: DatabaseOptions, output: Output, *, setup: bool, yes: bool) -> None:
    from dsqlkit import accounts7, tables
    from dsqlkit.connection import KeptConnection
    from dsqlkit.optimization import optimize as run_chapter

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
        "before": measurement_document(done.before),
        "after": measurement_document(done.after),
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


def measurement_document(measured: "Measurement") -> dict[str, Any]:
    """One side of a comparison as JSON has it; `dpu` only where the plans print it."""
    document: dict[str, Any] = {
        "execution_ms": round(measured.execution_ms, 3),
        "spread_ms": round(measured.spread_ms, 3),
        "rows": measured.rows,
        "rows_scanned": measured.rows_scanned,
        "index": measured.index,
    }
    if measured.dpu is not None:
        document["dpu"] = float(measured.dpu)
    return document
