"""Chapter 5: transfer, again after each conflict. As chapter 4, and the answer has `attempts`.

A transfer is made once for its key: the field `key`, a UUID, and without it the id of the request,
which stays the same when Lambda invokes a function again for it.
"""

from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from dsqlkit.accounts import AccountId
from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.aws.handlers.transfer import FIELDS, described, move
from dsqlkit.transaction import RetryPolicy

KEYED_FIELDS: Final = (*FIELDS, "key")


def move_retrying(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts`."""
    request = Request(event, KEYED_FIELDS)
    return retried(request, invocation, request.integer("payer_id"), request.integer("payee_id"))


def retried(
    request: Request, invocation: Invocation, payer: AccountId, payee: AccountId
) -> Response:
    """Move the requested amount, retrying conflicts within the invocation's time."""
    policy = RetryPolicy(deadline_s=invocation.time_left_s)
    key = request.uuid("key") if request.has("key") else key_of(invocation.context.aws_request_id)
    done = move(request, invocation, payer, payee, policy, key)
    if done.replayed:
        invocation.facts["replayed"] = True
    return described(done) | {"attempts": done.attempts}


def key_of(request_id: str) -> UUID:
    """The key of a request: its id, which is a UUID on Lambda, or one that is made of it."""
    try:
        return UUID(request_id)
    except ValueError:
        return uuid5(NAMESPACE_OID, request_id)


handler: Final = Function(5, move_retrying)
