"""`conflict`: two transactions that race for one row."""

from typing import Annotated

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.parameters import BY_POSITION


def conflict(
    options: DatabaseOptions,
    id: Annotated[
        str,
        typer.Option("--id", metavar="ID", help="The account: an integer or a UUID."),
        BY_POSITION,
    ] = "1",
) -> None:
    """Show two transactions racing for one row, step by step.

    The account is left with what it held before.

    \b
    dsqlkit conflict
    dsqlkit conflict 7 --json
    """
    from dsqlkit import accounts
    from dsqlkit.cli.race_view import race_view, steps_document
    from dsqlkit.connection import KeptConnection
    from dsqlkit.race import race

    account = accounts.parse_id(id)
    output = Output(options)
    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as one, KeptConnection(endpoint) as other:
        if isinstance(account, int):
            accounts.ensure(one, output.notice)
        done = race(one, other, account)
    output.result(
        {
            "steps": steps_document(done.steps),
            "winner": done.winner,
            "loser_sqlstate": done.loser_sqlstate,
            "loser_step": done.loser_step,
        },
        lambda: race_view(done),
    )
    output.next_step("dsqlkit transfer, which runs the loser again; or dsqlkit workshop 5")
