"""Chapter 7: measure the query, build the chapter's two indexes, measure it again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from dsqlkit import indexes, interruption, measurement
from dsqlkit.advisor import consulting, trial
from dsqlkit.advisor.advise import Advice
from dsqlkit.advisor.proposal import Proposal
from dsqlkit.connection import Connections
from dsqlkit.errors import DsqlkitError, Interrupted
from dsqlkit.measurement import Measurement
from dsqlkit.plans.model import Plan
from dsqlkit.workshop import accounts7


@dataclass(frozen=True, slots=True)
class Optimization:
    """The query before and after the chapter's indexes, with a plan of each.

    `speedup` is None where the difference lies within the spread; `scan_reduction` compares the
    rows that were read, which does not depend on the machine. `insert_before` and `insert_after`
    are the DPU that an INSERT of one row writes, None where plans print none.
    """

    before: Measurement
    after: Measurement
    plan_before: Plan
    plan_after: Plan
    indexes: tuple[str, ...]
    speedup: float | None
    scan_reduction: float | None
    insert_before: Decimal | None = None
    insert_after: Decimal | None = None


def optimize(
    connections: Connections,
    on_step: Callable[[str], None] | None = None,
    *,
    table: str = accounts7.TABLE,
) -> Optimization:
    """Run the chapter; the indexes are there at its end. It can be run again at any time.

    The table must exist (`accounts7.set_up`). `on_step` is told what is being done. Raises
    Interrupted, which says what became of the indexes, and what `trial.try_out` raises.
    """
    try:
        return _optimize(connections, on_step, table)
    except (KeyboardInterrupt, Interrupted) as error:
        said = error.message if isinstance(error, Interrupted) else "Interrupted."
        hint = error.hint if isinstance(error, Interrupted) else None
        state = _state_of_indexes(connections, table)
        raise Interrupted(f"{said} {state}", hint=hint) from error


def chapter_indexes(connections: Connections, table: str = accounts7.TABLE) -> tuple[Proposal, ...]:
    """The chapter's own two indexes, as far as they are not there, to compare with."""
    there = {index.name for index in indexes.of_table(connections, table)}
    names, statements = accounts7.index_names(table)[1:], accounts7.index_statements(table)[1:]
    return tuple(
        Proposal(
            name=name,
            schema="public",
            table=table,
            ddl=ddl,
            reason="The chapter's own.",
            write_cost="",
            bytes_a_row=None,
        )
        for name, ddl in zip(names, statements, strict=True)
        if name not in there
    )


def _state_of_indexes(connections: Connections, table: str) -> str:
    names = accounts7.index_names(table)[1:]
    try:
        valid = {each.name: each.valid for each in indexes.of_table(connections, table)}
    except (DsqlkitError, KeyboardInterrupt):
        return f"Which of {' and '.join(names)} are there is not known."
    words = {None: "is not there", False: "is being built", True: "is there"}
    return f"{'; '.join(f'{name} {words[valid.get(name)]}' for name in names)}."


def _optimize(
    connections: Connections, on_step: Callable[[str], None] | None, table: str
) -> Optimization:
    names = accounts7.index_names(table)[1:]
    with interruption.interruptible():
        for name in names:
            indexes.drop(connections, name)
        accounts7.analyze(connections, table)
        query = accounts7.query(table)
        plan_before = measurement.warm_runs(connections, query.sql, query.parameters, 1)[-1]
        insert_before = accounts7.insert_dpu(connections, table)
        consultation = consulting.consult(connections, query.sql, query.parameters, on_step)
        chapter = replace(consultation, advice=Advice(chapter_indexes(connections, table)))
    outcome = trial.try_out(connections, chapter, keep_all=True, say=on_step)
    return Optimization(
        before=outcome.before,
        after=outcome.after,
        plan_before=plan_before,
        plan_after=measurement.warm_runs(connections, query.sql, query.parameters, 1)[-1],
        indexes=names,
        speedup=outcome.speedup,
        scan_reduction=outcome.scan_reduction,
        insert_before=insert_before,
        insert_after=accounts7.insert_dpu(connections, table),
    )
