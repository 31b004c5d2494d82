"""What DSQL refuses in CREATE TABLE, and of keys.

Sources: recorded answers of a real cluster for all but those marked "not recorded"; the limits are
from AWS's list of observed errors.
"""

from collections.abc import Iterator
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import types
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.dialect.sequences import identity
from dsqlkit.local.statements.tree import Node
from dsqlkit.quotas import MAX_COLUMNS, MAX_DECLARED_KEY_BYTES, MAX_INDEXES, MAX_KEY_COLUMNS

_KEYS: Final = {tree.CONSTR_PRIMARY: "PRIMARY KEY", tree.CONSTR_UNIQUE: "UNIQUE"}
_TOO_MANY_KEYS: Final = Refusal(
    "54011", f"more than {MAX_KEY_COLUMNS} column keys in an index are not supported"
)
_TOO_MANY_COLUMNS: Final = Refusal("54011", "tables can have at most 255 columns")
_TOO_MANY_IN_KEY: Final = Refusal(
    "54011", f"cannot use more than {MAX_COLUMNS} columns in an index"
)  # of a table with a primary key, whose index has all columns
_LATER: Final = (tree.CONSTR_ATTR_DEFERRABLE, tree.CONSTR_ATTR_DEFERRED)
_ATTRIBUTES: Final = (*_LATER, tree.CONSTR_ATTR_NOT_DEFERRABLE, tree.CONSTR_ATTR_IMMEDIATE)
COLLATE: Final = not_supported("COLLATE clause not supported")  # not recorded; AWS's linter


def _clause(name: str) -> Refusal:
    return not_supported(f"{name} not supported for CREATE TABLE")


_PERSISTENCE: Final = {
    "t": _clause("TEMPORARY or TEMP table"),
    "u": _clause("UNLOGGED table"),
}


def create_table(node: Node) -> Refusal | None:
    """The first clause, column or key that is refused."""
    return next(_refusals(node), None)


def _refusals(node: Node) -> Iterator[Refusal]:
    persistence = _PERSISTENCE.get(node.relation.relpersistence)
    if persistence is not None:
        yield persistence
    if node.relation.schemaname == "pg_temp":
        yield _PERSISTENCE["t"]  # not recorded
    yield from _clauses(node)
    yield from _in_columns(node)
    yield from _in_keys(node)


def _clauses(node: Node) -> Iterator[Refusal]:
    """Not recorded: clauses that DSQL's grammar leaves out, in the words of those that were."""
    if node.HasField("partspec"):
        yield _clause("PARTITION BY clause")  # live run
    if node.HasField("partbound"):
        yield _clause("PARTITION OF clause")  # live run
    if node.inh_relations:
        yield _clause("INHERITS")
    if node.HasField("of_typename"):
        yield _clause("OF type")
    if node.access_method:
        yield _clause("USING")
    if node.options:
        yield _clause("WITH")
    if node.oncommit != tree.ONCOMMIT_NOOP:
        yield _clause("ON COMMIT")
    if node.tablespacename:
        yield _clause("TABLESPACE")
    for constraint in _deferrable_keys(node):
        yield _clause(f"DEFERRABLE {_KEYS[constraint.contype]}")  # refused live, in other words
    for constraint in _constraints(node):
        if constraint.contype == tree.CONSTR_EXCLUSION:
            yield _clause("EXCLUDE constraint")
        if constraint.contype in _KEYS and (constraint.options or constraint.indexspace):
            yield _clause("WITH" if constraint.options else "USING INDEX TABLESPACE")


def _constraints(node: Node) -> Iterator[Node]:
    for element in node.table_elts:
        if element.WhichOneof("node") == "column_def":
            yield from (each.constraint for each in element.column_def.constraints)
        else:
            yield element.constraint


