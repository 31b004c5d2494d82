"""What DSQL refuses in CREATE TABLE, ALTER TABLE, CREATE and ALTER SEQUENCE, and of keys.

ALTER TABLE's forms are called in refusals as PostgreSQL's own messages call them. Sources: recorded
answers of a real cluster for all but those marked "not recorded"; the limits are from AWS's list of
observed errors.
"""

from collections.abc import Iterator
from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local import dialect_types as types
from dsqlkit.local.refusal import Node, Refusal, Rule, decide, not_supported

MAX_KEY_COLUMNS: Final = 8
MAX_INDEXES: Final = 24
_MAX_COLUMNS: Final = 256  # 255 are documented, 256 were accepted
_KEYS: Final = (tree.CONSTR_PRIMARY, tree.CONSTR_UNIQUE)
_PERSISTENCE: Final = {
    "t": not_supported("TEMPORARY or TEMP table not supported for CREATE TABLE"),
    "u": not_supported("UNLOGGED table not supported for CREATE TABLE"),
}
_TOO_MANY_KEYS: Final = Refusal(
    "54011", f"more than {MAX_KEY_COLUMNS} column keys in an index are not supported"
)


def _cache(options: Node, what: str, *, needed: bool) -> Refusal | None:
    """A sequence hands out either single numbers or large blocks of them."""
    for option in options:
        if option.def_elem.defname == "cache":
            argument = option.def_elem.arg
            size = int(argument.float.fval) if argument.float.fval else argument.integer.ival
            needed = size != 1 and size < 65536
    if not needed:
        return None
    return not_supported(
        f"{what} is not supported without an explicit cache size. "
        "please define CACHE greater than or equal to 65536 or equal to 1"
    )


def create_sequence(node: Node) -> Refusal | None:
    if node.sequence.relpersistence == "t":
        return not_supported("TEMPORARY or TEMP not supported for CREATE SEQUENCE")  # not recorded
    return _cache(node.options, "CREATE SEQUENCE", needed=True)


def alter_sequence(node: Node) -> Refusal | None:
    return _cache(node.options, "ALTER SEQUENCE", needed=False)  # not recorded


def _identity(options: Node) -> Refusal | None:
    return _cache(options, "identity column", needed=True)


def create_table(node: Node) -> Refusal | None:
    refusal = _PERSISTENCE.get(node.relation.relpersistence)
    if refusal is None and node.HasField("partspec"):
        refusal = not_supported("PARTITION BY not supported for CREATE TABLE")  # not recorded
    if refusal is None and node.inh_relations:
        refusal = not_supported("INHERITS not supported for CREATE TABLE")  # not recorded
    if refusal is None:
        refusal = next(_in_columns(node), None) or next(_in_keys(node), None)
    return refusal


def _in_columns(node: Node) -> Iterator[Refusal]:
    columns = [e.column_def for e in node.table_elts if e.WhichOneof("node") == "column_def"]
    for column in columns:
        refusal = types.of_column(column.type_name)
        if refusal is not None:
            yield refusal
        for constraint in (each.constraint for each in column.constraints):
            if constraint.contype == tree.CONSTR_IDENTITY:
                refusal = _identity(constraint.options) or types.of_identity(column.type_name)
                if refusal is not None:
                    yield refusal
    if len(columns) > _MAX_COLUMNS:
        yield Refusal("54011", "tables can have at most 255 columns")


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
    if len(keys) > MAX_INDEXES:
        yield Refusal("54000", f"more than {MAX_INDEXES} indexes per table are not allowed")


def create_domain(node: Node) -> Refusal | None:
    return types.of_column(node.type_name)  # not recorded for domains


def index_keys(node: Node) -> Refusal | None:
    """What cannot be in the key of an index that is built as DSQL builds them."""
    for element in (each.index_elem for each in node.index_params):
        if element.opclass:
            return not_supported("opclass not supported for index keys")
        if element.ordering in (tree.SORTBY_ASC, tree.SORTBY_DESC):
            return not_supported("specifying sort order not supported for index keys")
    if len(node.index_params) > MAX_KEY_COLUMNS:
        return _TOO_MANY_KEYS
    return None


