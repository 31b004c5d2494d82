"""Reading the document that EXPLAIN (FORMAT YAML) answers.

YAML and not JSON, as PostgreSQL describes its answer as text, just as it does the plan's text: so
what a client is told of the column, in a message of its own, need not be changed.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]
"""A node of a plan by the names of its properties. Numbers are kept as they were written."""


class NoDocument(ValueError):
    """The text is not a plan's document."""


def read(text: str) -> list[dict[str, Any]]:
    """The plans of a document. Raises NoDocument."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.split("\n") if line]
    reader = _Reader(lines)
    try:
        plans = reader.block(0)
    except (IndexError, ValueError, RecursionError) as error:
        raise NoDocument(str(error)) from error
    if not isinstance(plans, list) or not all(
        isinstance(plan, dict) and isinstance(plan.get("Plan"), dict) for plan in plans
    ):
        raise NoDocument("it has no plan")
    return plans


class _Reader:
    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = lines
        self._at = 0

    def block(self, indent: int) -> Any:
        """What begins at this line, as far as it is indented so."""
        return self._items(indent) if self._line[1].startswith("- ") else self._pairs(indent)

    @property
    def _line(self) -> tuple[int, str]:
        return self._lines[self._at]

    def _is_within(self, indent: int) -> bool:
        return self._at < len(self._lines) and self._line[0] == indent

    def _items(self, indent: int) -> list[Any]:
        found = []
        while self._is_within(indent) and self._line[1].startswith("- "):
            content = self._line[1][2:].strip()
            if content[0] in '"[':
                found.append(json.loads(content))
                self._at += 1
            else:
                self._lines[self._at] = (indent + 2, content)
                found.append(self._pairs(indent + 2))
        return found

    def _pairs(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._is_within(indent) and not self._line[1].startswith("- "):
            name, _, value = self._line[1].partition(":")
            self._at += 1
            found[name] = _scalar(value.strip()) if value.strip() else self._below(indent)
        return found

    def _below(self, indent: int) -> Any:
        if self._at < len(self._lines) and self._line[0] > indent:
            return self.block(self._line[0])
        return None


def _scalar(text: str) -> Any:
    if text[0] == '"':
        return json.loads(text)
    return {"true": True, "false": False}.get(text, text)
