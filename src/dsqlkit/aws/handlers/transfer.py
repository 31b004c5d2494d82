"""Chapter 4: transfer, once. `{"payer_id": 1, "payee_id": 2, "amount": "10"}` gives
`{"payer_balance": "90", "transaction_time": "16.000ms"}`.

A conflict is reported as the error that it is: chapter 5 retries.
"""

from typing import Final
from uuid import UUID

from dsqlkit.accounts import AccountId, Transfer, plain, transfer
from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.errors import InsufficientBalance
from dsqlkit.transaction import RetryPolicy

FIELDS: Final = ("payer_id", "payee_id", "amount")


def move_once(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts`."""
    request = Request(event, FIELDS)
    payer, payee = request.integer("payer_id"), request.integer("payee_id")
    return described(move(request, invocation, payer, payee, RetryPolicy(max_attempts=1)))


def move(
    request: Request,
    invocation: Invocation,
    payer: AccountId,
    payee: AccountId,
    policy: RetryPolicy,
    key: UUID | None = None,
) -> Transfer:
    """The transfer of the requested amount. Raises what `accounts.transfer` raises."""
    try:
        return transfer(
            invocation.connections,
            payer,
            payee,
            request.amount("amount"),
            policy,
            invocation.on_retry,
            key=key,
        )
    except InsufficientBalance as error:
        # The words of the original workshop's function, which its callers may compare.
        words = f"Insufficient balance: {plain(error.after)}."
        raise InsufficientBalance(words, after=error.after) from error


def described(done: Transfer) -> Response:
    """A transfer as chapter 4 answers it."""
    return {
        "payer_balance": plain(done.payer_balance),
        "transaction_time": f"{done.transaction_ms:.3f}ms",
    }


handler: Final = Function(4, move_once)
