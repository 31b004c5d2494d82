"""Ask for advice on a workload: each query is measured, and the fewest indexes serve them all."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal

from dsqlkit import measurement
from dsqlkit.advisor.advise import Advice, advise
from dsqlkit.advisor.consulting import Say
from dsqlkit.advisor.ddl import create_index, index_name
from dsqlkit.advisor.facts_reader import Facts, facts_of
from dsqlkit.advisor.fewest import Need, SharedIndex, TableWrite, fewest
from dsqlkit.advisor.syntax import parse
from dsqlkit.advisor.unneeded import Held, Unneeded, unneeded
from dsqlkit.advisor.workload import WorkloadQuery
from dsqlkit.advisor.writes import writes_of
from dsqlkit.connection import Connections
from dsqlkit.plans.catalog import ForeignKey, Table
from dsqlkit.plans.model import Plan
from dsqlkit.plans.scans import rows_scanned
from dsqlkit.queries import NamedQuery
from dsqlkit.transaction import run


@dataclass(frozen=True, slots=True)
class QueryAdvice:
    """A query of the workload as it was measured: what one run reads, which indexes it reads it
    from, and which of those proposed serve it then, with what it is then expected to read.
    """

    asked: WorkloadQuery
    rows_scanned: int
    rows_expected: int
    indexes_now: tuple[str, ...]
    indexes_then: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposedIndex:
    """An index for the workload. `dpu_saved` and `dpu_written` are over all its runs; `worth_it` is
    false where its writes cost more than it saves.
    """

    name: str
    ddl: str
    index: SharedIndex
    dpu_written: Decimal

    @property
    def worth_it(self) -> bool:
        return self.index.dpu_saved > self.dpu_written


@dataclass(frozen=True, slots=True)
class WorkloadAdvice:
    """What to do for a workload: indexes to build, those whose writes would cost more than they
    save, and those that are there for nothing.
    """

    queries: tuple[QueryAdvice, ...]
    proposals: tuple[ProposedIndex, ...]
    rejected: tuple[ProposedIndex, ...]
    unneeded: tuple[Unneeded, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    asked: WorkloadQuery
    plan: Plan
    facts: Facts
    advice: Advice
    writes: tuple[TableWrite, ...]


def consult_workload(
    connections: Connections,
    workload: Sequence[WorkloadQuery],
    say: Say | None = None,
    pointing_into: Callable[[NamedQuery], AbstractContextManager[None]] | None = None,
) -> WorkloadAdvice:
    """Measure each query once it is warm, and propose the fewest indexes; nothing is built, and
    what a statement writes is rolled back.

    `pointing_into` wraps the work on a query, so that an error can tell its place. Raises what
    `consulting.consult` raises.
    """
    within = pointing_into or (lambda _: nullcontext())
    measured = []
    for number, each in enumerate(workload, start=1):
        if say is not None:
            say(f"Measuring query {number} of {len(workload)}: {each.name}")
        with within(each.query):
            measured.append(_measure(connections, each))
    return _advice(measured)


def _measure(connections: Connections, asked: WorkloadQuery) -> _Measured:
    query = asked.query
    statement = parse(query.sql, query.parameters)
    (plan,) = measurement.warm_runs(connections, query.sql, query.parameters, 1)
    facts = run(connections, lambda connection: facts_of(connection, plan, statement)).value
    advice = advise(statement, plan, facts)
    return _Measured(asked, plan, facts, advice, writes_of(statement, plan, asked.weight))


def _advice(measured: Sequence[_Measured]) -> WorkloadAdvice:
    needs = [
        Need(place, each.asked.weight, candidate)
        for place, each in enumerate(measured)
        for candidate in each.advice.candidates
    ]
    writes = [write for each in measured for write in each.writes]
    proposals: list[ProposedIndex] = []
    for index in fewest(needs):
        table = index.facts.table
        taken = {each.name for each in proposals}
        name = index_name(table, index.key, index.included, taken, index.condition)
        ddl = create_index(table, name, index.key, index.included, index.condition)
        paid = sum((write.dpu(index) for write in writes), Decimal(0))
        proposals.append(ProposedIndex(name, ddl, index, paid))
    kept = tuple(each for each in proposals if each.worth_it)
    tables = {
        (of.table.schema, of.table.name): of.table for each in measured for of in each.facts.tables
    }
    foreign_keys = {key: None for each in measured for key in each.facts.foreign_keys}
    used = {node.index for each in measured for node in each.plan.walk() if node.index}
    return WorkloadAdvice(
        tuple(_query_advice(place, each, kept) for place, each in enumerate(measured)),
        kept,
        tuple(each for each in proposals if not each.worth_it),
        _unneeded(tables.values(), used, kept, foreign_keys),
        tuple(dict.fromkeys(note for each in measured for note in _checks(each))),
    )


def _query_advice(
    place: int, measured: _Measured, proposals: Sequence[ProposedIndex]
) -> QueryAdvice:
    served = [
        (each.name, need) for each in proposals for need in each.index.needs if need.query == place
    ]
    read = float(rows_scanned(measured.plan) or 0)
    saved = sum(need.candidate.reads_now - need.candidate.reads for _, need in served)
    return QueryAdvice(
        measured.asked,
        round(read),
        round(max(read - saved, 0)),
        tuple(dict.fromkeys(node.index for node in measured.plan.walk() if node.index)),
        tuple(dict.fromkeys(name for name, _ in served)),
        measured.advice.notes,
    )


def _checks(measured: _Measured) -> Sequence[str]:
    """The indexes of foreign keys, whose gain no plan counts in rows."""
    return [f"{each.ddl}; {each.reason}" for each in measured.advice.proposals if each.rows is None]


def _unneeded(
    tables: Collection[Table],
    used: set[str],
    proposals: Sequence[ProposedIndex],
    foreign_keys: dict[ForeignKey, None],
) -> tuple[Unneeded, ...]:
    new = [
        Held(
            each.name,
            (each.index.facts.table.schema, each.index.facts.table.name),
            each.index.key,
            each.index.columns,
            each.index.condition,
        )
        for each in proposals
    ]
    return unneeded(tables, used, new, tuple(foreign_keys))
