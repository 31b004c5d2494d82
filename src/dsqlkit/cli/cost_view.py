"""A bill for people and as JSON."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.costs.bill import Bill, StatementCost, TransactionCost

_LONGEST: Final = 60
_PARTS: Final = ("compute", "read", "write")


def document_of(bill: "Bill") -> dict[str, Any]:
    """A bill as JSON has it."""
    from dsqlkit.costs.bill import printed

    return {
        "statements": [_statement(each) for each in bill.statements],
        "transactions": [_transaction(each) for each in bill.transactions],
        "total_dpu": printed(bill.total),
        "usd": None if bill.usd is None else plain(bill.usd),
    }


def bill_view(bill: "Bill") -> "RenderableType":
    """A bill for people."""
    from rich.console import Group
    from rich.text import Text

    from dsqlkit.cli.uncut import ResultTable
    from dsqlkit.costs.bill import printed

    table = ResultTable()
    table.column("")
    table.column("statement")
    others = _others(bill)
    for name in (*_PARTS, *others, "total"):
        table.column(name, justify="right", no_wrap=True)
    for number, each in enumerate(bill.statements, 1):
        table.add_row(str(number), Text(short(each.sql)), *_amounts(each, others))
    for transaction in bill.transactions:
        table.add_row("", Text(_name_of(transaction)), *_amounts(transaction, others))
    lines = [f"All costs {printed(bill.total)} DPU{_price_of(bill)}."]
    if any(each.source == "model" for each in bill.statements):
        lines.append(
            "Computed from what recorded clusters printed; compute is an estimate of this machine's"
            " own. See `dsqlkit guide costs`."
        )
    lines.append("The statements ran, and were rolled back.")
    return Group(table, Text(), *map(Text, lines))


def plain(amount: Decimal) -> str:
    """An amount without an exponent, and with nothing after its last digit."""
    return f"{amount.normalize():f}"


def short(sql: str) -> str:
    """A statement in one line, cut where it is long."""
    line = " ".join(sql.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _statement(each: "StatementCost") -> dict[str, Any]:
    return {"sql": each.sql, **_dpu(each), "source": each.source}


def _transaction(each: "TransactionCost") -> dict[str, Any]:
    from dsqlkit.plans.model import part_key

    raised = [part_key(part) for part in each.raised]
    return {"statements": list(each.statements), **_dpu(each), "minimums": raised}


def _dpu(each: "StatementCost | TransactionCost") -> dict[str, str]:
    from dsqlkit.costs.bill import printed
    from dsqlkit.plans.model import part_key

    parts = {part_key(name): dpu for name, dpu in each.parts.items()}
    return {name: printed(dpu) for name, dpu in {**parts, "total": each.total}.items()}


def _others(bill: "Bill") -> tuple[str, ...]:
    found = dict.fromkeys(name for each in bill.transactions for name in each.parts)
    return tuple(name for name in found if name not in _PARTS)


def _amounts(each: "StatementCost | TransactionCost", others: tuple[str, ...]) -> list[str]:
    from dsqlkit.costs.bill import printed

    known = [each.parts.get(name, Decimal(0)) for name in (*_PARTS, *others)]
    return [printed(dpu) for dpu in (*known, each.total)]


def _name_of(transaction: "TransactionCost") -> str:
    numbers = transaction.statements
    which = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    raised = f", minimum for {' and '.join(transaction.raised)}" if transaction.raised else ""
    return f"transaction of {which}{raised}"


def _price_of(bill: "Bill") -> str:
    return "" if bill.usd is None else f", USD {plain(bill.usd)}"
