"""Chapter 5: two transactions race for one row, then many clients for a few; an answer is lost."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Final
from uuid import uuid4

from dsqlkit import accounts
from dsqlkit.accounts import Transfer, ledger, plain
from dsqlkit.race import Race, race
from dsqlkit.transaction import RetryPolicy
from dsqlkit.workshop.chapter import WORKERS, Contest, Shown, Stage, Statements, Text
from dsqlkit.workshop.own_accounts import OwnAccounts, own_accounts, total
from dsqlkit.workshop.recording import Recorder

_ACCOUNTS: Final = 10
_TRANSFERS: Final = 200
_CENT: Final = Decimal("0.01")
# Eight clients at a few rows meet often; all of them are to get through.
_POLICY: Final = RetryPolicy(max_attempts=1000, deadline_s=60.0)
_RACES: Final = 5
_LOST: Final = Decimal(10)


def play(stage: Stage) -> Shown:
    """Race, then transfer under load, all on accounts that nobody else knows."""
    accounts.ensure(stage.connections, stage.say)
    with own_accounts(stage.connections, _ACCOUNTS) as own:
        stage.say(f"Two transactions race for account {own.first}")
        raced = _race(stage, own)
        recorder = Recorder(stage.connections)
        before = total(recorder, own)
        stage.say(f"{_TRANSFERS} transfers by {WORKERS} clients over {own.count} accounts")
        attempts = _transfers(stage, own)
        after = total(recorder, own)
        stage.say("Losing the answer to a COMMIT")
        losing = Recorder(stage.connections, loses=1)
        found = _found_out(stage, losing, own)
    retries = sum((tries - 1) * times for tries, times in attempts.items())
    return Shown(
        parts=(
            Contest(raced),
            Text(
                f"Then {WORKERS} clients at a time moved 0.01 between {own.count} accounts, "
                f"{attempts.total()} times in all. {_met(retries, max(attempts))}"
            ),
            Statements(recorder.queries),
            Text(
                f"The {own.count} accounts, {own.first} to {own.last}, are the chapter's own, so "
                f"that nobody else's transfers count: they held {plain(before)} together before "
                f"and {plain(after)} after."
            ),
            Text(
                "A COMMIT whose answer gets lost is no conflict: it may have happened, and to run "
                "it again could move the money twice. So a transfer has a key, which is written "
                f"in the same transaction. {plain(_LOST)} moves from account {own.first} to "
                f"{own.last}, and the connection breaks right after the COMMIT:"
            ),
            Statements(losing.sent),
            Text(
                "On a new connection the same transaction was run again. Its key was there "
                f"already, so the money had moved, and moved once: {own.first} was left with "
                f"{plain(found.payer_balance)}. The {own.count} accounts are removed again; the "
                "key stays in table transfers."
            ),
        ),
        facts={
            "race_won_by": raced.winner,
            "race_lost_at": raced.loser_step,
            "race_lost_with": raced.loser_sqlstate,
            "clients": WORKERS,
            "accounts": own.count,
            "transfers": attempts.total(),
            "retries": retries,
            "most_attempts": max(attempts),
            "balance_before": plain(before),
            "balance_after": plain(after),
            "lost_answers": found.doubts,
            "lost_key": str(found.key),
            "lost_payer_balance": plain(found.payer_balance),
        },
    )


def _race(stage: Stage, own: OwnAccounts) -> Race:
    """A race with one winner. A change of the table by others (OC001) may stop both."""
    for _ in range(_RACES):
        raced = race(stage.connections, stage.connections, own.first)
        if raced.winner and raced.loser:
            break
    return raced


def _transfers(stage: Stage, own: OwnAccounts) -> Counter[int]:
    """How many transfers took one attempt, two, and so on."""

    def one(_: int) -> int:
        payer, payee = random.sample(own.ids, 2)
        return accounts.transfer(stage.connections, payer, payee, _CENT, _POLICY).attempts

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="race") as executor:
        return Counter(executor.map(one, range(_TRANSFERS)))


def _found_out(stage: Stage, losing: Recorder, own: OwnAccounts) -> Transfer:
    """A transfer whose answer to COMMIT is lost."""
    ledger.have(stage.connections)
    return accounts.transfer(losing, own.first, own.last, _LOST, key=uuid4())


def _met(retries: int, most: int) -> str:
    if not retries:
        return "None met a conflict, this time."
    times = "once" if retries == 1 else f"{retries:,} times"
    return (
        f"A COMMIT failed with 40001 {times}; each time the whole transaction was run again, after "
        f"a short random wait, and all went through, with at most {most} attempts."
    )
