"""What `bench` shows: a line each second, its figures at the end, and what does not add up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dsqlkit.cli.output import counted, table_of
from dsqlkit.errors import DsqlkitError, OutcomeUnknown

if TYPE_CHECKING:
    from uuid import UUID

    from dsqlkit.bench import Benched, Second

_SHOWN_KEYS: Final = 10


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
        "DPU": cost_of(done),
    }
    return ("" if done.complete else "Interrupted.\n") + table_of(rows)


def cost_of(done: "Benched") -> str:
    """What the transfers cost, in a line."""
    from dsqlkit.costs.bill import printed

    if done.cost is None or done.dpu is None:
        return "not known"
    by = ", by the local cluster's model" if done.cost.source == "model" else ""
    return f"{printed(done.cost.total)} a transfer, {done.dpu:,.2f} for those made{by}"


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
