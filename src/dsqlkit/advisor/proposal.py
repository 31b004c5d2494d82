"""An index that is proposed: its statement, its reason, and what it costs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dsqlkit.advisor.candidate import Candidate, counted
from dsqlkit.advisor.constraints import ConstraintCheck
from dsqlkit.advisor.ddl import create_index, index_name
from dsqlkit.advisor.existing import replaced
from dsqlkit.advisor.write_cost import entry_bytes, entry_dpu, lookup_dpu, write_cost


@dataclass(frozen=True, slots=True)
class Proposal:
    """An index to build. `bytes_a_row` is what a write pays, None where that is not known, for the
    `part` of the rows that a partial index holds; `redundant` names the indexes that could be
    dropped once it is there. `rows` is how many rows the query is then expected to read by it, and
    `rows_now` how many it reads of the table without.
    """

    name: str
    schema: str
    table: str
    ddl: str
    reason: str
    write_cost: str
    bytes_a_row: int | None
    redundant: tuple[str, ...] = ()
    rows: float | None = None
    rows_now: float | None = None
    part: float = 1.0


def proposal_of(candidate: Candidate, taken: Collection[str]) -> Proposal:
    """The index of a candidate, under a name that is not `taken`, with what it is good for."""
    table, key, included = candidate.facts.table, candidate.key, candidate.included
    name = index_name(table, key, included, taken, candidate.condition)
    parts = [candidate.reason]
    if candidate.condition:
        parts.append(f"only the rows where {candidate.condition} are in it")
    if candidate.covers and included:
        parts.append("INCLUDE holds the rest, so that the table is not read")
    elif included:
        parts.append("INCLUDE holds what is filtered, so that fewer rows are completed")
    elif not candidate.covers:
        parts.append("each row is completed from the table")
    reason = (
        f"{'; '.join(parts)}. About {counted(candidate.reads)} of {table.name} would be read; "
        f"{candidate.reads_now:,.0f} are now."
    )
    if candidate.saves_lookups:
        reason += f" {counted(candidate.lookups_now)} are looked up in the table now, and not then."
    if candidate.covers and included:
        reason += (
            f" That saves {lookup_dpu(candidate.reads):.5f} DPU of look-ups each time; an UPDATE "
            f"of an included column costs "
            f"{2 * entry_dpu(entry_bytes(candidate.facts, key, included)):.5f}."
        )
    return Proposal(
        name=name,
        schema=table.schema,
        table=table.name,
        ddl=create_index(table, name, key, included, candidate.condition),
        reason=reason,
        write_cost=write_cost(candidate.facts, key, included, candidate.part),
        bytes_a_row=entry_bytes(candidate.facts, key, included),
        redundant=tuple(index.name for index in replaced(candidate)),
        rows=candidate.reads,
        rows_now=candidate.reads_now,
        part=candidate.part,
    )


def check_proposal(check: ConstraintCheck, others: Sequence[Proposal]) -> Proposal:
    """The index that checks of a foreign key would use."""
    table = check.facts.table
    name = index_name(table, check.columns, taken={each.name for each in others})
    return Proposal(
        name=name,
        schema=table.schema,
        table=table.name,
        ddl=create_index(table, name, check.columns),
        reason=check.reason,
        write_cost=write_cost(check.facts, check.columns),
        bytes_a_row=entry_bytes(check.facts, check.columns),
    )
