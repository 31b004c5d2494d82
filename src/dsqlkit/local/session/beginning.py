"""The BEGIN of a transaction block: how it travels, and what becomes of its answer."""

from dsqlkit.local.backend.exchange import IN_TRANSACTION, Exchange, Request
from dsqlkit.local.backend.savepoint import (
    BEGIN,
    BEGIN_COMPLETE,
    BEGUN,
    with_savepoint,
    without_savepoint,
)
from dsqlkit.local.session import implicit
from dsqlkit.local.session.parts import Parts
from dsqlkit.local.statements.steps import Step


class Beginning:
    """The beginnings of one session's transaction blocks. Those that are sent with what came with
    them are groups (together.py)."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def ahead(self, _step: Step) -> None:
        """Answer a BEGIN, and have it travel with the statement that comes next: the snapshot is of
        that moment anyway."""
        self._parts.begin()
        self._parts.conversation.send_ahead(BEGIN, BEGIN_COMPLETE)
        self._parts.client.write(BEGUN)

    def at_once(self, step: Step) -> None:
        """Send a BEGIN."""
        self._parts.pipeline.held_up = True
        request = Request(hide_ready=step.hides_ready, goes_on=step.goes_on)
        begin = Exchange(request, self._begun)
        self._parts.conversation.send(with_savepoint(step), begin)

    def implicit(self, step: Step) -> None:
        """Begin the transaction of a text, or of a pipeline."""
        self._parts.do("the begin of a text", implicit.begin(self._parts, step))

    def _begun(self, exchange: Exchange) -> None:
        parts = self._parts
        if exchange.verdict.status == IN_TRANSACTION:
            parts.begin()
        failed = exchange.verdict.error is not None
        give = parts.client.keep if exchange.request.goes_on and not failed else parts.client.write
        give(without_savepoint(exchange.held()))
        parts.pipeline.skipping = failed and exchange.request.hide_ready
        parts.pipeline.release()
