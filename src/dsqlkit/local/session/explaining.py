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
from dsqlkit.local.explain.facts import Facts, Measured, Table
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.printing import plan_lines
from dsqlkit.local.explain.scans import Scan, condition_of, scans_in, walk
from dsqlkit.local.session.plan_tables import Name, PlanTables, array
from dsqlkit.local.statements.explained import Explained
from dsqlkit.local.wire.messages import (
    INT32,
    MAX_BACKEND_FRAME,
    Backend,
    FrameCutter,
    message,
)

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
    conversation: Conversation,
    tables: PlanTables,
    explained: Explained,
    exchange: Exchange,
    cpu: float | None,
    *,
    anew: bool,
) -> bytes:
    """The answer to give in place of what was held back of an exchange. `cpu` is what the backend
    had taken of a processor before it; `anew` as in PlanTables."""
    answer = exchange.held()
    plans = _plans(answer)
    if plans is None:
        return answer
    after = cpu_s(conversation.pid) if cpu is not None else None
    taken = None if cpu is None or after is None else after - cpu
    try:
        plan = plans[0]["Plan"]
        known = await tables.of(conversation, _tables_in(plan), anew=anew)
        facts = await _facts(conversation, explained, plan, known, taken)
    except Refused as refused:
        _log.error("a plan is printed without its tables: %s", refused)
        facts = Facts(cpu_s=taken)
    return _with_rows(answer, plan_lines(plans, explained, facts))


def _tables_in(plan: Node) -> list[Name]:
    return [
        (node["Schema"], node["Relation Name"])
        for node, _ in walk(plan)
        if "Relation Name" in node and "Schema" in node
    ]


async def _facts(
    conversation: Conversation,
    explained: Explained,
    plan: Node,
    tables: dict[Name, Table],
    taken: float | None,
) -> Facts:
    if not explained.analyze or not tables:
        return Facts(tables, cpu_s=taken)
    measured = {}
    for place, scan in scans_in(plan, tables):
        if explained.wants_dpu or (scan.left and scan.stored):
            found = await _measured(conversation, explained, scan, tables)
            if found is not None:
                measured[place] = found
    written = await _written(conversation, explained, plan) if explained.wants_dpu else 0
    return Facts(tables, measured, written, taken)


async def _measured(
    conversation: Conversation, explained: Explained, scan: Scan, tables: dict[Name, Table]
) -> Measured | None:
    figures = Figures.of(scan.node, explained)
    table = tables.get((scan.node["Schema"], scan.node["Relation Name"]))
    if figures.rows is None or table is None:
        return None
    rows = (figures.rows + (figures.removed or 0)) * figures.loops
    ((answer,),) = await conversation.ask(
        _READ,
        scan.node["Schema"],
        scan.node["Relation Name"],
        scan.alias,
        table.entry_of(scan.index),
        table.entry if scan.looks_up else None,
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
                array(sorted(explained.assigned)),
                str(rows),
            )
            total += int(size or 0)
    return total


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
