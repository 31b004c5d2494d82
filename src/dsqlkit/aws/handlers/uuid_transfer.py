"""Chapter 6: transfer between accounts with UUIDs. As chapter 5, on table `accounts2`."""

from typing import Final

from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request
from dsqlkit.aws.handlers.retry import KEYED_FIELDS, retried


def move_by_uuid(event: object, invocation: Invocation) -> Response:
    """Move money between two accounts of table `accounts2`."""
    request = Request(event, KEYED_FIELDS)
    return retried(request, invocation, request.uuid("payer_id"), request.uuid("payee_id"))


handler: Final = Function(6, move_by_uuid)
