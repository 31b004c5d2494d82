"""A load as a person sees it, and as JSON: what it did, what is in doubt, what was compared."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsqlkit.cli.output import Output, counted
from dsqlkit.cli.text_input import STDIN
from dsqlkit.loading.price import load_cost

if TYPE_CHECKING:
    from dsqlkit.loading import Loaded
    from dsqlkit.loading.table_load import TableLoad
    from dsqlkit.loading.verification import Verified


def show(
    printer: Output,
    load: "TableLoad",
    loaded: "Loaded",
    verified: "Verified | None",
    output: Path,
    *,
    resumed: bool,
) -> None:
    """Print what a load did, and how its file and table compare where that was asked for."""
    document: dict[str, Any] = {
        "accounts": load.accounts,
        "transactions": load.transactions,
        "retries": loaded.retries,
        "elapsed_ms": round(loaded.elapsed_ms, 3),
        "rows_per_second": round(loaded.rows_per_second, 1),
        "output": str(output),
    }
    if verified is not None:
        document["verified"] = _verified_document(verified)
    lines = [
        f"{counted(loaded.accounts, 'account', 'accounts')} in "
        f"{counted(loaded.transactions, 'transaction', 'transactions')} "
        f"({counted(loaded.retries, 'retry', 'retries')}), {loaded.elapsed_ms / 1000:.1f} s, "
        f"{loaded.rows_per_second:,.0f} rows/s."
    ]
    if loaded.transactions:
        lines.append(_cost(loaded))
    if resumed:
        lines.append(f"With those of before they are {load.accounts:,}.")
    if not loaded.complete:
        lines.insert(0, f"Interrupted.{doubt(load)}")
    if str(output) == STDIN:
        printer.notice("\n".join(lines))
        return
    lines.append(f"Their ids are in {output}.")
    if not loaded.complete:
        lines.append(how_to_resume(output))
    if verified is not None:
        lines.append(_verified_text(verified, output))
    printer.result(document, lambda: "\n".join(lines))


def _cost(loaded: "Loaded") -> str:
    cost = load_cost(loaded.transactions, loaded.accounts // loaded.transactions)
    return (
        f"About {cost.write:,.2f} DPU to write ({cost.a_row:.5f} a row) and {cost.read:,.2f} to "
        "read, by the model."
    )


def doubt(load: "TableLoad") -> str:
    """What is not known of it, as words after others; none where all is known."""
    if not load.in_doubt:
        return ""
    sent = counted(load.in_doubt, "transaction was", "transactions were")
    return f" {sent} sent and not answered: in the table or not, their ids are in no file."


def how_to_resume(output: Path) -> str:
    """What ends a load that was cut off."""
    return f"`dsqlkit load --resume --output {shlex.quote(str(output))}` ends this load."


def show_verified(printer: Output, verified: "Verified", output: Path) -> None:
    """Print how file and table compare, where nothing was loaded."""
    document = {
        "accounts": 0,
        "transactions": 0,
        "retries": 0,
        "elapsed_ms": 0.0,
        "rows_per_second": 0.0,
        "output": str(output),
        "verified": _verified_document(verified),
    }
    printer.result(document, lambda: _verified_text(verified, output))


def _verified_document(verified: "Verified") -> dict[str, int]:
    return {
        "in_table": verified.in_table,
        "in_file": verified.in_file,
        "missing": verified.missing,
        "unknown": verified.unknown,
    }


def _verified_text(verified: "Verified", output: Path) -> str:
    counts = f"{verified.in_table:,} in the table, {verified.in_file:,} in {output}"
    if verified.agree:
        return f"They are the same: {counts}."
    return (
        f"They differ: {counts}; {verified.missing:,} of the file's are not in the table, "
        f"{verified.unknown:,} of the table's not in the file, {verified.repeated:,} lines repeat."
    )
