"""Chapter 1: a function. `{"name": "reinvent"}` gives `{"greeting": "hello reinvent"}`."""

from typing import Final

from dsqlkit.aws.handlers.function import Function, Invocation, Response
from dsqlkit.aws.handlers.request import Request


def greet(event: object, _: Invocation) -> Response:
    """Greet by name. Raises InvalidRequest for a name that is missing or empty."""
    return {"greeting": f"hello {Request(event, ('name',)).text('name')}"}


handler: Final = Function(1, greet)
