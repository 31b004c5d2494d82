"""What the indexes that are there give already, and which of them a new one would replace."""

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.condition_reader import ConditionReader
from dsqlkit.advisor.query import Predicate, TableUse
from dsqlkit.advisor.scopes import Scope, columns_of
from dsqlkit.advisor.statistics import NULLS_FIRST
from dsqlkit.advisor.syntax import bare, conjuncts, parse_condition, text_of
from dsqlkit.plans.catalog import Index, Table


def serving(candidate: Candidate, use: TableUse) -> Index | None:
    """An index that narrows what is read as far as the candidate does; one that answers without
    the table before one that does not.
    """
    found = [
        index
        for index in candidate.facts.table.indexes
        if index.valid and _narrows(index, candidate) and applies(index, candidate.facts.table, use)
    ]
    return max(found, key=lambda index: covers(index, use), default=None)


def covers(index: Index, use: TableUse) -> bool:
    """Whether the index holds all that the use needs."""
    return use.index_alone and use.needed <= index.columns


def applies(index: Index, table: Table, use: TableUse) -> bool:
    """Whether a partial index's condition is one of the query's; a whole index always applies."""
    if index.condition is None:
        return True
    asked = predicates_of(table, index.condition)
    if asked is None:
        return False
    given = {(each.column, each.comparison, each.bounds) for each in use.predicates}
    return all((each.column, each.comparison, each.bounds) in given for each in asked)


def replaced(candidate: Candidate) -> tuple[Index, ...]:
    """The indexes whose work the candidate would do: their key is the beginning of its own, and it
    holds all their columns. A unique index also is a rule, and stays.
    """
    columns = {*candidate.key, *candidate.included}
    return tuple(
        index
        for index in candidate.facts.table.indexes
        if not index.primary
        and not index.unique
        and (index.condition or "") == candidate.condition
        and key_of(index) == candidate.key[: len(index.key)]
        and index.columns <= columns
    )


def key_of(index: Index) -> tuple[str, ...]:
    """An index's key in the words of a candidate's: columns, and expressions as the advisor writes
    them, with NULLS FIRST where it is so.
    """
    parts = index.parts or tuple(name or "" for name in index.key)
    return tuple(_part(name, part) for name, part in zip(index.key, parts, strict=True))


def _part(name: str | None, part: str) -> str:
    ending = NULLS_FIRST if part.endswith(NULLS_FIRST) else ""
    if name is not None:
        return name + ending
    text = part.removesuffix(NULLS_FIRST)
    return (text_of(bare(parse_condition(text)), {}) if text else "") + ending


def _narrows(index: Index, candidate: Candidate) -> bool:
    points = len(candidate.points)
    key = key_of(index)
    if candidate.condition and not index.condition:
        return False
    return (
        frozenset(key[:points]) == frozenset(candidate.points)
        and key[points : points + len(candidate.then)] == candidate.then
    )


def predicates_of(table: Table, condition: str) -> tuple[Predicate, ...] | None:
    """What a partial index's condition asks; None where it is more than a B-tree could serve."""
    scope = Scope()
    scope.relations[table.name] = columns_of(0, table)
    reader = ConditionReader(scope.resolve)
    readings = [reader.read(each) for each in conjuncts(parse_condition(condition))]
    found = tuple(reading.predicate[1] for reading in readings if reading.predicate)
    return found if len(found) == len(readings) else None
