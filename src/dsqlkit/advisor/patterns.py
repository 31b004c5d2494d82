"""Conditions on how a text begins: LIKE, regular expressions, starts_with()."""

import re
from collections.abc import Mapping
from typing import Final

from dsqlkit.advisor.condition import Reading
from dsqlkit.advisor.condition_parts import regular_prefix, varies
from dsqlkit.advisor.keys import KeyReader
from dsqlkit.advisor.query import Bound, Comparison, Predicate
from dsqlkit.advisor.syntax import Node, constant, names_of

_WILDCARD: Final = re.compile(r"(?<!\\)[%_]")


class PatternReader:
    """Reads conditions of which a B-tree may find the beginning, as `keys` finds their columns."""

    def __init__(self, keys: KeyReader, values: Mapping[int, str | None]) -> None:
        self._keys = keys
        self._values = values

    def starts_with(self, call: Node, text: str) -> Reading | None:
        """Read a call of starts_with(); None for one of another function."""
        if names_of(call.funcname)[-1] != "starts_with" or len(call.args) != 2:
            return None
        prefix = constant(call.args[1], self._values)
        return self._prefix(call.args[0], prefix, text, whole=False)

    def like(self, node: Node, operator: str, text: str) -> Reading | None:
        """Read a LIKE, ^@ or ~; None where the pattern varies from row to row."""
        pattern = constant(node.rexpr, self._values)
        if pattern is None:
            if varies(node.rexpr):
                return None
            return self._keys.blocked(
                node.lexpr, text, "The pattern is known only when the query runs: an index serves "
                "one that begins with a letter, if the planner sees it."
            )  # fmt: skip
        match operator:
            case "^@":
                prefix, whole = pattern, False
            case "~":
                prefix, whole = regular_prefix(pattern), False
            case _:
                prefix = _WILDCARD.split(pattern, maxsplit=1)[0].replace("\\", "")
                whole = _WILDCARD.search(pattern) is None
        if not prefix:
            what = "does not begin with ^ and letters" if operator == "~" else (
                "begins with a wildcard"
            )  # fmt: skip
            return self._keys.blocked(
                node.lexpr, text, f"The pattern {what}: a B-tree finds beginnings."
            )
        caution = ""
        if operator == "~":
            caution = (
                f"DSQL was recorded to check a regular expression row by row ({text}): write "
                f"LIKE '{prefix}%' beside it, which an index serves."
            )
        return self._prefix(node.lexpr, prefix, text, whole=whole, caution=caution)

    def _prefix(
        self, node: Node, prefix: str | None, text: str, *, whole: bool, caution: str = ""
    ) -> Reading | None:
        column = self._keys.bare(node)
        if column is not None and column.type == "character":
            return self._keys.blocked(
                node, text, "The beginning of a char column is compared as text."
            )
        comparison = Comparison.EQUAL if whole else Comparison.PREFIX
        bounds = (Bound("=" if whole else "LIKE", prefix),)
        if column is None:
            return self._keys.of_expression(node, comparison, bounds, text, caution)
        found = Predicate(column.name, comparison, bounds, text, caution)
        return Reading((column.use, found), text=text)
