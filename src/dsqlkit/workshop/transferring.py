"""Chapter 4: a transfer, and one that is refused."""

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from dsqlkit import accounts
from dsqlkit.accounts import Transfer, plain
from dsqlkit.errors import AccountNotFound, InsufficientBalance
from dsqlkit.workshop.chapter import Part, Shown, Stage, Statements, Text
from dsqlkit.workshop.own_accounts import own_accounts
from dsqlkit.workshop.recording import Recorder

_AMOUNT: Final = Decimal(10)
_TOO_MUCH: Final = Decimal(1_000_000)


def play(stage: Stage) -> Shown:
    """Move 10, then try to move more than there is."""
    accounts.ensure(stage.connections, stage.say)
    with _pair(stage) as (payer, payee, said):
        stage.say(f"Moving 10 from account {payer} to {payee}")
        recorder = Recorder(stage.connections)
        done = accounts.transfer(recorder, payer, payee, _AMOUNT)
        moved = recorder.sent
        recorder = Recorder(stage.connections)
        refusal = _refused(recorder, payer, payee)
        return Shown(
            parts=(*said, Statements(moved), *_told(done, payer, payee), Statements(recorder.sent)),
            facts={
                "payer": payer,
                "payee": payee,
                "amount": plain(_AMOUNT),
                "payer_balance": plain(done.payer_balance),
                "transaction_ms": round(done.transaction_ms, 3),
                "attempts": done.attempts,
                "refused": refusal,
            },
        )


def _told(done: Transfer, payer: int, payee: int) -> tuple[Part, ...]:
    return (
        Text(
            f"{plain(_AMOUNT)} moved from account {payer} to {payee}; {payer} was left with "
            f"{plain(done.payer_balance)}, {done.transaction_ms:.1f} ms from BEGIN to COMMIT. "
            "Now a million, which it does not have: the debit shows that, and all is "
            "rolled back."
        ),
    )


def _refused(recorder: Recorder, payer: int, payee: int) -> str | None:
    try:
        accounts.transfer(recorder, payer, payee, _TOO_MUCH)
    except InsufficientBalance as error:
        return error.message
    return None


@contextmanager
def _pair(stage: Stage) -> Generator[tuple[int, int, tuple[Part, ...]], None, None]:
    """Payer, payee, and what there is to say of them: accounts 1 and 2 where one can pay, else two
    of the chapter's own.
    """
    try:
        one, two = (accounts.balance(stage.connections, each).balance for each in (1, 2))
    except AccountNotFound:
        one = two = Decimal(0)
    # Less than all: others may take some before it is our turn.
    if max(one, two) >= _AMOUNT * 2 and max(one, two) < _TOO_MUCH:
        yield (1, 2, ()) if one >= two else (2, 1, ())
        return
    with own_accounts(stage.connections, 2) as own:
        why = Text(
            f"Accounts 1 and 2 are not both there with money to move, so the chapter opened two of "
            f"its own, {own.first} and {own.last}, and removed them at its end."
        )
        yield own.first, own.last, (why,)
