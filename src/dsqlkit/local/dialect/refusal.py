"""The answer that DSQL gives to what it does not run, and how a rule states it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from dsqlkit.errors import FAULTS_OFF
from dsqlkit.local.statements.tree import Node
from dsqlkit.local.wire.messages import error_response


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that DSQL answers instead of running the statement. `position` is the character of
    its text, from 1, that it is about."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    position: int | None = None

    def as_error(self) -> bytes:
        """The ErrorResponse."""
        return error_response(
            self.sqlstate,
            self.message,
            detail=self.detail,
            hint=self.hint,
            position=self.position,
        )


DATA_CONFLICT: Final = "change conflicts with another transaction (OC000)"
SCHEMA_CONFLICT: Final = "schema has been updated by another transaction (OC001)"
"""A real cluster's words (conformance record); both have SQLSTATE 40001."""

CONFLICT_ON_PURPOSE: Final = f"{DATA_CONFLICT}, on purpose"
"""How a conflict that a fault makes is told apart inside; a client is told `MADE_CONFLICT`."""
MADE_CONFLICT: Final = Refusal(
    "40001",
    DATA_CONFLICT,
    hint=f"The local cluster made this conflict on purpose, as a fault is on: {FAULTS_OFF}",
)

CONFLICT: Final = Refusal("40001", DATA_CONFLICT)
SCHEMA_CHANGED: Final = Refusal("40001", SCHEMA_CONFLICT)

Rule: TypeAlias = Refusal | Callable[[Node], Refusal | None]
"""What is refused always, or a decision from the parsed statement."""


def not_supported(message: str) -> Refusal:
    """What DSQL does not have: SQLSTATE 0A000, with these words."""
    return Refusal("0A000", message)


def decide(rule: Rule | None, node: Node) -> Refusal | None:
    """What a rule says of a node."""
    return rule(node) if callable(rule) else rule
