"""A chapter as a function: it runs the work, reports errors in few words, logs one record.

The record is a line of JSON on Lambda, with `request_id`, `chapter`, `duration_ms`, `attempts` (of
the transaction), `connections_made` (0 when the kept one served), and `outcome`: `done`, or the
word of the error, with its `error`, `sqlstate` and `hint`. It holds no secret.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias
from uuid import uuid4

from dsqlkit.aws.handlers import TIME_LIMIT_S
from dsqlkit.aws.handlers.environment import Environment, configured_endpoint, write_line
from dsqlkit.errors import ConnectionLost, DsqlkitError
from dsqlkit.transaction import Retry

Response: TypeAlias = dict[str, Any]

_MARGIN_S: Final = 2.0
"""Left of an invocation's time for the last attempt and the answer."""


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


class OwnContext:
    """A context for an invocation that does not come from Lambda, with a chapter's usual time."""

    def __init__(self, limit_s: float) -> None:
        self.aws_request_id = str(uuid4())
        self._deadline = time.monotonic() + limit_s

    def get_remaining_time_in_millis(self) -> int:
        return max(round((self._deadline - time.monotonic()) * 1000), 0)


@dataclass(slots=True)
class Invocation:
    """One invocation under way, and what its record will say of it."""

    connections: Environment
    context: Context
    attempts: int = 1
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def time_left_s(self) -> float:
        """Seconds that the work may still take: more than none, so that it starts at all."""
        return max(self.context.get_remaining_time_in_millis() / 1000 - _MARGIN_S, 0.1)

    def on_retry(self, retry: Retry) -> None:
        self.attempts = retry.attempt + 1


Work: TypeAlias = Callable[[object, Invocation], Response]


class Function:
    """The function of one chapter. Lambda calls it with an event and a context."""

    def __init__(self, chapter: int, work: Work) -> None:
        self._chapter = chapter
        self._work = work

    def __call__(self, event: object, context: Context | None = None) -> Response:
        return self.invoke(event, context, _KEPT)

    def invoke(self, event: object, context: Context | None, environment: Environment) -> Response:
        """Answer one request, in an environment that outlives it; without a context outside Lambda.

        Raises errors whose text is the original workshop's, without a full stop: Lambda reports an
        error as its type and its text.
        """
        context = context or OwnContext(TIME_LIMIT_S[self._chapter])
        invocation = Invocation(environment, context)
        started = time.monotonic()
        made_before = environment.connections_made
        outcome: Mapping[str, object] = {"outcome": "defect"}
        try:
            response = self._answer(event, invocation)
            outcome = {"outcome": "done"}
            return response
        except DsqlkitError as error:
            outcome = {
                "outcome": error.code,
                "error": error.message,
                "sqlstate": error.sqlstate,
                "hint": error.hint,
            }
            error.args = (error.message.removesuffix("."),)
            raise
        finally:
            record = {
                "request_id": context.aws_request_id,
                "chapter": self._chapter,
                "duration_ms": round((time.monotonic() - started) * 1000, 3),
                "attempts": invocation.attempts,
                "connections_made": environment.connections_made - made_before,
                **invocation.facts,
                **outcome,
            }
            environment.log(record)

    def _answer(self, event: object, invocation: Invocation) -> Response:
        was_kept = invocation.connections.connections_made > 0
        try:
            return self._work(event, invocation)
        except ConnectionLost:
            # A kept connection may have ended while the process slept, and says so only at its
            # next use. Nothing was committed in the transaction that met it.
            if not was_kept:
                raise
            invocation.connections.close()
            invocation.attempts = 1
            return self._work(event, invocation)


_KEPT: Final = Environment(configured_endpoint, write_line)
"""Outside the handler: it lives as long as Lambda keeps the process."""
