"""`cost`: what statements cost in DPU (chapter 7)."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit.cli.amounts import amount_of
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.error_text import print_error
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.query_argument import File, Param, make_table, queries_of
from dsqlkit.errors import DsqlkitError, ExitCode

if TYPE_CHECKING:
    from dsqlkit.costs.bill import Bill


def cost(
    options: DatabaseOptions,
    sql: Annotated[
        str | None,
        typer.Argument(
            metavar="[SQL]",
            show_default=False,
            help="Statements, `-` for stdin, `@FILE`, or the name of a shipped query.",
        ),
    ] = None,
    file: File = None,
    param: Param = None,
    price: Annotated[
        str | None,
        typer.Option("--price", metavar="USD", help="What a million DPU cost where you run."),
    ] = None,
    max_dpu: Annotated[
        str | None,
        typer.Option("--max-dpu", metavar="N", help="Exit with 1 if all costs more than N DPU."),
    ] = None,
) -> int:
    """Say what statements cost in DPU.

    Each is told by itself, and so are transactions with their minimums. All run once, in one
    transaction that is rolled back. BEGIN and COMMIT make transactions, as in a script for psql;
    every other statement is one by itself. A cluster prints its own figures; on the local one they
    are computed from what recorded clusters printed.

    \b
    dsqlkit cost 'SELECT * FROM accounts WHERE id = 1'
    dsqlkit cost @script.sql --price 8 --max-dpu 0.5
    dsqlkit cost - --json < script.sql
    """
    from dsqlkit.costs.script import transactions

    million = amount_of("--price", price)
    most = amount_of("--max-dpu", max_dpu)
    queries = queries_of(sql, file, param)
    script = transactions(queries)
    output = Output(options)

    from dsqlkit.connection import KeptConnection
    from dsqlkit.costs.asking import cost_of

    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as connections:
        for each in queries:
            make_table(connections, output, each)
        with connections.connection() as connection:
            bill = cost_of(
                connection,
                script,
                source="model" if endpoint.is_local else "cluster",
                price=million,
            )

    from dsqlkit.cli.cost_view import bill_view, document_of

    output.result(document_of(bill), lambda: bill_view(bill))
    if most is not None and bill.total > most:
        print_error(_too_much(bill, most), as_json=False)
        return ExitCode.REFUSED
    return ExitCode.DONE


def _too_much(bill: "Bill", most: Decimal) -> DsqlkitError:
    from dsqlkit.costs.bill import printed

    return DsqlkitError(f"It costs {printed(bill.total)} DPU, more than --max-dpu {most}.")
