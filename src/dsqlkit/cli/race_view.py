"""Two transactions that raced, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dsqlkit.accounts import plain
from dsqlkit.cli.wrapped import Indented, Paragraph
from dsqlkit.race import FIRST, SECOND, Race, Step


def race_view(race: Race) -> RenderableType:
    """A column for each transaction: what it said, and below that what it was answered."""
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
    return Group(Indented(table), Text(), Paragraph(_outcome(race)))


def steps_document(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as JSON has them."""
    return [
        {
            "step": step.number,
            "transaction": step.transaction,
            "statement": step.statement,
            "answer": step.answer,
            "sqlstate": step.sqlstate,
        }
        for step in steps
    ]


def _outcome(race: Race) -> str:
    if race.winner is None or race.loser is None:
        told = "No transaction won over the other."
    else:
        told = (
            f"Nobody waited. {race.winner} committed first and won; {race.loser} was told at "
            f"{race.loser_step}, and has to run again from its start. "
            f"The account held {plain(race.left)}, as {race.winner} left it."
        )
    if race.taken_back:
        told += f" The {plain(race.taken_back)} was then taken back."
    return told