def _form(name: str) -> Refusal:
    return not_supported(f"unsupported ALTER TABLE {name} statement")


def _add_column(command: Node) -> Refusal | None:
    column = getattr(command, "def").column_def
    serial = types.unknown(column.type_name)
    if serial is None and column.constraints:
        return not_supported("ALTER TABLE ADD COLUMN with constraint not supported")
    return serial or types.of_column(column.type_name)


def _add_constraint(command: Node) -> Refusal | None:
    constraint = getattr(command, "def").constraint
    if constraint.contype == tree.CONSTR_UNIQUE and constraint.indexname:
        return None
    if constraint.contype in (tree.CONSTR_CHECK, tree.CONSTR_FOREIGN):
        return None if constraint.skip_validation else _form("ADD CONSTRAINT")
    return _form("ADD CONSTRAINT")


def _add_identity(command: Node) -> Refusal | None:
    return _identity(getattr(command, "def").constraint.options)


def _set_identity(command: Node) -> Refusal | None:
    options = getattr(command, "def").list.items
    return _cache(options, "identity column", needed=False)


_FORMS: Final[dict[int, Rule]] = {
    tree.AT_AddColumn: _add_column,
    tree.AT_AddConstraint: _add_constraint,
    tree.AT_AddIdentity: _add_identity,
    tree.AT_SetIdentity: _set_identity,
    tree.AT_AlterColumnType: _form("ALTER COLUMN ... SET DATA TYPE"),
    tree.AT_ValidateConstraint: _form("VALIDATE CONSTRAINT"),
    # Not recorded, from here on; the words follow those above.
    tree.AT_SetNotNull: _form("ALTER COLUMN ... SET NOT NULL"),
    tree.AT_SetStatistics: _form("ALTER COLUMN ... SET STATISTICS"),
    tree.AT_SetOptions: _form("ALTER COLUMN ... SET"),
    tree.AT_ResetOptions: _form("ALTER COLUMN ... RESET"),
    tree.AT_SetCompression: _form("ALTER COLUMN ... SET COMPRESSION"),
    tree.AT_DropExpression: _form("ALTER COLUMN ... DROP EXPRESSION"),
    tree.AT_AlterConstraint: _form("ALTER CONSTRAINT"),
    tree.AT_ClusterOn: _form("CLUSTER ON"),
    tree.AT_DropCluster: _form("SET WITHOUT CLUSTER"),
    tree.AT_SetLogged: _form("SET LOGGED"),
    tree.AT_SetUnLogged: _form("SET UNLOGGED"),
    tree.AT_SetAccessMethod: _form("SET ACCESS METHOD"),
    tree.AT_SetTableSpace: _form("SET TABLESPACE"),
    tree.AT_SetRelOptions: _form("SET"),
    tree.AT_ResetRelOptions: _form("RESET"),
    tree.AT_EnableTrig: _form("ENABLE TRIGGER"),
    tree.AT_DisableTrig: _form("DISABLE TRIGGER"),
    tree.AT_EnableTrigAll: _form("ENABLE TRIGGER ALL"),
    tree.AT_DisableTrigAll: _form("DISABLE TRIGGER ALL"),
    tree.AT_AddInherit: _form("INHERIT"),
    tree.AT_DropInherit: _form("NO INHERIT"),
    tree.AT_AttachPartition: _form("ATTACH PARTITION"),
    tree.AT_DetachPartition: _form("DETACH PARTITION"),
    tree.AT_ReplicaIdentity: _form("REPLICA IDENTITY"),
    tree.AT_EnableRowSecurity: _form("ENABLE ROW SECURITY"),
    tree.AT_DisableRowSecurity: _form("DISABLE ROW SECURITY"),
    tree.AT_ForceRowSecurity: _form("FORCE ROW SECURITY"),
    tree.AT_NoForceRowSecurity: _form("NO FORCE ROW SECURITY"),
}
"""By form of ALTER TABLE; what is not here works."""


def alter_table(node: Node) -> Refusal | None:
    for command in (each.alter_table_cmd for each in node.cmds):
        refusal = decide(_FORMS.get(command.subtype), command)
        if refusal is not None:
            return refusal
    return None
