"""Whether a transaction's statements can be run again in place of reading out what they did. Pure.

The snapshot of a transaction outlives going back to its savepoint. So the same statements find and
make the same rows again, at the cost of what they touched, unless they call what gives something
else each time, or leave such a column to be filled in (server/sql/overlays.sql).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import postgast

from dsqlkit.local.statements.quoting import qualified
from dsqlkit.local.statements.tree import WRITES, leaves_alone, mixes_upsert, parse


@dataclass(frozen=True, slots=True)
class Doings:
    """What statements call, and into which tables they insert, with the columns that they give.

    None for the columns is all of them by their order; `unordered`: which rows are written depends
    on the order in which PostgreSQL comes across them; `leaves_out`: some are left out if their key
    is there (ON CONFLICT DO NOTHING), which the snapshot tells at overlays, but not at the tables;
    `mixed`: an INSERT ... ON CONFLICT is part of more, which overlays cannot do; `chooses`: a row
    may be met twice with different values, of which it gets one; `passes_on`: what a write returned
    may be written elsewhere.
    """

    calls: frozenset[str] = frozenset()
    inserts: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    unordered: bool = False
    leaves_out: bool = False
    mixed: bool = False
    chooses: bool = False
    passes_on: bool = False

    @property
    def repeats(self) -> bool:
        """Whether the same rows are written again, as far as the form of the texts tells."""
        return not (self.unordered or self.mixed)


def doings(texts: Iterable[bytes]) -> Doings | None:
    """What these texts do together; None if one cannot be read."""
    found: list[Doings] = []
    for text in texts:
        one = _doings_of(text)
        if one is None:
            return None
        found.append(one)
    return Doings(
        calls=frozenset(call for each in found for call in each.calls),
        inserts=tuple(insert for each in found for insert in each.inserts),
        unordered=any(each.unordered for each in found),
        leaves_out=any(each.leaves_out for each in found),
        mixed=any(each.mixed for each in found),
        chooses=any(each.chooses for each in found),
        passes_on=any(each.passes_on for each in found),
    )


@lru_cache(maxsize=256)
def _doings_of(text: bytes) -> Doings | None:
    calls: set[str] = set()
    inserts: list[tuple[str, tuple[str, ...] | None]] = []
    unordered = leaves_out = chooses = passes_on = False
    try:
        parsed = parse(text)
    except (postgast.PgQueryError, UnicodeDecodeError):
        return None
    for each in parsed:
        passes_on = passes_on or sum(one.DESCRIPTOR.name in WRITES for one in each.nodes) > 1
        for found in each.nodes:
            name = found.DESCRIPTOR.name
            if name == "FuncCall":
                calls.add(found.funcname[-1].string.sval)
            elif name == "InsertStmt":
                columns = tuple(each.res_target.name for each in found.cols)
                inserts.append((qualified(found.relation), columns or None))
                leaves_out = leaves_out or leaves_alone(found)
            elif name == "CopyStmt" and found.is_from:
                columns = tuple(each.string.sval for each in found.attlist)
                inserts.append((qualified(found.relation), columns or None))
            elif name == "UpdateStmt":
                chooses = chooses or bool(found.from_clause)
            elif name == "SetToDefault":
                unordered = True
            elif name == "SelectStmt":
                limited = found.HasField("limit_count") or found.HasField("limit_offset")
                unordered = unordered or (limited and not found.sort_clause)
    return Doings(
        calls=frozenset(calls),
        inserts=tuple(inserts),
        unordered=unordered,
        leaves_out=leaves_out,
        mixed=mixes_upsert(parsed),
        chooses=chooses,
        passes_on=passes_on,
    )


def as_json(inserts: Iterable[tuple[str, tuple[str, ...] | None]]) -> str:
    """Tables and columns as dsqlkit.differs_again takes them."""
    return json.dumps([{"relation": table, "columns": columns or ()} for table, columns in inserts])
