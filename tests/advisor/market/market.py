"""The acceptance set: its tables, its queries, and how advice on a query is judged.

The measure is the best of several indexes built by hand: rows read, and rows read again in the
table, by the plan that the cluster then makes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from dsqlkit import indexes
from dsqlkit.advisor import consulting
from dsqlkit.advisor.advise import Advice
from dsqlkit.advisor.judging import judged
from dsqlkit.connection import Connections
from dsqlkit.plans.model import Plan
from dsqlkit.plans.runner import explain
from dsqlkit.plans.scans import rows_scanned, scans
from dsqlkit.queries import parse_query, split_statements

_FOLDER: Final = Path(__file__).parent
_BATCH: Final = 3000
_TABLE: Final = re.compile(r"CREATE (TABLE|VIEW) (\w+)")
_COUNTED: Final = re.compile(r"^-- (?P<table>\w+) (?P<rows>\d+)$", re.MULTILINE)
_NOTE: Final = re.compile(r"^-- (?P<kind>name|try|check): (?P<words>.+)$", re.MULTILINE)

_DDL: Final = re.compile(r"CREATE INDEX ASYNC .+?(?= \(about |\.(?: |$))")

FEW: Final = 100
"""Saving fewer rows than this is no gain."""


class Verdict(StrEnum):
    """What became of the advice on a query."""

    BEST = "best"
    SILENT = "rightly silent"
    PARTLY = "partly right"
    MISSED = "missed"
    WRONG = "wrong"


@dataclass(frozen=True)
class Case:
    """A query, the sets of indexes that an expert would build (what stands behind ON), and what
    must be proposed where no plan shows its use.
    """

    name: str
    sql: str
    tries: tuple[tuple[str, ...], ...]
    check: str | None = None


@dataclass(frozen=True)
class Judged:
    """A case with its verdict; rows are read before, by the best set, and by what was proposed.
    `promises` are pairs of the rows that were promised of a table and those read of it.
    """

    case: Case
    verdict: Verdict
    proposed: tuple[str, ...]
    before: float
    best: float
    after: float
    promises: tuple[tuple[float, float], ...]

    @property
    def kept_its_promises(self) -> bool:
        return all(
            max(promised, read) <= 2 * max(min(promised, read), 1) or abs(promised - read) <= 20
            for promised, read in self.promises
        )

    def __str__(self) -> str:
        promises = "".join(f" promised {p:,.0f} read {r:,.0f}" for p, r in self.promises)
        return (
            f"{self.verdict:15}{self.case.name}: {self.before:,.0f} -> {self.after:,.0f}"
            f" (best {self.best:,.0f}){promises} {'; '.join(self.proposed)}"
        )


def set_up(connections: Connections) -> None:
    """Make the tables anew, with their rows, and analyze them."""
    tear_down(connections)
    tables = (_FOLDER / "tables.sql").read_text(encoding="utf-8")
    rows = (_FOLDER / "rows.sql").read_text(encoding="utf-8")
    counts = {f"mk_{each['table']}": int(each["rows"]) for each in _COUNTED.finditer(rows)}
    with connections.connection() as connection:
        for sql in split_statements(tables):
            connection.execute(sql.encode())
        for sql, (table, count) in zip(split_statements(rows), counts.items(), strict=True):
            for first in range(1, count + 1, _BATCH):
                last = min(first + _BATCH - 1, count)
                values = {"first": str(first), "last": str(last)}
                query = parse_query(table, sql, values)
                connection.execute(query.sql.encode(), query.parameters)
            connection.execute(f"ANALYZE {table}".encode())


def tear_down(connections: Connections) -> None:
    """Drop the tables and views, as far as they are there."""
    made = _TABLE.findall((_FOLDER / "tables.sql").read_text(encoding="utf-8"))
    with connections.connection() as connection:
        for kind, name in reversed(made):
            connection.execute(f"DROP {kind} IF EXISTS {name}".encode())


def cases(text: str | None = None) -> tuple[Case, ...]:
    """The queries of the set, or those of another text of the same form."""
    text = text or (_FOLDER / "queries.sql").read_text(encoding="utf-8")
    found = []
    for part in text.split("-- name: ")[1:]:
        notes = list(_NOTE.finditer("-- name: " + part))
        tries = [each["words"] for each in notes if each["kind"] == "try"]
        found.append(
            Case(
                notes[0]["words"],
                split_statements(part.partition("\n")[2])[0],
                tuple(tuple(each.split(" ; ")) for each in tries),
                next((each["words"] for each in notes if each["kind"] == "check"), None),
            )
        )
    return tuple(found)


def judge(connections: Connections, case: Case) -> Judged:
    """Take the advice on a case, build it, and compare it with the sets built by hand."""
    query = parse_query("case", case.sql)
    advice = consulting.consult(connections, query.sql, query.parameters).advice
    proposed = tuple(each.ddl.partition(" ON ")[2] for each in advice.proposals)
    measure = _measure_of(connections, case)
    before = _cost(measure())
    if case.check is not None:
        verdict = Verdict.BEST if proposed == (case.check,) else Verdict.MISSED
        return Judged(case, verdict, proposed, before, before, before, ())
    best = before
    for number, ons in enumerate(case.tries):
        names = [f"mk_by_hand_{number}_{place}" for place in range(len(ons))]
        ddl = [f"CREATE INDEX ASYNC {n} ON {on}" for n, on in zip(names, ons, strict=True)]
        best = min(best, _cost(_with(connections, names, ddl, measure)))
    names = [each.name for each in advice.proposals]
    plan = _with(connections, names, [each.ddl for each in advice.proposals], measure)
    after = _cost(plan)
    verdict = _verdict(names, plan, before, best, after)
    return Judged(case, verdict, proposed, before, best, after, _promises(advice, plan))


def _measure_of(connections: Connections, case: Case) -> Callable[[], Plan]:
    def measure() -> Plan:
        with connections.connection() as connection:
            plans = [explain(connection, case.sql, verbose=True).plan for _ in range(2)]
        return plans[-1]

    return measure


def _with(
    connections: Connections, names: Iterable[str], ddl: Iterable[str], measure: Callable[[], Plan]
) -> Plan:
    try:
        for each in ddl:
            indexes.build(connections, each)
        return measure()
    finally:
        for name in names:
            indexes.drop(connections, name)


def _cost(plan: Plan) -> float:
    return float(rows_scanned(plan) or 0)


def _verdict(names: list[str], plan: Plan, before: float, best: float, after: float) -> Verdict:
    gain = before - best >= FEW and best * 2 <= before
    if not names:
        return Verdict.MISSED if gain else Verdict.SILENT
    used = {node.index for node in plan.walk() if node.index}
    if after * 2 > before or before - after < FEW or not used >= set(names):
        return Verdict.WRONG
    return Verdict.BEST if after <= max(best * 1.5, best + 40) else Verdict.PARTLY


def _promises(advice: Advice, plan: Plan) -> tuple[tuple[float, float], ...]:
    read: dict[str, float] = {}
    for scan in scans(plan):
        if scan.node.index:
            read[scan.node.index] = read.get(scan.node.index, 0.0) + (scan.read or 0.0)
    return tuple(
        (each.rows, read[each.name])
        for each in advice.proposals
        if each.rows is not None and each.name in read
    )


def false_findings(connections: Connections, case: Case) -> tuple[int, list[str]]:
    """How many findings `explain` has about indexes for a case, and those that are false: an index
    that is not used or saves little once it is there, or none where one built by hand helps.
    """
    query = parse_query("case", case.sql)
    with connections.connection() as connection:
        result = explain(connection, query.sql, query.parameters, verbose=True, with_catalog=True)
        findings = judged(connection, result, query.sql, {}).findings
    measure = _measure_of(connections, case)
    before = _cost(measure())
    false = []
    for finding in findings:
        for number, ddl in enumerate(_DDL.findall(finding.advice)):
            name = f"mk_of_finding_{number}"
            built = re.sub(r"ASYNC (?:\w+|\"[^\"]+\") ON", f"ASYNC {name} ON", ddl)
            plan = _with(connections, [name], [built], measure)
            used = name in {node.index for node in plan.walk()}
            if case.check is None and not (used and _cost(plan) < before):
                false.append(f"{case.name}: {finding.observed} {finding.advice}")
        if finding.advice.startswith("No index") and case.tries:
            false.append(f"{case.name}: {finding.advice}")
    return len(findings), false
