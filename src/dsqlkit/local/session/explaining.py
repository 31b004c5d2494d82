"""Printing a plan as DSQL does: what has to be asked for it, and what the client gets instead.

The statement has run in the transaction that is still open, so what it read and wrote can be
measured there, as the client.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from dsqlkit.local.backend.conversation import Conversation, Frames
from dsqlkit.local.backend.exchange import Exchange, Refused
from dsqlkit.local.backend.question import Question
from dsqlkit.local.explain.charge import changed_by
from dsqlkit.local.explain.document import Node, NoDocument, read
from dsqlkit.local.explain.facts import Facts, Table
from dsqlkit.local.explain.figures import Figures
from dsqlkit.local.explain.measured import Reading
from dsqlkit.local.explain.printing import plan_lines
from dsqlkit.local.explain.scans import Scan, scans_in, walk
from dsqlkit.local.explain.sorts import without_needless_sorts
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.session.hiding import without_own_branches, without_own_names
from dsqlkit.local.session.plan_answers import PlanAnswers
from dsqlkit.local.session.plan_tables import Name, PlanTables
from dsqlkit.local.statements.explained import Explained
from dsqlkit.local.statements.quoting import array
from dsqlkit.local.wire.messages import (
    INT32,
    MAX_BACKEND_FRAME,
    Backend,
    FrameCutter,
    message,
)

_READ: Final = "SELECT dsqlkit.read_by($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_WRITTEN: Final = "SELECT dsqlkit.written_by($1, $2, $3, $4, $5, $6, $7)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ran:
    """An EXPLAIN that has run. `taken_s` is what the backend took of a processor for it;
    `anew` as in PlanTables, `state` and `keeps` as in PlanAnswers."""

    explained: Explained
    exchange: Exchange
    taken_s: float | None
    anew: bool = False
    state: str | None = None
    keeps: bool = False


class Plans:
    """The plans of one session, printed as DSQL does."""

    def __init__(self, conversation: Conversation, adjudicator: Adjudicator) -> None:
        self.answers = PlanAnswers()
        self._conversation = conversation
        self._tables = PlanTables(adjudicator)

    async def printed(self, ran: Ran, last: Frames | None = None) -> bytes:
        """The answer to give in place of what was held back. `last` is sent after all that is asked
        for the plan, and not waited for."""
        answer = ran.exchange.held()
        plan = _plan(answer)
        if plan is None:
            if last is not None:
                self._conversation.send(*last)
            return answer
        tables = await self._tables_of(plan["Plan"], anew=ran.anew)
        plan["Plan"] = root = without_needless_sorts(plan["Plan"], tables)
        scans = dict(scans_in(root, tables))
        try:
            facts = await self._facts(ran, root, scans, tables, last)
        except Refused as refused:
            _log.error("a plan is printed without what it read: %s", refused)
            facts = Facts(cpu_s=ran.taken_s)
        lines = plan_lines(plan, scans, ran.explained, facts)
        return _with_rows(answer, [without_own_names(line) for line in lines])

    async def _tables_of(self, plan: Node, *, anew: bool) -> dict[Name, Table]:
        try:
            return await self._tables.of(self._conversation, _tables_in(plan), anew=anew)
        except Refused as refused:
            _log.error("a plan is printed without its tables: %s", refused)
            return {}

    async def _facts(
        self,
        ran: Ran,
        plan: Node,
        scans: dict[int, Scan],
        tables: dict[Name, Table],
        last: Frames | None,
    ) -> Facts:
        reads: dict[int, Reading] = {}
        questions: list[Question] = []
        if ran.explained.analyze and tables:
            for place, reading in _readings(ran.explained, scans, tables):
                asked = reading.asked()
                if asked is not None:
                    reads[place] = reading
                    questions.append((_READ, *asked))
            if ran.explained.wants_dpu:
                questions += _written_by(ran.explained, plan, scans)
        values = await self.answers.of(
            self._conversation, questions, last, state=ran.state, keeps=ran.keeps
        )
        measured = {
            place: reading.measured(value)
            for (place, reading), value in zip(reads.items(), values, strict=False)
        }
        written = sum(int(value or 0) for value in values[len(reads) :])
        return Facts(measured, written, ran.taken_s)


def _tables_in(plan: Node) -> list[Name]:
    return [
        (node["Schema"], node["Relation Name"])
        for node, _ in walk(plan)
        if "Relation Name" in node and "Schema" in node
    ]


def _readings(
    explained: Explained, scans: dict[int, Scan], tables: dict[Name, Table]
) -> Iterator[tuple[int, Reading]]:
    for place, scan in scans.items():
        table = tables.get((scan.node["Schema"], scan.node["Relation Name"]))
        if table is not None:
            figures = Figures.of(scan.node, explained)
            yield place, Reading(scan, table, figures, explained.wants_dpu)


def _written_by(explained: Explained, plan: Node, scans: dict[int, Scan]) -> Iterator[Question]:
    assigned = array(sorted(explained.assigned))
    for node, _ in walk(plan):
        if rows := changed_by(node):
            names = node["Schema"], node["Relation Name"], node["Operation"]
            read = next((s for s in scans.values() if s.above and s.above[-1] is node), None)
            where = (node["Alias"], "") if read is None else (read.alias, read.condition)
            yield (_WRITTEN, *names, assigned, str(rows), *where)


def _plan(answer: bytes) -> dict[str, Any] | None:
    """The plan of an answer, None where it has none."""
    cutter = FrameCutter({Backend.DATA_ROW}, limit=MAX_BACKEND_FRAME)
    for kind, frame in cutter.feed(answer):
        if kind == Backend.DATA_ROW:
            try:
                plan = read(frame[11:].decode())[0]
                return {**plan, "Plan": without_own_branches(plan["Plan"])}
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
