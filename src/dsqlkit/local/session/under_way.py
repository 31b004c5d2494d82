"""What a session has under way, as far as the adjudicator has to know: what may be done with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit.local.statements.statement import Kind, Statement
from dsqlkit.local.statements.steps import Step

_CAN_STEP_ASIDE: Final = frozenset((Kind.READ, Kind.LOCK, Kind.WRITE, Kind.COPY_IN))
"""What can be cancelled for another to go on, and run again at overlays."""


@dataclass(slots=True, eq=False)
class UnderWay:
    """The step that was sent last, or the group of steps (`together`, else empty).

    `wants_rows`, `makes_rivals`, `can_start_over` and `can_step_aside` as in occ.contender.
    `is_guarded`: a savepoint goes before it, so that it can be taken back by itself.
    """

    wants_rows: bool = False
    makes_rivals: bool = False
    can_start_over: bool = False
    can_step_aside: bool = False
    is_guarded: bool = False
    together: Sequence[Step] = ()

    def is_step(self, statement: Statement | None, *, again: bool, guard: bool) -> None:
        """A step is sent, with this statement if any. `again`: it can be taken back and run again.
        `guard`: a savepoint goes before it."""
        conflicts = statement is not None and statement.can_conflict
        self.together = ()
        self.wants_rows = conflicts
        self.makes_rivals = statement is not None and conflicts and not statement.spares
        self.can_start_over = again
        self.can_step_aside = statement is not None and statement.kind in _CAN_STEP_ASIDE
        self.is_guarded = guard

    def is_group(self, steps: Sequence[Step], *, guard: bool) -> None:
        """These steps are sent at once, and can be taken back and run again. `guard`: a savepoint
        goes before them."""
        writes = [
            step.statement
            for step in steps
            if step.statement is not None and step.statement.can_conflict
        ]
        self.together = steps
        self.wants_rows = bool(writes)
        self.makes_rivals = not all(statement.spares for statement in writes)
        self.can_start_over = self.can_step_aside = True
        self.is_guarded = guard
