"""`conflict`: two transactions that race for one row."""

from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.parameters import BY_POSITION

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.conflict import Race


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
    from dsqlkit.conflict import race
    from dsqlkit.connection import KeptConnection

    account = accounts.parse_id(id)
    output = Output(options)
    endpoint = endpoint_of(options, output)
    with KeptConnection(endpoint) as one, KeptConnection(endpoint) as other:
        if isinstance(account, int):
            accounts.ensure(one, output.notice)
        done = race(one, other, account)
    document = {
        "steps": [
            {
                "step": step.number,
                "transaction": step.transaction,
                "statement": step.statement,
                "answer": step.answer,
                "sqlstate": step.sqlstate,
            }
            for step in done.steps
        ],
        "winner": done.winner,
        "loser_sqlstate": done.loser_sqlstate,
        "loser_step": done.loser_step,
    }
    output.result(document, lambda: _view(done))
    output.next_step("dsqlkit transfer, which runs the loser again; or dsqlkit workshop 5")


def _view(race: "Race") -> "RenderableType":
    """A column for each transaction: what it said, and below that what it was answered."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from dsqlkit.conflict import FIRST, SECOND

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    table.add_column("", justify="right", style="dim", no_wrap=True)
    for name in (FIRST, SECOND):
        table.add_column(f"Transaction {name}", ratio=1)
    for step in race.steps:
        failed = step.sqlstate is not None
        answer = f"{step.sqlstate} {step.answer}" if failed else step.answer
        style = "bold red" if failed else "green"
        cell = Text.assemble(step.statement, "\n", (f"-> {answer}", style))
        cells = {FIRST: Text(), SECOND: Text(), step.transaction: cell}
        table.add_row(str(step.number), *cells.values())
    return Group(table, Text(), Text(_outcome(race)))


def _outcome(race: "Race") -> str:
    from dsqlkit.accounts import plain

    if race.winner is None or race.loser is None:
        told = "No transaction won over the other."
    else:
        told = (
            f"Nobody waited. {race.winner} committed first and won; {race.loser} was told at "
            f"{race.loser_step}, and has to run again from its start.\n"
            f"The account held {plain(race.left)}, as {race.winner} left it."
        )
    if race.taken_back:
        told += f" The {plain(race.taken_back)} was then taken back."
    return told
