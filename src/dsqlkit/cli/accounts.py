"""`init-accounts`, `balance`, `transfer`: the bank of chapters 3 to 6."""

from typing import Annotated

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output, counted
from dsqlkit.cli.parameters import BY_POSITION


def init_accounts(
    options: DatabaseOptions,
    count: Annotated[int, typer.Option(metavar="N", help="How many accounts: ids 1 to N.")] = 1000,
    balance: Annotated[str, typer.Option(metavar="AMOUNT", help="What each holds.")] = "100",
    yes: Yes = False,
) -> None:
    """Create table `accounts` and fill it anew.

    \b
    dsqlkit init-accounts
    dsqlkit init-accounts --count 10 --balance 250.50 --yes
    """
    from dsqlkit import tables
    from dsqlkit.accounts import check_count, initialise, parse_amount, plain
    from dsqlkit.connection import KeptConnection

    check_count(count)
    opening = parse_amount(balance, zero=True)
    output = Output(options)
    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as connections:
        if tables.has_rows(connections, "accounts"):
            output.confirm(
                f"Table accounts on {endpoint.address} has rows; they would be replaced.", yes=yes
            )
        made = initialise(connections, count, opening)
    document = {
        "table": made.table,
        "accounts": made.accounts,
        "total_balance": made.total_balance,
        "elapsed_ms": round(made.elapsed_ms, 3),
    }
    output.result(
        document,
        lambda: (
            f"{counted(made.accounts, 'account', 'accounts')} in table {made.table}, holding "
            f"{plain(made.total_balance)} together ({made.elapsed_ms:.0f} ms)."
        ),
    )
    output.next_step("dsqlkit transfer --payer 1 --payee 2 --amount 10")


def balance(
    options: DatabaseOptions,
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="An integer or a UUID."), BY_POSITION
    ],
) -> None:
    """Print one account's balance.

    \b
    dsqlkit balance 1
    dsqlkit balance --id 1 --json
    """
    from dsqlkit import accounts
    from dsqlkit.connection import KeptConnection

    account = accounts.parse_id(id)
    output = Output(options)
    with KeptConnection(endpoint_of(options, output)) as connections:
        found = accounts.balance(connections, account)
    output.result(
        {"id": found.id, "balance": found.balance},
        lambda: f"Account {found.id} holds {accounts.plain(found.balance)}.",
    )


def transfer(
    options: DatabaseOptions,
    payer: Annotated[
        str, typer.Option(metavar="ID", help="Who pays: an integer or a UUID."), BY_POSITION
    ],
    payee: Annotated[
        str, typer.Option(metavar="ID", help="Who is paid: an id of the same kind."), BY_POSITION
    ],
    amount: Annotated[
        str,
        typer.Option(metavar="AMOUNT", help="How much: over 0, at most 6 decimal places."),
        BY_POSITION,
    ],
    max_attempts: Annotated[
        int, typer.Option(metavar="N", help="Attempts in all, if others conflict.")
    ] = 20,
    deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="No attempt starts after this.")
    ] = 30.0,
) -> None:
    """Move money in one transaction, retrying conflicts.

    Integer ids are in table accounts, UUIDs in accounts2.

    \b
    dsqlkit transfer 1 2 10
    dsqlkit transfer --payer 1 --payee 2 --amount 0.25 --json
    """
    from dsqlkit import accounts
    from dsqlkit.connection import KeptConnection
    from dsqlkit.transaction import Retry, RetryPolicy

    payer_id, payee_id = accounts.parse_id(payer), accounts.parse_id(payee)
    accounts.check_pair(payer_id, payee_id)
    money = accounts.parse_amount(amount)
    policy = RetryPolicy(max_attempts=max_attempts, deadline_s=deadline)
    output = Output(options)

    def say(retry: Retry) -> None:
        output.notice(
            f"Attempt {retry.attempt} met a conflict ({retry.conflict}); "
            f"again in {retry.wait_s * 1000:.0f} ms."
        )

    with KeptConnection(endpoint_of(options, output)) as connections:
        done = accounts.transfer(connections, payer_id, payee_id, money, policy, say)
    document = {
        "payer_balance": accounts.plain(done.payer_balance),
        "transaction_time": f"{done.transaction_ms:.3f}ms",
        "attempts": done.attempts,
        "waited_ms": round(done.waited_ms, 3),
        "table": done.table,
    }
    tries = counted(done.attempts, "attempt", "attempts")
    output.result(
        document,
        lambda: (
            f"{accounts.plain(money)} moved from {payer_id} to {payee_id}; "
            f"{payer_id} now has {accounts.plain(done.payer_balance)} "
            f"({tries}, {done.transaction_ms:.1f} ms)."
        ),
    )
