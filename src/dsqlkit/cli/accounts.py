"""`init-accounts`, `balance`, `transfer`: the bank of chapters 3 to 6."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions, Yes
from dsqlkit.cli.output import Output, counted
from dsqlkit.cli.parameters import BY_POSITION
from dsqlkit.errors import OutcomeUnknown, UsageError

if TYPE_CHECKING:
    from decimal import Decimal
    from uuid import UUID

    from dsqlkit.accounts import AccountId, Transfer

_FIRST_AMOUNT: Final = 10
"""What the next step is to transfer, where an account holds as much."""


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
    can_pay = made.accounts > 1 and opening >= _FIRST_AMOUNT
    output.next_step(f"dsqlkit transfer 1 2 {_FIRST_AMOUNT}" if can_pay else "dsqlkit balance 1")


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
    ] = 100,
    deadline: Annotated[
        float, typer.Option(metavar="SECONDS", help="No attempt starts after this.")
    ] = 30.0,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="UUID", help="One transfer is made with a key.  [default: a new random one]"
        ),
    ] = None,
    no_key: Annotated[
        bool,
        typer.Option("--no-key", help="Write no key: nobody can tell after a lost answer."),
    ] = False,
) -> None:
    """Move money in one transaction, retrying conflicts.

    Integer ids are in table accounts, UUIDs in accounts2. The transfer's key is written to table
    transfers with it: a second run with the same key tells what the first one did, and moves
    nothing.

    \b
    dsqlkit transfer 1 2 10
    dsqlkit transfer --payer 1 --payee 2 --amount 0.25 --json
    """
    from uuid import uuid4

    from dsqlkit import accounts
    from dsqlkit.accounts.ledger import LedgerClosed
    from dsqlkit.connection import KeptConnection
    from dsqlkit.transaction import Retry, RetryPolicy

    payer_id, payee_id = accounts.parse_id(payer), accounts.parse_id(payee)
    accounts.check_pair(payer_id, payee_id)
    money = accounts.parse_amount(amount)
    policy = RetryPolicy(max_attempts=max_attempts, deadline_s=deadline)
    if key is not None and no_key:
        raise UsageError("--key and --no-key exclude each other.")
    chosen = None if no_key else uuid4() if key is None else accounts.parse_key(key)
    output = Output(options)
    detail = output.notice if options.verbose else lambda _: None

    def say(retry: Retry) -> None:
        output.notice(
            f"Attempt {retry.attempt} met a conflict ({retry.conflict}); "
            f"again in {retry.wait_s * 1000:.0f} ms."
        )

    def doubt(times: int) -> None:
        if times == 1:
            output.notice(f"The answer to COMMIT was lost; finding it out by key {chosen}.")

    with KeptConnection(endpoint_of(options, output)) as connections:

        def move(key: "UUID | None") -> accounts.Transfer:
            return accounts.transfer(
                connections,
                payer_id,
                payee_id,
                money,
                policy,
                say,
                key=key,
                on_doubt=doubt,
                notice=detail,
            )

        if chosen is not None:
            detail(f"key       {chosen}")
        try:
            done = move(chosen)
        except LedgerClosed as closed:
            # Who did not ask for a key moves money as before there were any.
            if key is not None:
                raise
            done = move(None)
            output.notice(f"Moved without a key. {closed.message}")
        except OutcomeUnknown as error:
            if chosen is not None:
                again = command_of(options, payer, payee, amount, chosen)
                error.hint = f"This tells, and moves the money only if it has not moved: {again}"
            raise
    document = {
        "payer_balance": accounts.plain(done.payer_balance),
        "transaction_time": f"{done.transaction_ms:.3f}ms",
        "attempts": done.attempts,
        "waited_ms": round(done.waited_ms, 3),
        "table": done.table,
        "key": done.key,
        "replayed": done.replayed,
    }
    output.result(document, lambda: told(done, payer_id, payee_id, money))


def told(done: "Transfer", payer: "AccountId", payee: "AccountId", amount: "Decimal") -> str:
    """A transfer for people."""
    from dsqlkit.accounts import plain

    moved, left = plain(amount), plain(done.payer_balance)
    if done.replayed:
        return (
            f"{moved} had moved from {payer} to {payee} with this key before; "
            f"{payer} then had {left}. Nothing moved now."
        )
    tries = counted(done.attempts, "attempt", "attempts")
    return (
        f"{moved} moved from {payer} to {payee}; {payer} now has {left} "
        f"({tries}, {done.transaction_ms:.1f} ms)."
    )


def command_of(options: DatabaseOptions, payer: str, payee: str, amount: str, key: "UUID") -> str:
    """The command that asks for the same transfer on the same cluster."""
    import shlex

    where = {
        "--endpoint": options.endpoint,
        "--region": options.region,
        "--user": options.user,
        "--profile": options.profile,
    }
    words = ["dsqlkit", "transfer", payer, payee, amount, "--key", str(key)]
    words += [word for name, value in where.items() if value for word in (name, value)]
    return shlex.join(words)
