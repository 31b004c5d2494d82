"""Printing a plan as DSQL does: what has to be asked for it, and what the client gets instead.

The statement has run in the transaction that is still open, so what it read and wrote can be
measured there, as the client.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dsqlkit.local.backend.conversation import Conversation, Frames, Question
from dsqlkit.local.backend.exchange import Exchange, Refused
from dsqlkit.local.explain.charge import changed_by
from dsqlkit.local.explain.document import Node, NoDocument, read
from dsqlkit.local.explain.facts import Facts, Table
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.measured import Reading
from dsqlkit.local.explain.printing import plan_lines
from dsqlkit.local.explain.scans import scans_in, walk
from dsqlkit.local.session.hiding import without_own_branches, without_own_names
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


def taken_since(before: float | None, pid: int) -> float | None:
    """What a process has taken of a processor since `cpu_s` answered this, in seconds."""
    if before is None:
        return None
    now = cpu_s(pid)
    return None if now is None else now - before


async def printed(
    conversation: Conversation,
    tables: PlanTables,
    explained: Explained,
    exchange: Exchange,
    taken: float | None,
    *,
    anew: bool,
    last: Frames | None = None,
) -> bytes:
    """The answer to give in place of what was held back of an exchange. `taken` is what the backend
    took of a processor for it, in seconds; `anew` as in PlanTables. `last` is sent after all that
    is asked for the plan, and not waited for."""
    answer = exchange.held()
    plans = _plans(answer)
    if plans is None:
        if last is not None:
            conversation.send(*last)
        return answer
    plan = plans[0]["Plan"]
    known: dict[Name, Table] = {}
    try:
        known = await tables.of(conversation, _tables_in(plan), anew=anew)
    except Refused as refused:
        _log.error("a plan is printed without its tables: %s", refused)
    try:
        facts = await _facts(conversation, explained, plan, known, taken, last)
    except Refused as refused:
        _log.error("a plan is printed without what it read: %s", refused)
        facts = Facts(known, cpu_s=taken)
    lines = plan_lines(plans, explained, facts)
    return _with_rows(answer, [without_own_names(line) for line in lines])


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
    last: Frames | None,
) -> Facts:
    reads: dict[int, Reading] = {}
    questions: list[Question] = []
    if explained.analyze and tables:
        for place, reading in _readings(explained, plan, tables):
            asked = reading.asked()
            if asked is not None:
                reads[place] = reading
                questions.append((_READ, *asked))
        if explained.wants_dpu:
            questions += _written_by(explained, plan)
    if not questions:
        if last is not None:
            conversation.send(*last)
        return Facts(tables, cpu_s=taken)
    answers = await conversation.ask_all(*questions, last=last)
    values = [answer for ((answer,),) in answers]
    measured = {
        place: reading.measured(value)
        for (place, reading), value in zip(reads.items(), values, strict=False)
    }
    written = sum(int(value or 0) for value in values[len(reads) :])
    return Facts(tables, measured, written, taken)


def _readings(
    explained: Explained, plan: Node, tables: dict[Name, Table]
) -> Iterator[tuple[int, Reading]]:
    for place, scan in scans_in(plan, tables):
        table = tables.get((scan.node["Schema"], scan.node["Relation Name"]))
        if table is not None:
            figures = Figures.of(scan.node, explained)
            yield place, Reading(scan, table, figures, explained.wants_dpu)


def _written_by(explained: Explained, plan: Node) -> Iterator[Question]:
    assigned = array(sorted(explained.assigned))
    for node, _ in walk(plan):
        if rows := changed_by(node):
            names = node["Schema"], node["Relation Name"], node["Operation"]
            yield (_WRITTEN, *names, assigned, str(rows))


def _plans(answer: bytes) -> list[dict[str, Any]] | None:
    """The plans of an answer, None where it has none."""
    cutter = FrameCutter({Backend.DATA_ROW}, limit=MAX_BACKEND_FRAME)
    for kind, frame in cutter.feed(answer):
        if kind == Backend.DATA_ROW:
            try:
                plans = read(frame[11:].decode())
                return [{**each, "Plan": without_own_branches(each["Plan"])} for each in plans]
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
