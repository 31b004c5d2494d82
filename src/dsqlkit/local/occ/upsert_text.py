"""What an INSERT ... ON CONFLICT becomes at overlays: no view takes one. Pure."""

from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect.catalog import UPSERT_TABLE
from dsqlkit.local.occ.changes import NotThere
from dsqlkit.local.occ.overlay_shape import VIEW_SCHEMA
from dsqlkit.local.statements.quoting import qualified
from dsqlkit.local.statements.tokens import tokens_of
from dsqlkit.local.statements.tree import Node, leaves_alone, mixes_upsert, parse

_PRIVATE_TABLE: Final = f'pg_temp."{UPSERT_TABLE}" '.encode()


class Target(NamedTuple):
    """The keys that an ON CONFLICT means: that of a constraint, those on just these columns, or all
    where both are None."""

    constraint: str | None = None
    columns: tuple[str, ...] | None = None


class Upsert(NamedTuple):
    """An INSERT ... ON CONFLICT at an overlay, in two texts.

    `first` is the same without its ON CONFLICT, for the view. With DO NOTHING it does all where the
    view leaves out rows that meet the keys of `skips`; else it is run only to see which rows it
    meets, and `second` at a private table that has them. `table` is the name of its table as SQL
    writes it; `skips` is None for DO UPDATE, and where names alone do not tell which keys are
    meant. `mixed`: it has other writes in its WITH.
    """

    table: str
    first: bytes
    second: bytes
    skips: Target | None = None
    mixed: bool = False


@lru_cache(maxsize=128)
def upsert(text: bytes) -> Upsert | None:
    """What an INSERT ... ON CONFLICT becomes; None for any other text. Raises changes.NotThere for
    one inside of another statement."""
    if b"conflict" not in text.lower():
        return None
    parsed = parse(text)
    insert = parsed[0].node
    if (
        len(parsed) > 1
        or parsed[0].name != "insert_stmt"
        or not insert.HasField("on_conflict_clause")
    ):
        if mixes_upsert(parsed):
            raise NotThere
        return None
    tokens = tokens_of(text)
    start = end = len(text)
    for token, following in pairwise(tokens):
        if token.kind == tree.ON and following.kind == tree.CONFLICT and not token.depth:
            start = token.start
        elif token.kind == tree.RETURNING and not token.depth:
            end = token.start
    first = text[:start] + b" " * (end - start) + text[end:]
    named = insert.relation
    at = next(index for index, token in enumerate(tokens) if token.start == named.location)
    last = at + (2 if named.schemaname else 0)
    alias = b"" if named.alias.aliasname else b"AS " + text[tokens[last].start : tokens[last].end]
    second = text[: named.location] + _PRIVATE_TABLE + alias + text[tokens[last].end :]
    named.schemaname = named.schemaname.removeprefix(VIEW_SCHEMA)
    inserts = sum(each.DESCRIPTOR.name == "InsertStmt" for each in parsed[0].nodes)
    # Another one in its WITH is not to leave out rows.
    can_skip = leaves_alone(insert) and inserts == 1
    skips = _skipped(insert.on_conflict_clause) if can_skip else None
    return Upsert(qualified(named), first, second, skips, mixes_upsert(parsed))


def _skipped(clause: Node) -> Target | None:
    if not clause.HasField("infer"):
        return Target()
    if clause.infer.conname:
        return Target(constraint=clause.infer.conname)
    elements = [each.index_elem for each in clause.infer.index_elems]
    if clause.infer.HasField("where_clause") or not all(
        each.name and not each.collation and not each.opclass for each in elements
    ):
        return None
    return Target(columns=tuple(each.name for each in elements))
