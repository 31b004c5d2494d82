"""`load`: fill `accounts2` with many small transactions (chapter 6)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsqlkit import interruption
from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output, counted
from dsqlkit.errors import DsqlkitError, ExitCode


def load(
    options: DatabaseOptions,
    threads: Annotated[
        int, typer.Option(metavar="N", help="Workers, each with its own connection.")
    ] = 1,
    transactions: Annotated[int, typer.Option(metavar="N", help="How many transactions.")] = 1000,
    rows: Annotated[int, typer.Option(metavar="N", help="Accounts in each, at most 3,000.")] = 1000,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Gets each committed id, one a line.")
    ] = Path("uuids.txt"),
    yes: Yes = False,
) -> int:
    """Fill table `accounts2`, made anew, with random keys.

    Many small transactions do it. Ctrl-C stops the load; what was committed stays, and the file has
    its ids.

    \b
    dsqlkit load --threads 8
    dsqlkit load --threads 8 --transactions 20 --output ids.txt --yes
    """
    from dsqlkit import tables
    from dsqlkit.connection import open_pool
    from dsqlkit.id_file import IdFile
    from dsqlkit.loading import Loader, LoadPlan

    plan = LoadPlan(transactions=transactions, rows=rows, threads=threads)
    printer = Output(options)
    endpoint = endpoint_of(options, printer)
    with open_pool(endpoint, size=threads) as pool:
        if tables.has_rows(pool, "accounts2"):
            printer.confirm(
                f"Table accounts2 on {endpoint.address} has rows; they would be replaced.", yes=yes
            )
        with (
            IdFile(output) as ids,
            printer.progress("Loading", transactions * rows, "rows") as advance,
        ):
            tables.drop(pool, "accounts2")
            ids.supersede()
            tables.create(pool, "accounts2")

            def keep(batch: Sequence[UUID]) -> None:
                ids.add(batch)
                advance(len(batch))

            loader = Loader(pool, plan)
            try:
                with interruption.calls(loader.stop):
                    loaded = loader.run(keep)
            except DsqlkitError:
                there = counted(ids.count, "account", "accounts")
                printer.notice(f"Of {there} that were committed the ids are in {output}.")
                raise
    document = {
        "accounts": loaded.accounts,
        "transactions": loaded.transactions,
        "retries": loaded.retries,
        "elapsed_ms": round(loaded.elapsed_ms, 3),
        "rows_per_second": round(loaded.rows_per_second, 1),
        "output": str(output),
    }
    stopped = "" if loaded.complete else "Interrupted.\n"
    printer.result(
        document,
        lambda: (
            f"{stopped}{counted(loaded.accounts, 'account', 'accounts')} in "
            f"{counted(loaded.transactions, 'transaction', 'transactions')} "
            f"({counted(loaded.retries, 'retry', 'retries')}), {loaded.elapsed_ms / 1000:.1f} s, "
            f"{loaded.rows_per_second:,.0f} rows/s.\nTheir ids are in {output}."
        ),
    )
    if not loaded.complete:
        return ExitCode.INTERRUPTED
    printer.next_step(
        f"dsqlkit transfer --payer $(sed -n 1p {output}) --payee $(sed -n 2p {output}) --amount 10"
    )
    return ExitCode.DONE
