"""Chapter 5: transfer, again after each conflict. As chapter 4, and the answer has `attempts`."""

from typing import Final

from dsqlkit.accounts import AccountId
from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.aws.handlers.transfer import FIELDS, described, move
from dsqlkit.transaction import RetryPolicy


def move_retrying(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts`."""
    request = Request(event, FIELDS)
    return retried(request, invocation, request.integer("payer_id"), request.integer("payee_id"))


def retried(
    request: Request, invocation: Invocation, payer: AccountId, payee: AccountId
) -> Response:
    """Move the requested amount, retrying conflicts within the invocation's time."""
    policy = RetryPolicy(deadline_s=invocation.time_left_s)
    done = move(request, invocation, payer, payee, policy)
    return described(done) | {"attempts": done.attempts}


handler: Final = Function(5, move_retrying)
