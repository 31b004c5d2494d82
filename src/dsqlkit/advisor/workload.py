"""A workload: many queries with weights, as a file of SQL says them.

A comment before a statement, or behind its `;` on the same line, says how often it runs
(`-- weight: 120`, `-- calls: 120`, `-- 120 calls`) and what it is called (`-- name: cart`).
Statements that differ in their literals alone are one query, and those without a comment count by
themselves: so a log of statements is a workload too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import postgast

from dsqlkit import sql_parser
from dsqlkit.errors import UsageError
from dsqlkit.queries import NamedQuery, parse_queries

_WEIGHT: Final = re.compile(
    r"--.*?(?:\b(?:weight|calls|count|runs)\b\s*[:=]?\s*(?P<after>\d+(?:\.\d+)?)"
    r"|(?P<before>\d+(?:\.\d+)?)\s*(?:calls|times|runs|x)\b)",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"--\s*name\s*[:=]\s*(?P<name>.+)", re.IGNORECASE)
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class WorkloadQuery:
    """A query of a workload, how often it runs in the time that the weights are of, and how many
    statements of the file it stands for.
    """

    name: str
    query: NamedQuery
    weight: float
    statements: int = 1
    label: str = ""
    """The name, or "query 3" where it has none of its own."""


def read_workload(
    name: str, text: str, values: Mapping[str, str] | None = None
) -> tuple[WorkloadQuery, ...]:
    """The queries of a text, in the order in which they first appear. Raises UsageError as
    `queries.parse_queries` does, and for a text without statements.
    """
    queries = parse_queries(name, text, values)
    if not queries:
        raise UsageError(f"{name} holds no statements.", hint="Give the queries to serve.")
    found: dict[str, WorkloadQuery] = {}
    for query, comment in zip(queries, _comments(text, queries), strict=True):
        weighed = _WEIGHT.search(comment)
        named = _NAME.search(comment)
        weight = float(weighed["after"] or weighed["before"]) if weighed else 1.0
        each = WorkloadQuery(named["name"].strip() if named else "", query, weight)
        shape = _shape(query.sql)
        known = found.get(shape)
        if known is not None:
            each = replace(known, weight=known.weight + weight, statements=known.statements + 1)
        found[shape] = each
    return tuple(
        replace(each, label=each.name)
        if each.name
        else replace(each, name=_title(each.query, place), label=f"query {place}")
        for place, each in enumerate(found.values(), start=1)
    )


def _comments(text: str, queries: tuple[NamedQuery, ...]) -> list[str]:
    """What is said of each statement: the text before it, and the rest of the line on which it
    ends, which is not said of the next one then.
    """
    starts = [query.marks[0][1] for query in queries]
    said = ["" for _ in queries]
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(text)
        last = text.rfind(";", start, end)
        behind = text[last + 1 : end].partition("\n")[0] if last >= 0 else ""
        said[place] += behind
        if place + 1 < len(starts):
            gap = text[last + 1 + len(behind) : end] if last >= 0 else ""
            said[place + 1] = gap
    return [text[: starts[0]] + said[0], *said[1:]]


def _shape(sql: str) -> str:
    """What statements that differ in their literals alone have in common."""
    plain = _PLACEHOLDER.sub("$1", sql).replace("%%", "%")
    try:
        return str(sql_parser.fingerprint(plain).hex)
    except postgast.PgQueryError:
        return plain  # the database says what is wrong with it, and where


def _title(query: NamedQuery, place: int) -> str:
    words = " ".join(_PLACEHOLDER.sub(r":'\1'", query.sql).replace("%%", "%").split())
    short = words if len(words) <= _LONGEST_NAME else words[: _LONGEST_NAME - 4].rstrip() + " ..."
    return f"{place}: {short}"
