"""`load`: fill `accounts2` with many small transactions (chapter 6)."""

import os
import shlex
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output, counted
from dsqlkit.cli.text_input import STDIN
from dsqlkit.errors import DsqlkitError, ExitCode, OutcomeUnknown, UsageError

if TYPE_CHECKING:
    from dsqlkit.connection import Connections
    from dsqlkit.loading import Batch, Loaded
    from dsqlkit.loading.table_load import TableLoad
    from dsqlkit.loading.verification import Verified

_STDOUT: Final = STDIN
_TRANSACTIONS: Final = 1000
_ROWS: Final = 1000


def load(
    options: DatabaseOptions,
    threads: Annotated[
        int, typer.Option(metavar="N", help="Workers, each with its own connection.")
    ] = 1,
    transactions: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"How many transactions.  [default: {_TRANSACTIONS}]"),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Accounts in each, at most 3,000.  [default: {_ROWS}]"),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", metavar="FILE", help="Gets each committed id, one a line; `-` is stdout."
        ),
    ] = Path("uuids.txt"),
    resume: Annotated[
        bool, typer.Option("--resume", help="End the load into FILE that was cut off.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare FILE and table; only that with --transactions 0."),
    ] = False,
    yes: Yes = False,
) -> int:
    """Fill table `accounts2`, made anew, with random keys.

    Many small transactions do it. Whatever stops the load, what was committed stays; FILE has its
    ids, and --resume ends the load.

    \b
    dsqlkit load --threads 8
    dsqlkit load --threads 8 --transactions 20 --output ids.txt --yes
    dsqlkit load --resume --output ids.txt --verify
    """
    from dsqlkit.cli import load_view
    from dsqlkit.connection import open_pool
    from dsqlkit.loading import LoadPlan
    from dsqlkit.loading.journal import Journal
    from dsqlkit.loading.table_load import TableLoad

    printer = Output(options)
    to_stdout = str(output) == _STDOUT
    if to_stdout and (resume or verify or printer.as_json):
        raise UsageError(
            "With --output - the ids go to stdout: --resume, --verify and --json need a file.",
            hint="Give --output FILE.",
        )
    if transactions == 0 and verify and not resume:
        with open_pool(endpoint_of(options, printer), size=1) as pool:
            return _only_verify(printer, pool, output)
    with ExitStack() as stack:
        journal = None
        if resume:
            journal = stack.enter_context(closing(Journal.resume(output)))
            journal.head.check_plan(transactions=transactions, rows=rows)
            transactions, rows = journal.head.transactions, journal.head.rows
        plan = LoadPlan(
            transactions=_TRANSACTIONS if transactions is None else transactions,
            rows=_ROWS if rows is None else rows,
            threads=threads,
        )
        endpoint = endpoint_of(options, printer)
        if journal is not None:
            journal.head.check_host(endpoint.host)
        # One more renews the load's claim on the table.
        size = min(threads, plan.transactions) + 1
        pool = stack.enter_context(open_pool(endpoint, size=size, all_at_once=True))
        if journal is None:
            if not yes:
                _ask(printer, pool, endpoint.address, output)
            if not to_stdout:
                journal = stack.enter_context(closing(Journal.create(output, plan, endpoint.host)))
        load = TableLoad(pool, plan, file=None if to_stdout else output, journal=journal)
        # What was committed must be told.
        with interruption.held():
            loaded = _run(printer, load, output, to_stdout=to_stdout)
            verified = None
            if verify and loaded.complete:
                with interruption.interruptible():
                    verified = _verified(printer, pool, output)
            load_view.show(printer, load, loaded, verified, output, resumed=resume)
    if not loaded.complete:
        return ExitCode.INTERRUPTED
    if verified is not None and not verified.agree:
        return ExitCode.REFUSED
    if not to_stdout:
        printer.next_step(f"dsqlkit transfer $(head -n 2 {shlex.quote(str(output))}) 10")
    return ExitCode.DONE


def _ask(printer: Output, connections: "Connections", address: str, output: Path) -> None:
    from dsqlkit import tables
    from dsqlkit.loading.journal import path_of

    if not tables.has_rows(connections, "accounts2"):
        return
    question = f"Table accounts2 on {address} has rows; they would be replaced."
    if os.path.exists(path_of(output)):  # noqa: PTH110 - a name that cannot be is none
        question += f" (--resume ends the load into {output} that was cut off.)"
    printer.confirm(question, yes=False)


def _run(printer: Output, load: "TableLoad", output: Path, *, to_stdout: bool) -> "Loaded":
    """Run the load, and say what is in the table where it fails."""
    from dsqlkit.cli import load_view

    left = load.total - load.accounts
    with printer.progress("Loading", left, "rows") as advance:

        def on_batch(batch: "Batch") -> None:
            if to_stdout:
                printer.stream(batch.lines())
            advance(len(batch))

        try:
            with interruption.calls(load.stop):
                return load.run(on_batch, say=printer.notice)
        except DsqlkitError as error:
            if load.has_begun:
                there = counted(load.accounts, "account", "accounts")
                doubt = load_view.doubt(load)
                if to_stdout:
                    printer.notice(f"{there} were committed.{doubt}")
                else:
                    printer.notice(
                        f"Of {there} that were committed the ids are in {output}.{doubt}"
                    )
                    # What is in doubt, resuming finds out.
                    own = "" if isinstance(error, OutcomeUnknown) else error.hint or ""
                    error.hint = f"{own} {load_view.how_to_resume(output)}".strip()
            raise


def _only_verify(printer: Output, connections: "Connections", output: Path) -> int:
    from dsqlkit.cli import load_view

    verified = _verified(printer, connections, output)
    load_view.show_verified(printer, verified, output)
    return ExitCode.DONE if verified.agree else ExitCode.REFUSED


def _verified(printer: Output, connections: "Connections", output: Path) -> "Verified":
    from dsqlkit.loading.verification import verify

    with printer.status(f"Comparing {output} and table accounts2 ..."):
        return verify(connections, output)
