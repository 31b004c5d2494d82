"""`bench`: transfers under load (chapters 5 and 6)."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output, counted, print_error, table_of
from dsqlkit.errors import DsqlkitError, ExitCode, OutcomeUnknown, UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from dsqlkit.bench import Benched, Second

_FEWEST: Final = 2
_SHOWN_KEYS: Final = 10


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
    from dsqlkit.connection import KeptConnection
    from dsqlkit.whole_file import whole_file

    given = None if accounts is None else read_ids(accounts, hot)
    output = Output(options)
    with nullcontext() if html is None else whole_file(html) as page:
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
        if page is not None:
            from dsqlkit.cli.bench_page import bench_page

            page.write(bench_page(done, plan, len(participants.ids)))
    if html is not None:
        output.notice(f"The page is in {html}.")
    output.result(document_of(done), lambda: text_of(done))
    if fault := fault_of(done):
        print_error(fault, as_json=False)
        return fault.exit_code
    return ExitCode.DONE if done.complete else interruption.exit_code()


def line_of(second: "Second", duration: float) -> str:
    """What the last second brought, in a line."""
    latency = (
        "no transfer"
        if second.p50_ms is None
        else f"p50 {second.p50_ms:.1f} ms  p99 {second.p99_ms:.1f} ms"
    )
    return (
        f"{second.at_s:.0f} of {duration:.0f} s  {second.per_second:,.0f}/s  {latency}  "
        f"{counted(second.conflicts, 'conflict', 'conflicts')}  "
        f"{counted(second.errors, 'error', 'errors')}"
    )


def document_of(done: "Benched") -> dict[str, Any]:
    """A bench as JSON has it."""
    from dataclasses import asdict

    names = ("p50", "p95", "p99", "p999", "max")
    latency = asdict(done.latency_ms) if done.latency_ms else dict.fromkeys(names)
    there = done.ledger
    return {
        "transfers": done.transfers,
        "per_second": round(done.per_second, 1),
        "attempts": {str(number): times for number, times in done.attempts.items()},
        "latency_ms": {
            name: None if value is None else round(value, 3) for name, value in latency.items()
        },
        "conflicts": done.conflicts,
        "errors": done.errors,
        "balance_before": done.balance_before,
        "balance_after": done.balance_after,
        "ledger": {
            "successes": there.successes,
            "found": there.found,
            "unknown_resolved": there.unknown_resolved,
        },
    }


def text_of(done: "Benched") -> str:
    """A bench for people."""
    from dsqlkit.accounts import plain

    attempts = [
        f"{counted(number, 'attempt', 'attempts')}: {times:,}"
        for number, times in done.attempts.items()
    ]
    errors = [f"{times:,} {word}" for word, times in done.errors.items()]
    there = done.ledger
    found_out = (
        f"; {there.unknown_resolved:,} found out after a lost answer"
        if there.unknown_resolved
        else ""
    )
    same = "as before" if done.money_holds else f"before {plain(done.balance_before)}"
    rows = {
        "Transfers": f"{done.transfers:,} in {done.elapsed_s:.1f} s, {done.per_second:,.0f}/s",
        "Latency": latency_of(done),
        "Attempts": ", ".join(attempts) or "none",
        "Conflicts": f"{done.conflicts:,}",
        "Errors": ", ".join(errors) or "none",
        "Balance": f"{plain(done.balance_after)} in all, {same}",
        "Ledger": f"{there.found:,} of {there.successes:,} transfers{found_out}",
    }
    return ("" if done.complete else "Interrupted.\n") + table_of(rows)


def latency_of(done: "Benched") -> str:
    """Latencies in a line."""
    if (latency := done.latency_ms) is None:
        return "none"
    return (
        f"p50 {latency.p50:.1f} ms, p95 {latency.p95:.1f} ms, p99 {latency.p99:.1f} ms, "
        f"p99.9 {latency.p999:.1f} ms, at most {latency.max:.1f} ms"
    )


def fault_of(done: "Benched") -> DsqlkitError | None:
    """What does not add up, with its keys; None where all does."""
    from dsqlkit.accounts import plain

    faults = []
    if not done.money_holds:
        faults.append(
            f"The accounts hold {plain(done.balance_after)} together, and held "
            f"{plain(done.balance_before)}."
        )
        if more := done.accounts_after - done.accounts_before:
            faults.append(f"There are {more:+,} accounts: others add or remove some.")
    there = done.ledger
    for keys, what in (
        (there.missing, "reported as made and not in the ledger"),
        (there.unexpected, "in the ledger and not reported as made"),
        (there.different, "in the ledger as another transfer"),
    ):
        if keys:
            faults.append(f"{counted(len(keys), 'key is', 'keys are')} {what}: {_listed(keys)}.")
    if faults:
        return DsqlkitError("\n".join(faults))
    if unknown := done.errors.get(OutcomeUnknown.code):
        return OutcomeUnknown(
            f"What became of {counted(unknown, 'transfer', 'transfers')} could not be found out."
        )
    return None


def _listed(keys: "Sequence[UUID]") -> str:
    shown = ", ".join(map(str, keys[:_SHOWN_KEYS]))
    more = len(keys) - _SHOWN_KEYS
    return f"{shown} and {more:,} more" if more > 0 else shown
