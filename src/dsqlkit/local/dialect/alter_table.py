"""What DSQL refuses of ALTER TABLE, form by form.

The forms are called in refusals as PostgreSQL's own messages call them. Sources: recorded answers
of a real cluster for all but those marked "not recorded".
"""

from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect import types
from dsqlkit.local.dialect.create_table import COLLATE
from dsqlkit.local.dialect.refusal import Refusal, Rule, decide, not_supported
from dsqlkit.local.dialect.sequences import cache, identity
from dsqlkit.local.statements.tree import Node


def _form(name: str) -> Refusal:
    return not_supported(f"unsupported ALTER TABLE {name} statement")


def _add_column(command: Node) -> Refusal | None:
    column = getattr(command, "def").column_def
    serial = types.unknown(column.type_name)
    if serial is None and column.constraints:
        return not_supported("ALTER TABLE ADD COLUMN with constraint not supported")
    if column.HasField("coll_clause"):
        return COLLATE
    return serial or types.of_column(column.type_name)


def _add_constraint(command: Node) -> Refusal | None:
    constraint = getattr(command, "def").constraint
    if constraint.contype == tree.CONSTR_UNIQUE and constraint.indexname:
        later = constraint.deferrable or constraint.initdeferred
        return _form("ADD CONSTRAINT") if later else None
    if constraint.contype in (tree.CONSTR_CHECK, tree.CONSTR_FOREIGN):
        return None if constraint.skip_validation else _form("ADD CONSTRAINT")
    return _form("ADD CONSTRAINT")


def _add_identity(command: Node) -> Refusal | None:
    return identity(getattr(command, "def").constraint.options)  # a live run, and AWS's notes


def _set_identity(command: Node) -> Refusal | None:
    options = getattr(command, "def").list.items
    return cache(options, "identity column", needed=False)


_FORMS: Final[dict[int, Rule]] = {
    tree.AT_AddColumn: _add_column,
    tree.AT_AddConstraint: _add_constraint,
    tree.AT_AddIdentity: _add_identity,
    tree.AT_SetIdentity: _set_identity,
    tree.AT_AlterColumnType: _form("ALTER COLUMN ... SET DATA TYPE"),
    tree.AT_ValidateConstraint: _form("VALIDATE CONSTRAINT"),
    # Not recorded, from here on; the words follow those above.
    tree.AT_AddOf: _form("OF"),
    tree.AT_DropOf: _form("NOT OF"),
    tree.AT_EnableRule: _form("ENABLE RULE"),
    tree.AT_DisableRule: _form("DISABLE RULE"),
    tree.AT_EnableAlwaysRule: _form("ENABLE ALWAYS RULE"),
    tree.AT_EnableReplicaRule: _form("ENABLE REPLICA RULE"),
    tree.AT_EnableAlwaysTrig: _form("ENABLE ALWAYS TRIGGER"),
    tree.AT_EnableReplicaTrig: _form("ENABLE REPLICA TRIGGER"),
    tree.AT_SetNotNull: _form("ALTER COLUMN ... SET NOT NULL"),
    tree.AT_SetStatistics: _form("ALTER COLUMN ... SET STATISTICS"),
    tree.AT_SetOptions: _form("ALTER COLUMN ... SET"),
    tree.AT_ResetOptions: _form("ALTER COLUMN ... RESET"),
    tree.AT_SetCompression: _form("ALTER COLUMN ... SET COMPRESSION"),
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
    """The refusal of the first of its forms that is refused."""
    for command in (each.alter_table_cmd for each in node.cmds):
        refusal = decide(_FORMS.get(command.subtype), command)
        if refusal is not None:
            return refusal
    return None