def _deferrable_keys(node: Node) -> Iterator[Node]:
    """The keys that are checked later. A column's DEFERRABLE comes after what it is about."""
    for element in node.table_elts:
        if element.WhichOneof("node") != "column_def":
            if element.constraint.contype in _KEYS and element.constraint.deferrable:
                yield element.constraint
            continue
        about = None
        for constraint in (each.constraint for each in element.column_def.constraints):
            if constraint.contype not in _ATTRIBUTES:
                about = constraint
            elif constraint.contype in _LATER and about is not None and about.contype in _KEYS:
                yield about


def _in_columns(node: Node) -> Iterator[Refusal]:
    columns = [e.column_def for e in node.table_elts if e.WhichOneof("node") == "column_def"]
    for column in columns:
        refusal = types.of_column(column.type_name)
        if refusal is not None:
            yield refusal
        if column.HasField("coll_clause"):
            yield COLLATE
        if column.compression:
            yield _clause("COMPRESSION")  # not recorded
        for constraint in (each.constraint for each in column.constraints):
            if constraint.contype == tree.CONSTR_IDENTITY:
                refusal = identity(constraint.options) or types.of_identity(column.type_name)
                if refusal is not None:
                    yield refusal
    if len(columns) > MAX_COLUMNS:
        keyed = any(each.contype == tree.CONSTR_PRIMARY for each in _constraints(node))
        yield _TOO_MANY_IN_KEY if keyed else _TOO_MANY_COLUMNS


def _in_keys(node: Node) -> Iterator[Refusal]:
    declared = {}
    keys: list[list[str]] = []
    for element in node.table_elts:
        if element.WhichOneof("node") == "column_def":
            column = element.column_def
            declared[column.colname] = column.type_name
            keys += [[column.colname] for e in column.constraints if e.constraint.contype in _KEYS]
        elif element.constraint.contype in _KEYS:
            keys.append([key.string.sval for key in element.constraint.keys])
    for key in keys:
        if len(key) > MAX_KEY_COLUMNS:
            yield _TOO_MANY_KEYS
        for name in key:
            refusal = types.of_key(declared[name]) if name in declared else None
            if refusal is not None:
                yield refusal
        if sum(types.declared_size(declared[name]) for name in key if name in declared) > (
            MAX_DECLARED_KEY_BYTES
        ):
            yield Refusal(
                "54000", f"key size greater than {MAX_DECLARED_KEY_BYTES} bytes not supported"
            )
    if len(keys) > MAX_INDEXES:
        yield Refusal("54000", f"more than {MAX_INDEXES} indexes per table are not allowed")


USING: Final = not_supported("USING not supported for CREATE INDEX")
"""A live run's words; they come before those about a missing ASYNC, and after CONCURRENTLY's."""


def index_keys(node: Node, *, names_method: bool) -> Refusal | None:
    """What cannot be in an index that is built as DSQL builds them.

    `names_method`: it says USING, which the parsed statement does not tell from its absence.
    """
    return next(_of_index(node, names_method=names_method), None)


def _of_index(node: Node, *, names_method: bool) -> Iterator[Refusal]:
    if names_method:
        yield USING
    for element in (each.index_elem for each in node.index_params):
        if element.opclass:
            yield not_supported("opclass not supported for index keys")
        if element.ordering in (tree.SORTBY_ASC, tree.SORTBY_DESC):
            yield not_supported("specifying sort order not supported for index keys")
    if len(node.index_params) > MAX_KEY_COLUMNS:
        yield _TOO_MANY_KEYS
    if any(not each.index_elem.name for each in node.index_including_params):
        # A live run's words. PostgreSQL calls it an error of its own.
        yield not_supported("expressions are not supported in included columns")
    # Not recorded: clauses that DSQL's grammar leaves out, in the words of CONCURRENTLY.
    clauses = {
        "WITH": bool(node.options),
        "TABLESPACE": bool(node.table_space),
    }
    for name, present in clauses.items():
        if present:
            yield not_supported(f"{name} not supported for CREATE INDEX")
