"""What was measured for a session's plans, kept as long as measuring again would say the same.

That is while its transactions see the same rows: a snapshot of PostgreSQL's names all that is
committed, so two that are equal see the same, where the transaction has written nothing itself.
"""

from collections.abc import Sequence
from typing import Final

from dsqlkit.local.backend.conversation import Conversation, Frames
from dsqlkit.local.backend.question import Question

STATE: Final = "SELECT dsqlkit.plan_state()"
"""Asks what a transaction sees; NULL where nothing may be kept."""
_MOST: Final = 16
_LONGEST: Final = 4096


class PlanAnswers:
    """The answers of one session's plans, by their questions."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._known: dict[Question, str | None] = {}

    @property
    def may_know(self) -> bool:
        """Whether there are any, so that asking for the state may save asking for all else."""
        return bool(self._known)

    async def of(
        self,
        conversation: Conversation,
        questions: Sequence[Question],
        last: Frames | None,
        *,
        state: str | None,
        keeps: bool,
    ) -> list[str | None]:
        """The answers to questions that have one value each. `state` is what STATE answered in this
        transaction, None where it was not asked; `keeps`: it only reads. `last` is sent after what
        is asked, and not waited for. Raises exchange.Refused."""
        if not questions:
            if last is not None:
                conversation.send(*last)
            return []
        if state is None or state != self._state or len(self._known) > _MOST:
            self._known.clear()
        missing = [each for each in questions if each not in self._known]
        asked: list[Question] = list(missing)
        if keeps and missing and state is None:
            asked.append((STATE,))
        if asked:
            answers = await conversation.ask_all(*asked, last=last)
            values = [value for ((value,),) in answers]
            if len(asked) > len(missing):
                state = values.pop()
        else:
            values = []
            if last is not None:
                conversation.send(*last)
        found = dict(zip(missing, values, strict=True))
        answered = [found[each] if each in found else self._known[each] for each in questions]
        self._keep(found, state if keeps else None)
        return answered

    def _keep(self, found: dict[Question, str | None], state: str | None) -> None:
        self._state = state
        if state is None:
            self._known.clear()
            return
        for question, value in found.items():
            if sum(len(part or "") for part in question) <= _LONGEST:
                self._known[question] = value
