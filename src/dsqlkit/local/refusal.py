"""The answer that DSQL gives to what it does not run, and how a rule states it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from dsqlkit.local import wire

Node: TypeAlias = Any
"""A node of the parse tree; the parser's classes are made at run time and carry no types."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that DSQL answers instead of running the statement."""

    sqlstate: str
    message: str
    detail: str | None = None

    def as_error(self) -> bytes:
        """The ErrorResponse."""
        return wire.error_response(self.sqlstate, self.message, detail=self.detail)


Rule: TypeAlias = Refusal | Callable[[Node], Refusal | None]
"""What is refused always, or a decision from the parsed statement."""


def not_supported(message: str) -> Refusal:
    return Refusal("0A000", message)


def decide(rule: Rule | None, node: Node) -> Refusal | None:
    """What a rule says of a node."""
    return rule(node) if callable(rule) else rule
