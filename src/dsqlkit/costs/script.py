"""A script's statements and the transactions that they make. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit.errors import UsageError
from dsqlkit.queries import NamedQuery

_COMMENTS: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_BEGINS: Final = re.compile(r"BEGIN\b|START\s+TRANSACTION\b", re.IGNORECASE)
_ENDS: Final = re.compile(r"COMMIT\b|END\b|ROLLBACK\b|ABORT\b", re.IGNORECASE)
_EXPLAINED: Final = re.compile(
    r"\(|(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|TABLE)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Statements that commit together, at least one."""

    statements: tuple[NamedQuery, ...]


def transactions(queries: Sequence[NamedQuery]) -> tuple[Transaction, ...]:
    """The transactions of a script: from BEGIN to COMMIT, and each other statement by itself.

    Raises UsageError for a statement that has no plan, and where there is none that has one.
    """
    found = tuple(Transaction(tuple(each)) for each in _grouped(queries) if each)
    if not found:
        raise UsageError("There is no statement to tell the cost of.")
    return found


def _grouped(queries: Sequence[NamedQuery]) -> Iterator[list[NamedQuery]]:
    block: list[NamedQuery] | None = None
    for query in queries:
        words = query.sql[_match_end(query.sql) :]
        if _BEGINS.match(words):
            yield block or []
            block = []
        elif _ENDS.match(words):
            yield block or []
            block = None
        elif not _EXPLAINED.match(words):
            raise UsageError(
                f"Nobody can tell beforehand what this costs: {_short(words)}",
                hint="A cluster prints DPU for SELECT, INSERT, UPDATE and DELETE. Leave the "
                "others out: SET, and what makes or changes tables.",
            )
        elif block is None:
            yield [query]
        else:
            block.append(query)
    yield block or []


def _match_end(sql: str) -> int:
    found = _COMMENTS.match(sql)
    return found.end() if found else 0


def _short(sql: str) -> str:
    line = " ".join(sql.replace("%%", "%").split())
    return line if len(line) <= 60 else f"{line[:57]}..."
