"""What DSQL refuses of functions, views, domains, schemas and roles, and of changing or dropping
objects of a kind that it does not have.

Sources: recorded answers of a real cluster for functions and DROP; the rest, marked "not recorded",
is what AWS's own linter refuses, or what DSQL's grammar (published with it) leaves out, in the
words of the nearest recorded answer.
"""

from typing import Final

from postgast import pg_query_pb2 as tree

from dsqlkit.endpoint import ADMIN
from dsqlkit.local.dialect import catalog, parameters, types
from dsqlkit.local.dialect.create_table import COLLATE
from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.tree import Node
from dsqlkit.quotas import MAX_STATISTICS_TARGET

_DROPPABLE: Final = {
    tree.OBJECT_TABLE,
    tree.OBJECT_VIEW,
    tree.OBJECT_INDEX,
    tree.OBJECT_SEQUENCE,
    tree.OBJECT_SCHEMA,
    tree.OBJECT_DOMAIN,
    tree.OBJECT_FUNCTION,
    tree.OBJECT_STATISTIC_EXT,
}
_PARTS: Final = {
    tree.OBJECT_COLUMN,
    tree.OBJECT_TABCONSTRAINT,
    tree.OBJECT_DOMCONSTRAINT,
    tree.OBJECT_ROUTINE,
    tree.OBJECT_ROLE,
}
"""What can be renamed or commented on, besides what can be dropped."""


_NAMED: Final = {tree.OBJECT_SCHEMA: "schema", tree.OBJECT_ROLE: "role"}
"""Whose names may be reserved."""
_NEVER_THERE: Final = {tree.OBJECT_TRIGGER, tree.OBJECT_EVENT_TRIGGER}
_SYSTEM_SCHEMAS: Final = {"information_schema", "pg_catalog", "public", "sys"}
_SYSTEM_ENTITY: Final = not_supported("feature not supported on system entity")
"""Recorded (by a third party) of GRANT on schema public alone."""


def grant(node: Node) -> Refusal | None:
    names = {each.string.sval for each in node.objects}
    if node.objtype == tree.OBJECT_SCHEMA and names & _SYSTEM_SCHEMAS:
        return _SYSTEM_ENTITY
    if node.objtype == tree.OBJECT_DATABASE:
        return not_supported("unsupported object type in GRANT")  # third party, 2026-08
    return None


def drop(node: Node) -> Refusal | None:
    if node.remove_type == tree.OBJECT_SCHEMA and any(
        each.string.sval in _SYSTEM_SCHEMAS for each in node.objects
    ):
        return _SYSTEM_ENTITY
    if node.remove_type == tree.OBJECT_DOMAIN and node.behavior == tree.DROP_CASCADE:
        return not_supported("DROP DOMAIN with CASCADE unsupported")
    if node.remove_type in _DROPPABLE:
        # Not recorded: a concurrent drop, as a concurrent build is called.
        return (
            not_supported("CONCURRENTLY not supported for DROP INDEX") if node.concurrent else None
        )
    if node.remove_type in _NEVER_THERE and node.missing_ok:
        return None  # AWS's linter and grammar: it runs, and drops nothing
    return not_supported("unsupported object in DROP statement")


ALTER_DOMAIN: Final = not_supported("unsupported statement: AlterDomain")
"""In all its forms. That it is refused is from a live run, the words are not."""

_OF_DOMAINS: Final = {tree.OBJECT_DOMAIN, tree.OBJECT_DOMCONSTRAINT}


def rename(node: Node) -> Refusal | None:
    if node.rename_type in _OF_DOMAINS:
        return ALTER_DOMAIN
    if node.rename_type == tree.OBJECT_SCHEMA and node.subname in _SYSTEM_SCHEMAS:
        return _SYSTEM_ENTITY
    kind = _NAMED.get(node.rename_type)
    if kind is not None:
        refusal = catalog.reserved(kind, node.newname)
        if refusal is not None:
            return refusal
    return _object(node.rename_type, "ALTER")  # not recorded


def change_object(node: Node) -> Refusal | None:
    if node.object_type in _OF_DOMAINS:
        return ALTER_DOMAIN
    if node.object_type == tree.OBJECT_SCHEMA and node.object.string.sval in _SYSTEM_SCHEMAS:
        return _SYSTEM_ENTITY
    return _object(node.object_type, "ALTER")  # not recorded


