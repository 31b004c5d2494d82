"""`optimize`: from a plan that reads the table to one that reads an index (chapter 7)."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit import interruption
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output
from dsqlkit.cli.query_argument import (
    File,
    Param,
    Query,
    make_table,
    pointing_into,
    query_of,
    workload_of,
)
from dsqlkit.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from dsqlkit.advisor.proposal import Proposal
    from dsqlkit.advisor.workload import WorkloadQuery
    from dsqlkit.connection import Connections
    from dsqlkit.queries import NamedQuery
    from dsqlkit.workshop.accounts7 import SetUp


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
    QUERY nothing is built unless --apply is given. A file of several statements is a workload:
    the fewest indexes that serve it, weighed by comments (-- weight: 120) or by how often a
    statement is there.

    \b
    dsqlkit optimize
    dsqlkit optimize --setup --yes
    dsqlkit optimize query
    dsqlkit optimize 'SELECT total FROM orders WHERE customer_id = 7' --apply
    dsqlkit optimize --file workload.sql
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
    from dsqlkit.connection import KeptConnection

    workload = workload_of(query, file, param)
    if workload:
        if apply:
            raise UsageError(
                "--apply takes one query.",
                hint="Without it a workload is measured, and the indexes that it needs are named.",
            )
        with KeptConnection(endpoint_of(options, output)) as connections:
            _advise_workload(connections, output, workload)
        return
    named = query_of(query, file, param)
    with KeptConnection(endpoint_of(options, output)) as connections:
        make_table(connections, output, named)
        with pointing_into(named):
            _advise(connections, output, named, apply=apply, keep=keep)


def _advise(
    connections: "Connections", output: Output, named: "NamedQuery", *, apply: bool, keep: bool
) -> None:
    from dsqlkit import indexes, trial_record
    from dsqlkit.advisor import consulting, trial
    from dsqlkit.cli import advice_view
    from dsqlkit.workshop import accounts7
    from dsqlkit.workshop.optimization import chapter_indexes

    for schema, name in trial_record.left_behind(connections):
        output.notice(
            f"An earlier `optimize --apply` that was cut off left index {name}. Unless you want "
            f"it:\n{indexes.drop_statement(name, schema)};"
        )
    # Once indexes were built and kept, the result that names them must come.
    with interruption.held():
        with output.status("Reading the plan ...") as say:
            with interruption.interruptible():
                consultation = consulting.consult(connections, named.sql, named.parameters, say)
            outcome = None
            if apply:
                rivals: tuple[Proposal, ...] = ()
                if named.name == accounts7.QUERY:
                    rivals = chapter_indexes(connections)
                outcome = trial.try_out(
                    connections, consultation, rivals=rivals, keep_all=keep, say=say
                )
        output.result(
            advice_view.document_of(consultation, outcome),
            lambda: advice_view.view_of(consultation, outcome),
        )


def _advise_workload(
    connections: "Connections", output: Output, workload: "tuple[WorkloadQuery, ...]"
) -> None:
    from dsqlkit.advisor.workload_consulting import consult_workload
    from dsqlkit.cli import workload_view

    with output.status("Measuring the workload ...") as say:
        advice = consult_workload(connections, workload, say, pointing_into)
    output.result(workload_view.document_of(advice), lambda: workload_view.view_of(advice))


def _chapter(options: DatabaseOptions, output: Output, *, setup: bool, yes: bool) -> None:
    from dsqlkit import tables
    from dsqlkit.cli import measurement_view
    from dsqlkit.connection import KeptConnection
    from dsqlkit.workshop import accounts7
    from dsqlkit.workshop.optimization import optimize as run_chapter

    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as connections:
        there = tables.exists(connections, accounts7.TABLE)
        if setup and there:
            output.confirm(f"Table accounts7 on {endpoint.address} would be replaced.", yes=yes)
        with output.status("Chapter 7 ...") as say:
            if setup or not there:
                say("Making accounts7, its 5,000 rows and its first index")
                try:
                    made = accounts7.set_up(connections)
                except KeyboardInterrupt as error:
                    raise Interrupted(
                        "Interrupted. Table accounts7 may not be whole.",
                        hint="`dsqlkit optimize --setup --yes` makes it anew.",
                    ) from error
            if setup:
                _show_set_up(output, made)
            else:
                with interruption.held():
                    done = run_chapter(connections, say)
                    output.result(
                        measurement_view.document_of(done), lambda: measurement_view.table_of(done)
                    )
    output.next_step("dsqlkit explain query")


def _show_set_up(output: Output, made: "SetUp") -> None:
    output.result(
        {**asdict(made), "elapsed_ms": round(made.elapsed_ms, 3)},
        lambda: (
            f"Table {made.table} has {made.rows:,} rows and the index {made.index} "
            f"({made.elapsed_ms:.0f} ms)."
        ),
    )
