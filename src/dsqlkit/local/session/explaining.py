"""Printing a plan as DSQL does: what has to be asked for it, and what the client gets instead.

The statement has run in the transaction that is still open, so what it read and wrote can be
measured there, as the client.
"""

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dsqlkit.local.backend.conversation import Conversation
from dsqlkit.local.backend.exchange import Exchange, Refused
from dsqlkit.local.explain.charge import changed_by
from dsqlkit.local.explain.document import Node, NoDocument, read
from dsqlkit.local.explain.facts import Facts, Measured, tables_of
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.printing import plan_lines
from dsqlkit.local.explain.scans import Scan, condition_of, scans_in, walk
from dsqlkit.local.statements.explained import Explained
from dsqlkit.local.wire.messages import (
    INT32,
    MAX_BACKEND_FRAME,
    Backend,
    FrameCutter,
    message,
)

_TABLES: Final = "SELECT dsqlkit.plan_tables($1)"
_READ: Final = "SELECT dsqlkit.read_by($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_WRITTEN: Final = "SELECT dsqlkit.written_by($1, $2, $3, $4, $5)"
_NS: Final = 1_000_000_000

_log = logging.getLogger(__name__)


def cpu_s(pid: int) -> float | None:
    """What a process has taken of a processor, in seconds; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / _NS
    return None


async def printed(
    conversation: Conversation, explained: Explained, exchange: Exchange, cpu: float | None
) -> bytes:
    """The answer to give in place of what was held back of an exchange. `cpu` is what the backend
    had taken of a processor before it."""
    answer = exchange.held()
    plans = _plans(answer)
    if plans is None:
        return answer
    after = cpu_s(conversation.pid) if cpu is not None else None
    taken = None if cpu is None or after is None else after - cpu
    try:
        facts = await _facts(conversation, explained, plans[0]["Plan"], taken)
    except Refused as refused:
        _log.error("a plan is printed without its tables: %s", refused)
        facts = Facts(cpu_s=taken)
    return _with_rows(answer, plan_lines(plans, explained, facts))


async def _facts(
    conversation: Conversation, explained: Explained, plan: Node, taken: float | None
) -> Facts:
    named = {
        (node["Schema"], node["Relation Name"]): None
        for node, _ in walk(plan)
        if "Relation Name" in node and "Schema" in node
    }
    if not named:
        return Facts(cpu_s=taken)
    names = [part for name in named for part in name]
    ((document,),) = await conversation.ask(_TABLES, _array(names))
    tables = tables_of(document or "[]")
    if not explained.analyze:
        return Facts(tables, cpu_s=taken)
    measured = {}
    for place, scan in scans_in(plan, tables):
        if explained.wants_dpu or (scan.left and scan.stored):
            found = await _measured(conversation, explained, scan)
            if found is not None:
                measured[place] = found
    written = await _written(conversation, explained, plan) if explained.wants_dpu else 0
    return Facts(tables, measured, written, taken)


async def _measured(
    conversation: Conversation, explained: Explained, scan: Scan
) -> Measured | None:
    figures = Figures.of(scan.node, explained)
    if figures.rows is None:
        return None
    rows = (figures.rows + (figures.removed or 0)) * figures.loops
    ((answer,),) = await conversation.ask(
        _READ,
        scan.node["Schema"],
        scan.node["Relation Name"],
        scan.alias,
        scan.index,
        str(scan.looks_up),
        scan.condition,
        condition_of(scan.stored) if scan.stored and scan.left else "",
        str(rows),
        str(figures.loops),
    )
    size, passed = json.loads(answer or "[0, 0]")
    return Measured(int(size), int(passed))


async def _written(conversation: Conversation, explained: Explained, plan: Node) -> int:
    total = 0
    for node, _ in walk(plan):
        rows = changed_by(node)
        if rows:
            ((size,),) = await conversation.ask(
                _WRITTEN,
                node["Schema"],
                node["Relation Name"],
                node["Operation"],
                _array(sorted(explained.assigned)),
                str(rows),
            )
            total += int(size or 0)
    return total


def _array(values: list[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _plans(answer: bytes) -> list[dict[str, Any]] | None:
    """The plans of an answer, None where it has none."""
    cutter = FrameCutter({Backend.DATA_ROW}, limit=MAX_BACKEND_FRAME)
    for kind, frame in cutter.feed(answer):
        if kind == Backend.DATA_ROW:
            try:
                return read(frame[11:].decode())
            except NoDocument:
                return None
    return None


def _with_rows(answer: bytes, lines: list[str]) -> bytes:
    cutter = FrameCutter({Backend.DATA_ROW}, limit=MAX_BACKEND_FRAME)
    # A literal may have several lines.
    rows = b"".join(_row(line.encode()) for line in "\n".join(lines).split("\n"))
    return b"".join(
        rows if kind == Backend.DATA_ROW else frame for kind, frame in cutter.feed(answer)
    )


def _row(value: bytes) -> bytes:
    return message(Backend.DATA_ROW, b"\0\1" + INT32.pack(len(value)) + value)
