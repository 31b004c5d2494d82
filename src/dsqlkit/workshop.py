"""The workshop's chapters as data: what each is called, what it teaches, what it runs.

Chapters leave rows that are there alone: tables are made where they are missing, and chapter 6
adds to its own. (Chapter 7 drops and builds the two indexes that it measures.)
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from dsqlkit import accounts, accounts7, loading, tables
from dsqlkit.conflict import race
from dsqlkit.connection import Connections, open_pool
from dsqlkit.connection_report import examine
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import UsageError
from dsqlkit.loading import Loader, LoadPlan
from dsqlkit.optimization import optimize
from dsqlkit.queries import statement
from dsqlkit.transaction import RetryPolicy, run

Say = Callable[[str], None]
Facts = dict[str, str | int | float | None]

_WORKERS = 8
_RACE_TRANSFERS = 200
_RACE_ACCOUNTS = 10
# Eight workers at a few rows meet often; all of them are to get through.
_RACE_POLICY = RetryPolicy(max_attempts=1000, deadline_s=60.0)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a chapter runs on."""

    endpoint: Endpoint
    connections: Connections
    say: Say


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter: `play` runs it and returns what it showed, by name."""

    number: int
    title: str
    lesson: str
    play: Callable[[Stage], Facts]


@dataclass(frozen=True, slots=True)
class Played:
    """A chapter that has run."""

    chapter: Chapter
    facts: Facts
    elapsed_ms: float


def select(numbers: Sequence[int]) -> tuple[Chapter, ...]:
    """The chapters of these numbers, all for none. Raises UsageError for one that is not there."""
    known = {chapter.number: chapter for chapter in CHAPTERS}
    for number in numbers:
        if number not in known:
            raise UsageError(
                f"There is no chapter {number} to run here.",
                hint=f"The chapters are {', '.join(map(str, known))}.",
            )
    return tuple(known[number] for number in numbers) or CHAPTERS


def play(
    endpoint: Endpoint, chapters: Sequence[Chapter], say: Say = lambda _: None
) -> Iterator[Played]:
    """Run chapters in turn, yielding each when it is done; `say` hears what is under way.

    Raises whatever the library raises; chapters that have run stay done.
    """
    with open_pool(endpoint, size=_WORKERS) as pool:
        for chapter in chapters:
            started = time.monotonic()
            facts = chapter.play(Stage(endpoint, pool, say))
            yield Played(chapter, facts, (time.monotonic() - started) * 1000)


def _connect(stage: Stage) -> Facts:
    stage.say("Signing a token and connecting")
    report = examine(stage.endpoint)
    accounts.ensure(stage.connections, stage.say)
    first = accounts.balance(stage.connections, 1)
    return {
        "server_version": report.server_version,
        "tls": report.tls,
        "token_ms": round(report.timings_ms.token, 3),
        "connect_ms": round(report.timings_ms.connect, 3),
        "round_trip_ms": round(report.timings_ms.round_trip, 3),
        "balance_of_account_1": accounts.plain(first.balance),
    }


def _transfer(stage: Stage) -> Facts:
    accounts.ensure(stage.connections, stage.say)
    stage.say("Moving 10 between accounts 1 and 2")
    one, two = (accounts.balance(stage.connections, each).balance for each in (1, 2))
    payer, payee = (1, 2) if one >= two else (2, 1)
    done = accounts.transfer(stage.connections, payer, payee, Decimal(10))
    return {
        "payer": payer,
        "payee": payee,
        "amount": "10",
        "payer_balance": accounts.plain(done.payer_balance),
        "transaction_ms": round(done.transaction_ms, 3),
        "attempts": done.attempts,
    }


def _retry(stage: Stage) -> Facts:
    accounts.ensure(stage.connections, stage.say)
    stage.say("Two transactions race for account 1")
    raced = race(stage.connections, stage.connections)
    stage.say(f"{_RACE_TRANSFERS} transfers over {_RACE_ACCOUNTS} accounts, {_WORKERS} at a time")
    before = _total(stage.connections)

    def one(_: int) -> int:
        payer, payee = random.sample(range(1, _RACE_ACCOUNTS + 1), 2)
        cent = Decimal("0.01")
        return accounts.transfer(stage.connections, payer, payee, cent, _RACE_POLICY).attempts

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="race") as executor:
        attempts = Counter(executor.map(one, range(_RACE_TRANSFERS)))
    after = _total(stage.connections)
    return {
        "race_won_by": raced.winner,
        "race_lost_at": raced.loser_step,
        "race_lost_with": raced.loser_sqlstate,
        "transfers": attempts.total(),
        "retries": sum((tries - 1) * times for tries, times in attempts.items()),
        "most_attempts": max(attempts),
        "balance_before": accounts.plain(before),
        "balance_after": accounts.plain(after),
    }


def _uuid_keys(stage: Stage) -> Facts:
    plan = LoadPlan(transactions=20, rows=1000, threads=_WORKERS)
    stage.say(f"Loading {plan.transactions * plan.rows:,} accounts with random keys")
    tables.create(stage.connections, "accounts2")
    ids: list[UUID] = []
    loaded = Loader(stage.connections, plan).run(ids.extend)
    stage.say("Moving 10 between two of them")
    done = accounts.transfer(stage.connections, ids[0], ids[-1], Decimal(10))
    return {
        "accounts": loaded.accounts,
        "transactions": loaded.transactions,
        "retries": loaded.retries,
        "rows_per_second": round(loaded.rows_per_second, 1),
        "payer_balance": accounts.plain(done.payer_balance),
        "opening_balance": accounts.plain(loading.OPENING_BALANCE),
    }


def _plans(stage: Stage) -> Facts:
    if not tables.exists(stage.connections, accounts7.TABLE):
        stage.say("Making accounts7, its 5,000 rows and its first index")
        accounts7.set_up(stage.connections)
    done = optimize(stage.connections, stage.say)
    return {
        "rows": done.after.rows,
        "rows_scanned_before": done.before.rows_scanned,
        "rows_scanned_after": done.after.rows_scanned,
        "execution_ms_before": round(done.before.execution_ms, 3),
        "execution_ms_after": round(done.after.execution_ms, 3),
        "speedup": None if done.speedup is None else round(done.speedup, 2),
        "index_before": done.before.index,
        "index_after": done.after.index,
    }


CHAPTERS: Final = (
    Chapter(
        3,
        "Connect",
        "The password is a token, signed on this machine for one role on one cluster, good for "
        "15 minutes and looked at only while connecting.",
        _connect,
    ),
    Chapter(
        4,
        "Transfer",
        "Money moves in one transaction: debit, check, credit. Any refusal rolls all of it back.",
        _transfer,
    ),
    Chapter(
        5,
        "Retry",
        "Nobody waits for a lock. Of two who change one row, the later COMMIT fails with 40001, "
        "and the whole transaction is run again. No money is made or lost.",
        _retry,
    ),
    Chapter(
        6,
        "UUID keys",
        "Random keys spread writes over the cluster, and small transactions keep within 3,000 "
        "rows. The client chooses the ids, so a retry cannot load a row twice.",
        _uuid_keys,
    ),
    Chapter(
        7,
        "Plans and indexes",
        "Read EXPLAIN ANALYZE: an index that leads with selective columns and covers the query "
        "reads fewer rows. CREATE INDEX ASYNC builds it beside other work.",
        _plans,
    ),
)


def _total(connections: Connections) -> Decimal:
    row = run(connections, lambda c: c.execute(statement("accounts/total.sql")).fetchone()).value
    assert row is not None, "an aggregate always gives a row"
    total: Decimal = row[1]
    return total
