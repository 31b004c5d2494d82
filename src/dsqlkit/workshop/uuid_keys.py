"""Chapter 6: transactions of at most 3,000 rows, ids that the client chose, keys that spread, and
transfers under load."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from dsqlkit import accounts, loading, tables
from dsqlkit.bench import Bench, Benched, BenchPlan, Participants
from dsqlkit.connection import Connection
from dsqlkit.errors import DsqlkitError, SqlError
from dsqlkit.loading import Loader, LoadPlan
from dsqlkit.queries import statement
from dsqlkit.quotas import MAX_ROWS
from dsqlkit.transaction import run
from dsqlkit.workshop.chapter import WORKERS, Code, Shown, Stage, Statements, Text
from dsqlkit.workshop.recording import Recorder, Sent

_TABLE: Final = "accounts2"
_TOO_MANY: Final = MAX_ROWS + 1
_BATCH: Final = 1000
_TRANSACTIONS: Final = 20
_AMOUNT: Final = Decimal(10)
_SIXTEENTHS: Final = 16
_BENCHED: Final = 100


class NotRefused(DsqlkitError):
    """The database took what DSQL refuses; it was rolled back."""

    code = "not_refused"


def play(stage: Stage) -> Shown:
    """Load by small transactions, and show the three reasons for its ways."""
    tables.have(stage.connections, _TABLE)
    stage.say("Writing 3,001 rows in one transaction")
    limit, refused = _too_many(stage)
    plan = LoadPlan(transactions=_TRANSACTIONS, rows=_BATCH, threads=WORKERS)
    stage.say(f"Loading {plan.transactions * plan.rows:,} accounts with random keys")
    ids: list[UUID] = []
    loaded = Loader(stage.connections, plan).run(ids.extend)
    stage.say("Sending one batch twice")
    again, twice = _sent_twice(stage)
    spread, fewest, most = _spread(stage, ids[:_BATCH])
    done = accounts.transfer(stage.connections, ids[0], ids[-1], _AMOUNT)
    stage.say(f"Transfers by {WORKERS} clients for a second")
    benched = _bench(stage, ids)
    left, opening = accounts.plain(done.payer_balance), accounts.plain(loading.OPENING_BALANCE)
    return Shown(
        parts=(
            Text("A transaction changes at most 3,000 rows. One row more is refused:"),
            Statements(limit),
            Text(
                f"So {loaded.accounts:,} accounts went in by {loaded.transactions} transactions of "
                f"{_BATCH:,}, {WORKERS} at a time. Each client chose the ids before it sent them: "
                "when the answer to a COMMIT is lost, the same batch is sent again, and either it "
                "goes in now or the key says that it was in. Here one batch is sent twice:"
            ),
            Statements(again),
            Text(
                "Random keys spread over the whole key space, and with it over the cluster. Of "
                f"{_BATCH:,} ids each sixteenth of the space has from {fewest} to {most}; ids that "
                "count up would all be in one:"
            ),
            Statements(spread),
            Text(
                f"{_AMOUNT} moved from one of them to another: {left} of {opening} were left. Then "
                f"{WORKERS} clients at a time transferred between {_BENCHED} of them for "
                f"{benched.elapsed_s:.1f} s, each transfer with a key: {_figures(benched)} "
                f"Afterwards the {_BENCHED} held together what they had held before "
                f"({accounts.plain(benched.balance_after)}), and of {benched.transfers:,} "
                f"transfers {benched.ledger.found:,} were in table transfers. The accounts stay in "
                f"table {_TABLE}. The same, for longer and with more figures:"
            ),
            Code(("dsqlkit bench --threads 8 --duration 30 --html bench.html",)),
        ),
        facts={
            "refused_rows": _TOO_MANY,
            "refused_with": refused,
            "accounts": loaded.accounts,
            "transactions": loaded.transactions,
            "retries": loaded.retries,
            "sent_twice_with": twice,
            "loaded_twice": 0,
            "fewest_in_a_sixteenth": fewest,
            "most_in_a_sixteenth": most,
            "payer_balance": left,
            "opening_balance": opening,
            "bench_transfers": benched.transfers,
            "bench_per_second": round(benched.per_second, 1),
            "bench_conflicts": benched.conflicts,
            "bench_in_ledger": benched.ledger.found,
            "bench_balance_before": accounts.plain(benched.balance_before),
            "bench_balance_after": accounts.plain(benched.balance_after),
        },
    )


def _bench(stage: Stage, ids: Sequence[UUID]) -> Benched:
    """A second of transfers between accounts that nobody else knows of yet."""
    among = Participants(_TABLE, ids[:_BENCHED], own=True)
    return Bench(stage.endpoint, among, BenchPlan(WORKERS, duration_s=1.0)).run()


def _figures(benched: Benched) -> str:
    if benched.latency_ms is None:
        return "none went through."
    return (
        f"{benched.per_second:,.0f} a second, half of them within {benched.latency_ms.p50:.1f} ms "
        f"and 99 % within {benched.latency_ms.p99:.1f} ms (conflicts: {benched.conflicts:,})."
    )


def _too_many(stage: Stage) -> tuple[tuple[Sent, ...], str | None]:
    """The refusal of the 3,001st row, and its SQLSTATE. Raises NotRefused where there is none."""

    def fill(connection: Connection) -> None:
        connection.execute(statement("accounts2/too_many.sql"), {"rows": _TOO_MANY})
        raise NotRefused(
            f"A transaction that writes {_TOO_MANY:,} rows was not refused; it was rolled back.",
            hint="Aurora DSQL refuses it: is this another database?",
        )

    return _refusal(stage, fill)


def _sent_twice(stage: Stage) -> tuple[tuple[Sent, ...], str | None]:
    """One batch, sent again as after a lost answer; what the second was refused with."""
    ids = [uuid4() for _ in range(_BATCH)]
    values = {"ids": ids, "balance": loading.OPENING_BALANCE}

    def fill(connection: Connection) -> None:
        connection.execute(statement("accounts2/fill.sql"), values)

    first = Recorder(stage.connections)
    run(first, fill)
    second, refused = _refusal(stage, fill)
    counting = Recorder(stage.connections)
    found = _rows(counting, "accounts2/count_of.sql", ids)[0][0]
    if refused is None or found != len(ids):
        raise NotRefused(f"{found:,} accounts of {len(ids):,} that were sent twice are there.")
    return (*first.sent, *second, *counting.queries), refused


def _refusal(
    stage: Stage, work: Callable[[Connection], None]
) -> tuple[tuple[Sent, ...], str | None]:
    recorder = Recorder(stage.connections)
    try:
        run(recorder, work)
    except SqlError as error:
        return recorder.sent, error.sqlstate
    return recorder.sent, None


def _spread(stage: Stage, ids: Sequence[UUID]) -> tuple[tuple[Sent, ...], int, int]:
    """How many of these ids are in each sixteenth of the key space: the fewest and the most."""
    recorder = Recorder(stage.connections)
    counts = [count for _, count in _rows(recorder, "accounts2/spread.sql", ids)]
    fewest = min(counts) if len(counts) == _SIXTEENTHS else 0
    return recorder.queries, fewest, max(counts, default=0)


def _rows(recorder: Recorder, path: str, ids: Sequence[UUID]) -> list[Any]:
    query, values = statement(path), {"ids": list(ids)}
    return run(recorder, lambda c: c.execute(query, values).fetchall()).value
