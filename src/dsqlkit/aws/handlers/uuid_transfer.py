"""Chapter 6: transfer between accounts with UUIDs. As chapter 5, on table `accounts2`."""

from typing import Final

from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.aws.handlers.transfer import FIELDS, described, move
from dsqlkit.transaction import RetryPolicy


def move_by_uuid(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts2`, within the invocation's time."""
    request = Request(event, FIELDS)
    payer, payee = request.uuid("payer_id"), request.uuid("payee_id")
    policy = RetryPolicy(deadline_s=invocation.time_left_s)
    done = move(request, invocation, payer, payee, policy)
    return described(done) | {"attempts": done.attempts}


handler: Final = Function(6, move_by_uuid)
