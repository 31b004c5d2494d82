"""Database roles beside admin: with LOGIN, trusted to an IAM identity, held to the least they need.

On DSQL a role signs in through IAM: `AWS IAM GRANT role TO 'arn'` says whose tokens are taken for
it, and that identity needs `dsql:DbConnect` (AWS User Guide, database roles and IAM). Each
statement here is DDL, so each is a transaction of its own.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from dsqlkit.connection import Connections
from dsqlkit.endpoint import ADMIN
from dsqlkit.errors import SqlError, UsageError
from dsqlkit.queries import statement
from dsqlkit.transaction import run

PRIVILEGES: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts": ("SELECT", "UPDATE"),
    "accounts2": ("SELECT", "UPDATE"),
    "transfers": ("SELECT", "INSERT"),
    "accounts7": ("SELECT",),
}
"""What moving money (chapters 3 to 6) and the query (chapter 7) need on their tables."""

_RESERVED: Final = frozenset({ADMIN, "public", "none"})
_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]*[\w+=,.@-]", re.A)
_SESSION_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>[0-9]{12}):assumed-role/(?P<role>[^/]+)/.+"
)
_DUPLICATE_OBJECT: Final = "42710"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role's privileges on one table."""

    table: str
    privileges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreatedRole:
    """A role that is complete. It `existed` before, or not; `done` are the statements run now."""

    role: str
    arn: str
    grants: tuple[Grant, ...]
    existed: bool
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """What the catalog says of a role; None for one that does not exist."""

    may_log_in: bool | None
    is_mapped: bool


def check_name(name: str) -> None:
    """Raises UsageError unless a role of this name can be made: 1 to 63 bytes, not reserved."""
    if not name.isprintable() or not 0 < len(name.encode()) <= 63:
        raise UsageError(f"{name!r} is not a role's name.", hint="Use 1 to 63 bytes of text.")
    if name.lower() in _RESERVED or name.lower().startswith("pg_"):
        raise UsageError(f"{name} is a reserved name.", hint="Choose another, such as teller.")


def check_arn(arn: str) -> None:
    """Raises UsageError unless this is the ARN of an IAM role or user."""
    if session := _SESSION_ARN.fullmatch(arn):
        raise UsageError(
            f"{arn!r} is the ARN of a session.",
            hint="Give its role's: arn:{partition}:iam::{account}:role/{role}.".format(
                **session.groupdict()
            ),
        )
    if not _ARN.fullmatch(arn):
        raise UsageError(
            f"{arn!r} is not the ARN of an IAM role or user.",
            hint="One looks like arn:aws:iam::123456789012:role/teller.",
        )


def create(
    connections: Connections,
    name: str,
    arn: str,
    *,
    on_done: Callable[[str], None] = lambda _: None,
) -> CreatedRole:
    """Make a role with LOGIN, map the IAM identity to it, grant it the workshop's tables.

    What is there already stays as it is, so this can be run again: to complete what an error cut
    short, to map a second identity, or to grant tables that were made since. `on_done` is told of
    each statement that was run. Only admin may do this.

    Raises UsageError for a bad name or ARN before anything is run, and what `transaction.run`
    raises.
    """
    check_name(name)
    check_arn(arn)
    done: list[str] = []
    role = sql.Identifier(name)

    def ddl(text: sql.Composed) -> None:
        run(connections, lambda c: c.execute(text))
        done.append(text.as_string())
        on_done(done[-1])

    state = _look_up(connections, name, arn)
    existed = state.may_log_in is not None
    if not existed:
        try:
            ddl(sql.SQL("CREATE ROLE {} WITH LOGIN").format(role))
        except SqlError as error:
            if error.sqlstate != _DUPLICATE_OBJECT:
                raise
            # Someone else made it since; it may lack LOGIN, or have the mapping.
            state = _look_up(connections, name, arn)
            existed = True
    if state.may_log_in is False:
        ddl(sql.SQL("ALTER ROLE {} WITH LOGIN").format(role))
    if not state.is_mapped:
        ddl(sql.SQL("AWS IAM GRANT {} TO {}").format(role, sql.Literal(arn)))
    grants = []
    for table, privileges in PRIVILEGES.items():
        held = {each: _holds(connections, name, table, each) for each in privileges}
        if None in held.values():
            continue
        if missing := [each for each in privileges if not held[each]]:
            ddl(
                sql.SQL("GRANT {} ON {} TO {}").format(
                    sql.SQL(", ").join(map(sql.SQL, missing)), sql.Identifier(table), role
                )
            )
        grants.append(Grant(table, privileges))
    return CreatedRole(name, arn, tuple(grants), existed, tuple(done))


def _look_up(connections: Connections, name: str, arn: str) -> _State:
    query = statement("catalog/role.sql")
    values = {"role": name, "arn": arn}
    row = run(connections, lambda c: c.execute(query, values).fetchone()).value
    return _State(*row) if row else _State(may_log_in=None, is_mapped=False)


def _holds(connections: Connections, name: str, table: str, privilege: str) -> bool | None:
    """Whether the role has the privilege; None where there is no such table."""
    query = statement("catalog/has_privilege.sql")
    values = {"role": name, "table": table, "privilege": privilege}
    row = run(connections, lambda c: c.execute(query, values).fetchone()).value
    return bool(row[0]) if row else None
