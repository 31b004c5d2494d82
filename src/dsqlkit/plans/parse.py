"""The text of EXPLAIN becomes a `Plan`, or several.

The grammar is that of PostgreSQL 14 to 18 (`ExplainNode` in its explain.c) with the storage nodes
of Aurora DSQL. What a line belongs to is told by how far right it stands, compared with the lines
above it, never by a number of spaces: DSQL indents its storage nodes by four, five or six columns.

- `->` begins a node, below the last node that stands further left.
- `CTE x`, `InitPlan n` or `SubPlan n` alone on a line labels the node that follows.
- `label: value` further right than a node is a property of that node.
- What follows the tree, no further right than its root, is the footer. One column is forgiven
  there, as many a paste has lost the space that psql puts before the first line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from dsqlkit.errors import DsqlkitError
from dsqlkit.plans.lines import plan_blocks
from dsqlkit.plans.model import DPU_HEADING, Plan
from dsqlkit.plans.node import PlanNode, Property
from dsqlkit.plans.node_line import is_node, parse_node
from dsqlkit.plans.scans import STORAGE_NODES

_ARROW: Final = re.compile(r"->\s*(?=\S)")
_LABEL: Final = re.compile(r"(?:CTE|InitPlan|SubPlan) .+")
_PROPERTY: Final = re.compile(
    r"(?P<label>Trigger .+(?=: (?:time|calls)=)|[A-Z][\w/ -]*):(?:\s+(?P<value>.*))?", re.DOTALL
)
_HOLDS_DETAILS: Final = re.compile(r"Worker \d+|Sort Key")
"""Properties with a value of their own below which more may stand; others have no value."""
_DEEPEST: Final = 250
"""Plans are some tens of nodes deep; Python gives up on recursion at about twice this depth."""
_DPU_AMOUNT: Final = re.compile(r": +[\d.]+ DPU\b")


class PlanError(DsqlkitError):
    """A text that is not a plan."""

    code = "not_a_plan"


def parse_plan(text: str) -> Plan:
    """Read one plan from text, as EXPLAIN returns, psql prints or a file holds it.

    Raises PlanError for any other text, several plans and EXPLAIN's JSON, XML and YAML formats
    included.
    """
    plan, *others = parse_plans(text)
    if others:
        second = _shortened(others[0].root.title)
        raise _not_a_plan(f"a second plan begins with {second!r}")
    return plan


def parse_plans(text: str) -> tuple[Plan, ...]:
    """Read all plans of a text, at least one: a session's paste holds several, and so does the
    answer of one EXPLAIN whose statement a rule made into several.

    Raises PlanError for a text in which a result is no plan, or that is empty.
    """
    return tuple(plan for block in plan_blocks(text) for plan in _plans(block))


def _plans(block: list[str]) -> Iterator[Plan]:
    lines = [_line(line) for line in block]
    if not lines:
        raise _not_a_plan("it is empty")
    if not _begins_plan(lines[0]):
        raise _not_a_plan(f"it begins with {_shortened(lines[0].text)!r}")
    reader = _Reader(lines)
    while reader.has_more:
        yield reader.plan()


@dataclass(frozen=True, slots=True)
class _Line:
    column: int
    text: str
    is_node: bool
    """Whether the line began with an arrow, which is not in `text`."""


class _Reader:
    """Takes line after line; each method reads one thing and stops before what is not its own."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._position = 0
        self._depth = 0

    @property
    def has_more(self) -> bool:
        return self._position < len(self._lines)

    def plan(self) -> Plan:
        root = self._node(edge=self._lines[self._position].column + 1)
        footer: list[Property] = []
        while (line := self._next()) is not None and not _begins_plan(line):
            footer.append(self._property())
        return Plan(root, tuple(footer))

    def _node(
        self, edge: int, label: str | None = None, index_above: str | None = None
    ) -> PlanNode:
        """The node on the next line, with all below it that stands further right than `edge`."""
        if self._depth == _DEEPEST:
            raise _not_a_plan(f"it is more than {_DEEPEST} nodes deep")
        self._depth += 1
        node = parse_node(self._take().text, index_above)
        index_below = node.index or (index_above if node.node_type in STORAGE_NODES else None)
        properties: list[Property] = []
        children: list[PlanNode] = []
        label_below: str | None = None
        while (line := self._next(edge)) is not None:
            if line.is_node:
                children.append(self._node(line.column, label_below, index_below))
                label_below = None
            elif self._is_label(line):
                label_below = self._take().text
            else:
                properties.append(self._property())
        self._depth -= 1
        return replace(node, label=label, properties=tuple(properties), children=tuple(children))

    def _property(self) -> Property:
        line = self._take()
        match = _PROPERTY.fullmatch(line.text)
        if match is None:
            return Property("", line.text)
        label, value = match["label"], match["value"] or ""
        details: list[Property] = []
        may_hold_details = not value or _HOLDS_DETAILS.fullmatch(label)
        while (below := self._next()) is not None and not below.is_node:
            # A paste may have lost the indentation of the DPU lines; their unit tells them.
            if not (may_hold_details and below.column > line.column) and not (
                label == DPU_HEADING and _DPU_AMOUNT.search(below.text)
            ):
                break
            details.append(self._property())
        return Property(label, value, tuple(details))

    def _is_label(self, line: _Line) -> bool:
        if not _LABEL.fullmatch(line.text) or self._position + 1 == len(self._lines):
            return False
        below = self._lines[self._position + 1]
        return below.is_node and below.column > line.column

    def _next(self, edge: int = -1) -> _Line | None:
        """The next line, if there is one and it stands further right than `edge`."""
        if self._position == len(self._lines):
            return None
        line = self._lines[self._position]
        return line if line.column > edge else None

    def _take(self) -> _Line:
        self._position += 1
        return self._lines[self._position - 1]


def _line(text: str) -> _Line:
    bare = text.lstrip()
    arrow = _ARROW.match(bare)
    return _Line(len(text) - len(bare), bare[arrow.end() :] if arrow else bare, arrow is not None)


def _begins_plan(line: _Line) -> bool:
    return line.is_node or is_node(line.text)


def _not_a_plan(why: str) -> PlanError:
    return PlanError(
        f"This text is not a plan: {why}.",
        hint="Give what EXPLAIN prints in its text format, from the first node to the last line.",
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
