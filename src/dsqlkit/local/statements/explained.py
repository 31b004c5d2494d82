"""What an EXPLAIN asks for, and how PostgreSQL is asked instead. Pure."""

from dataclasses import dataclass
from typing import Final

import postgast
from postgast import pg_query_pb2 as tree

from dsqlkit import sql_parser
from dsqlkit.local.statements.tokens import COMMENTS
from dsqlkit.local.statements.tree import Node

_FLAGS: Final = frozenset(
    ("analyze", "verbose", "costs", "timing", "summary", "settings", "generic_plan")
)
_LEFT_OUT: Final = frozenset(("buffers", "wal"))
"""Options about PostgreSQL's own storage, of which DSQL has none. What it answers to them was not
recorded; here they are taken, and print nothing."""
_OFF: Final = frozenset(("false", "off", "0"))
_ON: Final = frozenset(("", "true", "on", "1"))
_OPEN, _CLOSED = tree.ASCII_40, tree.ASCII_41
_HEADS: Final = (tree.EXPLAIN, tree.ANALYZE, tree.ANALYSE, tree.VERBOSE)

# Of 64 bits, five at a time, the last four with a bit of nothing. The identifiers of recorded plans
# have these letters only, and end in one with an even number.
_ALPHABET: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"


@dataclass(frozen=True, slots=True)
class Explained:
    """An EXPLAIN whose plan is to be printed as DSQL prints it.

    `start` and `end` say where its head is in the text, in bytes: all before the statement that is
    explained. `head` goes there instead. `identifier` is the same for all statements that differ in
    their literals only. `limit` is how many rows the statement needs to read for its LIMIT and
    OFFSET, where both are plain numbers. `assigned` are the columns that it updates.
    """

    start: int
    end: int
    head: bytes
    analyze: bool
    verbose: bool
    costs: bool
    timing: bool
    summary: bool
    settings: bool
    identifier: str
    limit: int | None
    assigned: frozenset[str]

    @property
    def wants_dpu(self) -> bool:
        """Whether DSQL prints an estimate of DPU with the plan."""
        return self.analyze and self.verbose

    @property
    def longer(self) -> int:
        """By how much the text grows with the other head."""
        return len(self.head) - (self.end - self.start)


def explained(node: Node, nodes: tuple[Node, ...], text: bytes, start: int) -> Explained | None:
    """What an EXPLAIN asks for; None where PostgreSQL is to answer it as it is: in another format
    than text, or with options that are refused."""
    options = _options(node)
    if options is None:
        return None
    analyze = options.get("analyze", False)
    timing = options.get("timing", analyze)
    if timing and not analyze:
        return None
    end = _end_of_head(text, start)
    inner = text[end:].lstrip()
    wanted = {
        "ANALYZE": analyze,
        "TIMING": timing,
        "SETTINGS": options.get("settings", False),
        "GENERIC_PLAN": options.get("generic_plan", False),
        "SUMMARY": options.get("summary", False),
    }
    words = ["FORMAT YAML", "VERBOSE", *(name for name, is_set in wanted.items() if is_set)]
    if analyze and not timing:
        words.append("TIMING OFF")
    return Explained(
        start=start,
        end=end,
        head=f"EXPLAIN ({', '.join(words)}) ".encode(),
        analyze=analyze,
        verbose=options.get("verbose", False),
        costs=options.get("costs", True),
        timing=timing,
        summary=options.get("summary", analyze),
        settings=options.get("settings", False),
        identifier=identifier(inner.decode()) if options.get("verbose") else "",
        limit=_limit(node),
        assigned=_assigned(nodes),
    )


def identifier(statement: str) -> str:
    """A statement's Query Identifier, of 13 characters."""
    try:
        bits = sql_parser.fingerprint(statement).fingerprint << 1
    except postgast.PgQueryError:
        bits = 0
    return "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(60, -1, -5))


def _options(node: Node) -> dict[str, bool] | None:
    found: dict[str, bool] = {}
    for each in node.options:
        name = each.def_elem.defname
        value = _value(each.def_elem)
        if name == "format":
            if value != "text":
                return None
        elif name not in _FLAGS | _LEFT_OUT or value not in _ON | _OFF:
            return None
        else:
            found[name] = value in _ON
    return found


def _value(option: Node) -> str:
    if not option.HasField("arg"):
        return ""
    kind = option.arg.WhichOneof("node")
    value = getattr(option.arg, kind)
    return str(value.ival) if kind == "integer" else str(getattr(value, "sval", "?")).lower()


def _end_of_head(text: bytes, start: int) -> int:
    """Where the statement begins that is explained."""
    tokens = [
        token
        for token in postgast.scan(text[start:].decode()).tokens
        if token.token not in COMMENTS
    ]
    at = 1
    if tokens[1].token == _OPEN and _begins_options(text[start:], tokens[2]):
        while tokens[at].token != _CLOSED:
            at += 1
        at += 1
    else:
        while tokens[at].token in _HEADS:
            at += 1
    return start + int(tokens[at].start)


def _begins_options(text: bytes, token: Node) -> bool:
    word = text[token.start : token.end].decode().strip('"').lower()
    return word in _FLAGS | _LEFT_OUT | {"format"}


def _limit(node: Node) -> int | None:
    select = node.query.select_stmt
    if node.query.WhichOneof("node") != "select_stmt" or not select.HasField("limit_count"):
        return None
    count, offset = select.limit_count.a_const, select.limit_offset.a_const
    if not count.HasField("ival") or (
        select.HasField("limit_offset") and not offset.HasField("ival")
    ):
        return None
    return int(count.ival.ival + offset.ival.ival)


def _assigned(nodes: tuple[Node, ...]) -> frozenset[str]:
    return frozenset(
        target.res_target.name
        for found in nodes
        if found.DESCRIPTOR.name in ("UpdateStmt", "OnConflictClause")
        for target in found.target_list
    )
