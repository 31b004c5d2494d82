"""`bench`: transfers under load (chapters 5 and 6)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.error_text import print_error
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.page_file import page_file
from dsqlkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from dsqlkit.bench import Benched, BenchPlan

_FEWEST: Final = 2


def bench(
    options: DatabaseOptions,
    threads: Annotated[
        int, typer.Option(metavar="N", help="Clients, each with its own connection.")
    ] = 8,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long they transfer.")
    ] = 30.0,
    accounts: Annotated[
        Path | None,
        typer.Option(
            "--accounts", metavar="FILE", help="Ids, one a line.  [default: all of table accounts]"
        ),
    ] = None,
    hot: Annotated[
        int | None, typer.Option(metavar="N", help="Only among the first N accounts.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", help="Transfers due per second.  [default: as fast as they go]"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the figures as a page.")
    ] = None,
) -> int:
    """Transfer under load, and prove that all is right.

    Clients move 0.01 to 10.00 between random accounts, each transfer under a key of its own. At the
    end no money was made or lost, and each success is in the ledger once; otherwise the exit code
    is 1. With --rate, latency counts from when a transfer was due, so that no stall is hidden.

    \b
    dsqlkit bench
    dsqlkit bench --threads 8 --duration 10 --hot 10
    dsqlkit bench --accounts uuids.txt --rate 200 --html bench.html
    """
    from dsqlkit.bench.plan import BenchPlan

    # What loads no driver first: a wrong option is told at once.
    plan = BenchPlan(threads=threads, duration_s=duration, rate=rate)
    if hot is not None and hot < _FEWEST:
        raise UsageError(f"--hot must be {_FEWEST} or more: a transfer needs two accounts.")

    from dsqlkit.bench import Bench, from_accounts, from_file, read_ids
    from dsqlkit.cli.bench_view import document_of, fault_of, line_of, text_of
    from dsqlkit.connection import KeptConnection

    given = None if accounts is None else read_ids(accounts, hot)
    output = Output(options)
    with page_file(html, output) as page:
        endpoint = endpoint_of(options, output)
        with KeptConnection(endpoint) as connections:
            participants = (
                from_accounts(connections, hot, output.notice)
                if given is None
                else from_file(connections, given)
            )
        running = Bench(endpoint, participants, plan)
        with output.status("Warming up") as show, interruption.calls(running.stop):
            done = running.run(lambda second: show(line_of(second, duration)), show)
        page.write(lambda: _page(done, plan, len(participants.ids)))
    output.result(document_of(done), lambda: text_of(done))
    fault = fault_of(done)
    if fault is not None:
        print_error(fault, as_json=False)
    page.check()
    if fault is not None:
        return fault.exit_code
    return ExitCode.DONE if done.complete else interruption.exit_code()


def _page(done: "Benched", plan: "BenchPlan", accounts: int) -> str:
    from dsqlkit.cli.bench_page import bench_page

    return bench_page(done, plan, accounts)
