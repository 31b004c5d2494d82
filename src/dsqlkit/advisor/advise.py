"""The advice on one query: indexes to build, others to compare them with, and what was left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import log2
from typing import Final

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.candidates import candidates_of
from dsqlkit.advisor.constraints import constraint_checks
from dsqlkit.advisor.correlation import correlated_columns
from dsqlkit.advisor.existing import covers, replaced, serving
from dsqlkit.advisor.facts_reader import Facts
from dsqlkit.advisor.joins import joins_of
from dsqlkit.advisor.measured import Reads, ended_early, pairs_of, reads_of, scans_of
from dsqlkit.advisor.plan_conditions import with_plan
from dsqlkit.advisor.proposal import Proposal, check_proposal, proposal_of
from dsqlkit.advisor.query import Obstacle, Query, TableUse
from dsqlkit.advisor.reading import read_query
from dsqlkit.advisor.statistics import TableFacts
from dsqlkit.advisor.syntax import Statement
from dsqlkit.plans.headroom import WORTH_ROWS
from dsqlkit.plans.model import Plan
from dsqlkit.quotas import MAX_INDEXES

_OUTDATED: Final = 2.0
"""An index that would read this many times less than the plan did was not used."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do for a query. `proposals` belong together, one for each table that gains;
    `alternatives` each stand in for the proposal of their table. `notes` say what was left out.

    `candidates` are the proposals as they were weighed, but for those of foreign keys.
    `obstacles` and `correlations` are those of the notes that say why no index serves a condition,
    and which columns depend on each other, each with its table.
    """

    proposals: tuple[Proposal, ...]
    alternatives: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    obstacles: tuple[tuple[str, str], ...] = ()
    correlations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Choice:
    use: TableUse
    candidate: Candidate


def advise(statement: Statement, plan: Plan, facts: Facts) -> Advice:
    """The indexes that a statement would gain from, by its measured plan and the statistics."""
    by_table = {id(each.table): each for each in facts.tables}
    query = read_query(statement, facts.catalog)
    of_uses = tuple(by_table[id(use.table)] for use in query.uses)
    scanned = scans_of(plan, query)
    literal = not statement.names
    uses = tuple(
        with_plan(use, found, literal=literal)
        for use, found in zip(query.uses, scanned, strict=True)
    )
    query = replace(query, uses=uses)
    early = ended_early(plan)
    reads = tuple(
        reads_of(found, known, early) for found, known in zip(scanned, of_uses, strict=True)
    )
    notes = [*query.notes] + [
        f"{name} is no table that the plan reads: nothing is known of it." for name in query.unknown
    ]
    chosen: list[_Choice] = []
    others: list[_Choice] = []
    for use, candidates in _by_use(query, of_uses, reads, pairs_of(plan, query)):
        worthy = sorted((c for c in candidates if c.is_worth_it), key=_preference)
        kept, said = _new(worthy, candidates, use)
        notes += said
        if kept:
            chosen.append(_Choice(use, kept[0]))
            others += [_Choice(use, each) for each in _variants(kept)]
    chosen = _without_repetition(chosen)
    made: dict[tuple[str, ...], Proposal] = {}
    for each in (*chosen, *others):
        mine = each.candidate
        index = (mine.facts.table.name, *mine.key, "", *mine.included, "", mine.condition)
        if index not in made:
            made[index] = proposal_of(each.candidate, {other.name for other in made.values()})
    every = tuple(made.values())
    proposals, alternatives = every[: len(chosen)], every[len(chosen) :]
    for use, read in zip(uses, reads, strict=True):
        notes += _hindrances(use, read)
    correlations = [
        (use.table.name, words)
        for use, known, found in zip(uses, of_uses, scanned, strict=True)
        for words in correlated_columns(use, known, found)
    ]
    obstacles = [(use.table.name, _obstacle_words(each)) for use in uses for each in use.obstacles]
    notes += [words for _, words in correlations]
    checks = constraint_checks(plan, facts)
    proposals += tuple(check_proposal(each, proposals) for each in checks)
    return Advice(
        proposals,
        alternatives,
        tuple(dict.fromkeys(notes)),
        tuple(each.candidate for each in chosen),
        tuple(dict.fromkeys(obstacles)),
        tuple(dict.fromkeys(correlations)),
    )


def _preference(candidate: Candidate) -> tuple[float, bool, int, tuple[str, ...]]:
    """The order of candidates, the best first: by what they read, in steps of some size, so that
    chance decides nothing; then one that makes an index redundant; then the smaller.
    """
    step = round(log2(candidate.weight) * 2)
    return step, not replaced(candidate), len(candidate.included), candidate.key


def _by_use(
    query: Query,
    facts: tuple[TableFacts, ...],
    reads: tuple[Reads | None, ...],
    pairs: Mapping[tuple[int, int], float],
) -> Iterator[tuple[TableUse, list[Candidate]]]:
    joins = joins_of(query, facts, reads, pairs)
    for place, (use, now) in enumerate(zip(query.uses, reads, strict=True)):
        if now is None:
            continue
        joined_to = any(lookup.inner == place for lookup in query.lookups)
        joined = joins[place]
        if joined is not None and joined.is_worth_it:
            yield use, [joined]
        else:
            yield use, [*candidates_of(use, facts[place], now, joined_to=joined_to)]


def _new(
    worthy: list[Candidate], every: list[Candidate], use: TableUse
) -> tuple[list[Candidate], list[str]]:
    """The candidates that give what no index gives yet, and what is said of the others."""
    kept: list[Candidate] = []
    notes: list[str] = []
    for candidate in worthy:
        index = serving(candidate, use)
        if index is None or (candidate.saves_lookups and not covers(index, use)):
            kept.append(candidate)
            continue
        notes.append(
            f"{index.name} of {candidate.facts.table.name} gives what an index on "
            f"{', '.join(candidate.key)} would give, and the plan did not use it: run ANALYZE "
            f"{candidate.facts.table.name}, and look at its statistics."
        )
    for candidate in every:
        if candidate in worthy:
            continue
        index = serving(candidate, use)
        if (
            index is not None
            and candidate.reads_now <= max(candidate.reads, WORTH_ROWS) * _OUTDATED
        ):
            what = (
                ""
                if covers(index, use) or not use.index_alone
                else (" (each row is completed from the table)")
            )
            notes.append(
                f"{index.name} of {candidate.facts.table.name} already gives what an index on "
                f"{', '.join(candidate.key)} would give{what}."
            )
    full = [each for each in kept if len(each.facts.table.indexes) >= MAX_INDEXES]
    if full:
        notes.append(
            f"{full[0].facts.table.name} has {MAX_INDEXES} indexes, the most that DSQL allows: "
            "drop one before another is built."
        )
        kept = []
    return kept, notes


def _variants(kept: list[Candidate]) -> Iterator[Candidate]:
    """What the best is compared with: itself without INCLUDE, and the next best."""
    best = kept[0]
    if best.included:
        yield replace(best, included=(), covers=False)
    yield from [each for each in kept[1:] if each.key != best.key][:1]


def _without_repetition(chosen: list[_Choice]) -> list[_Choice]:
    """One index is enough where another's key begins with its own and holds its columns."""
    kept: list[_Choice] = []
    for each in sorted(chosen, key=lambda c: -len(c.candidate.key)):
        mine = each.candidate
        columns = {*mine.key, *mine.included}
        if not any(
            other.candidate.facts is mine.facts
            and other.candidate.key[: len(mine.key)] == mine.key
            and other.candidate.condition == mine.condition
            and columns <= {*other.candidate.key, *other.candidate.included}
            for other in kept
        ):
            kept.append(each)
    return [each for each in chosen if each in kept]


def _obstacle_words(obstacle: Obstacle) -> str:
    return f"No index serves {obstacle.text}: {obstacle.why}"


def _hindrances(use: TableUse, now: Reads | None) -> Iterator[str]:
    if now is None or now.read < WORTH_ROWS:
        return
    if use.table.rows is None:
        yield (
            f"{use.table.name} was never analyzed, so that the figures are guesses: run ANALYZE "
            f"{use.table.name} first."
        )
    if now.passed_over:
        yield (
            f"{now.index} of {use.table.name} is read as a whole, as its key begins with a column "
            "that the condition leaves out. The plan counts only the rows that it finds there."
        )
    for obstacle in use.obstacles:
        yield _obstacle_words(obstacle)
    for predicate in use.predicates:
        if predicate.caution:
            yield predicate.caution
    for index in use.table.indexes:
        if not index.valid:
            yield (
                f"{index.name} of {use.table.name} is not valid, so that no query uses it: look "
                "at sys.jobs."
            )