def comment(node: Node) -> Refusal | None:
    return _object(node.objtype, "COMMENT")  # not recorded


def _object(kind: int, statement: str) -> Refusal | None:
    if kind in _DROPPABLE or kind in _PARTS:
        return None
    return not_supported(f"unsupported object in {statement} statement")


_RESULTS: Final = (tree.FUNC_PARAM_OUT, tree.FUNC_PARAM_INOUT, tree.FUNC_PARAM_TABLE)


def create_function(node: Node) -> Refusal | None:
    if node.is_procedure:
        return not_supported("PROCEDURE is not supported")
    for option in node.options:
        if option.def_elem.defname == "language":
            language = option.def_elem.arg.string.sval
            if language.lower() != "sql":
                return not_supported(f"CREATE FUNCTION with language {language} not supported")
    results = [each.function_parameter for each in node.parameters]
    declared = [each.arg_type for each in results if each.mode in _RESULTS]
    for each in (node.return_type, *declared):
        name = types.builtin_name(each) or ""
        if name.endswith("range"):  # live run; the words are those of a column's type
            return not_supported(f"datatype {types.printed(each)} not supported")
    for option in (each.def_elem for each in node.options):
        if option.defname == "set":
            refusal = parameters.variable_set(option.arg.variable_set_stmt)
            if refusal is not None:
                return refusal
    return None


def create_view(node: Node) -> Refusal | None:
    # Not recorded.
    if node.view.relpersistence == "t":
        return not_supported("TEMPORARY or TEMP view not supported for CREATE VIEW")
    if node.options:
        return not_supported("WITH not supported for CREATE VIEW")
    if node.with_check_option != tree.NO_CHECK_OPTION:
        return not_supported("WITH CHECK OPTION not supported for CREATE VIEW")
    return None


def create_domain(node: Node) -> Refusal | None:
    # Not recorded for domains.
    return types.of_column(node.type_name) or (COLLATE if node.HasField("coll_clause") else None)


def define(node: Node) -> Refusal | None:
    # Not recorded but of an enum: CREATE TYPE, and CREATE AGGREGATE, OPERATOR, COLLATION and so on.
    if node.kind == tree.OBJECT_TYPE:
        return not_supported("CREATE TYPE not supported")
    return not_supported("unsupported statement: Define")


_ROLE_OPTIONS: Final = {
    "superuser": "SUPERUSER",
    "createdb": "CREATEDB",
    "createrole": "CREATEROLE",
    "isreplication": "REPLICATION",
    "bypassrls": "BYPASSRLS",
    "password": "PASSWORD",
    "validUntil": "VALID UNTIL",
    "connectionlimit": "CONNECTION LIMIT",
}


def create_role(node: Node) -> Refusal | None:
    reserved = catalog.reserved("role", node.role)
    return reserved or _role_options(node, "CREATE ROLE")  # options: not recorded


def create_schema(node: Node) -> Refusal | None:
    return catalog.reserved("schema", node.schemaname)


def alter_role(node: Node) -> Refusal | None:
    if node.role.rolename == ADMIN:
        return _SYSTEM_ENTITY
    return _role_options(node, "ALTER ROLE")  # not recorded


def alter_statistics(node: Node) -> Refusal | None:
    target = node.stxstattarget.integer.ival
    if target <= MAX_STATISTICS_TARGET:
        return None
    # The SQLSTATE is AWS's list's of observed errors (2026-10), the words are a guess.
    return Refusal("22023", f"statistics target {target} is too high")


def drop_role(node: Node) -> Refusal | None:
    names = [each.role_spec.rolename for each in node.roles]
    return _SYSTEM_ENTITY if ADMIN in names else None  # nobody changes admin (starter kit)


def alter_role_set(node: Node) -> Refusal | None:
    # AWS's samples set the search_path of "admin" so; RESET runs, as AWS's linter says.
    resets = (tree.VAR_RESET, tree.VAR_RESET_ALL)
    return None if node.setstmt.kind in resets else parameters.variable_set(node.setstmt)


def _role_options(node: Node, statement: str) -> Refusal | None:
    for option in (each.def_elem for each in node.options):
        if option.defname in _ROLE_OPTIONS:
            return not_supported(f"{_ROLE_OPTIONS[option.defname]} not supported for {statement}")
    return None
