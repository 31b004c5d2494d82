"""Chapter 5: transfer, again after each conflict. As chapter 4, and the answer has `attempts`."""

from typing import Final

from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.aws.handlers.transfer import FIELDS, described, move
from dsqlkit.transaction import RetryPolicy


def move_retrying(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts`, within the invocation's time."""
    request = Request(event, FIELDS)
    payer, payee = request.integer("payer_id"), request.integer("payee_id")
    policy = RetryPolicy(deadline_s=invocation.time_left_s)
    done = move(request, invocation, payer, payee, policy)
    return described(done) | {"attempts": done.attempts}


handler: Final = Function(5, move_retrying)
