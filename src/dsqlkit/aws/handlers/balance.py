"""Chapter 3: connect. `{"id": 1}` gives `{"balance": "100.000000"}`."""

from typing import Final

from dsqlkit import accounts
from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request


def read(event: object, invocation: Invocation) -> Response:
    """One account's balance, as `accounts` holds it. Raises AccountNotFound."""
    account = Request(event, ("id",)).integer("id")
    return {"balance": f"{accounts.balance(invocation.connections, account).balance:f}"}


handler: Final = Function(3, read)
