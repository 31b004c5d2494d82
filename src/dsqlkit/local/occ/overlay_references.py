"""The foreign keys of an overlay: looked at when a command is over, as PostgreSQL does.

Another part of the same command may bring a parent later, or take the children away itself. So the
trigger of a row only keeps in mind what is due, and one of the command sees to it. Keys that are
deferred, or that lead from a table to itself, are left to the COMMIT.
"""

from typing import Final

from dsqlkit.local.dialect.catalog import UPSERT_TABLE
from dsqlkit.local.occ.overlay_shape import (
    Reference,
    Shape,
    columns_of,
    detail,
    raising,
    view_of,
)
from dsqlkit.local.statements.quoting import literal, quoted

_NO_ACTION: Final = "a"
_REFUSED: Final = ("a", "r")
_CASCADE: Final = "c"
_NEW_VALUE: Final = {"n": "NULL", "d": "DEFAULT"}
"""pg_constraint's letters of a foreign key's actions."""


def arrived(shape: Shape) -> str:
    """Keep in mind a row that was made whose parent is not there yet."""
    checks = []
    for each in shape.references:
        if not each.is_checked:
            continue
        mine = [f"dsqlkit_made.{quoted(name)}" for name in each.columns]
        theirs = ", ".join(f"old.{quoted(name)}" for name in each.columns)
        changed = f"(tg_op = 'INSERT' OR ROW({', '.join(mine)}) IS DISTINCT FROM ROW({theirs}))"
        given = " AND ".join([changed, *(f"{name} IS NOT NULL" for name in mine)])
        kept = _keep(shape, "arrived", "NULL", _row(shape, "dsqlkit_made"), literal(each.name))
        checks.append(f"IF {given} AND NOT EXISTS ({_parent(each)}) THEN\n{kept}\nEND IF;")
    return "\n".join(checks)


def left(shape: Shape) -> str:
    """Keep in mind a row that was deleted, if others may lead to it."""
    if not any(each.is_checked for each in shape.referenced):
        return ""
    return _keep(shape, "left", _row(shape, "old"), "NULL")


def moved(shape: Shape) -> str:
    """Keep in mind a row whose key was changed, if others may lead to it."""
    changed = sorted(
        {
            f"old.{name} IS DISTINCT FROM dsqlkit_made.{name}"
            for each in shape.referenced
            if each.is_checked
            for name in map(quoted, each.targets)
        }
    )
    if not changed:
        return "NULL;"
    kept = _keep(shape, "moved", _row(shape, "old"), _row(shape, "dsqlkit_made"))
    return f"IF {' OR '.join(changed)} THEN\n{kept}\nEND IF;"


def settling(shape: Shape) -> str:
    """The body of the function of the trigger at the end of a command, in PL/pgSQL."""
    return f"""
#variable_conflict use_column
DECLARE
    dsqlkit_due record;
    old {shape.rows}%ROWTYPE;
    dsqlkit_made {shape.rows}%ROWTYPE;
    dsqlkit_many bigint;
BEGIN
    FOR dsqlkit_due IN DELETE FROM {shape.due} AS d WHERE d.event <> 'arrived' RETURNING d.* LOOP
        old := dsqlkit_due.was;
        dsqlkit_made := dsqlkit_due.made;
        IF dsqlkit_due.event = 'left' THEN
            {_children_left(shape)}
            NULL;
        ELSE
            {_children_moved(shape)}
            NULL;
        END IF;
    END LOOP;
    FOR dsqlkit_due IN DELETE FROM {shape.due} AS d RETURNING d.* LOOP
        dsqlkit_made := dsqlkit_due.made;
        {_parents(shape)}
    END LOOP;
    RETURN NULL;
END
"""


def upserting(shape: Shape) -> str:
    """The body of the function of the trigger that comes after each row of an upsert, at the table
    that it is run at."""
    return f"""
#variable_conflict use_column
DECLARE
    dsqlkit_made {shape.rows}%ROWTYPE := new;
BEGIN
    {arrived(shape)}
    IF tg_op = 'UPDATE' THEN
        {moved(shape)}
    END IF;
    RETURN NULL;
END
"""


def upserted(shape: Shape) -> str:
    """The body of the function of the trigger at the end of an upsert: its rows come to the
    overlay, and what is due is looked at."""
    written = ", ".join(quoted(each.name) for each in shape.columns if not each.generated)
    return f"""
#variable_conflict use_column
BEGIN
    DELETE FROM {shape.rows};
    INSERT INTO {shape.rows} ({written}) SELECT {written} FROM pg_temp."{UPSERT_TABLE}";
    DELETE FROM {shape.view} WHERE false;
    RETURN NULL;
END
"""


def _keep(shape: Shape, event: str, was: str, made: str, reference: str = "NULL") -> str:
    return f"INSERT INTO {shape.due} VALUES ('{event}', {was}, {made}, {reference});"


def _row(shape: Shape, variable: str) -> str:
    return f"ROW({columns_of(variable, shape.names)})::{shape.rows}"


def _parent(each: Reference) -> str:
    """A query of the parent of the row that was made."""
    found = " AND ".join(
        f"p.{quoted(target)} = dsqlkit_made.{quoted(name)}"
        for target, name in zip(each.targets, each.columns, strict=True)
    )
    return f"SELECT FROM {view_of(each.parent)} AS p WHERE {found}"


def _parents(shape: Shape) -> str:
    """Refuse a row that leads to a parent that is not there, if it is still there itself."""
    checks = []
    for each in shape.references:
        if not each.is_checked:
            continue
        values = [f"dsqlkit_made.{quoted(name)}" for name in each.columns]
        stays = " AND ".join(
            f"c.{quoted(name)} = {value}" for name, value in zip(each.columns, values, strict=True)
        )
        message = (
            f'insert or update on table "{shape.name}" violates foreign key constraint'
            f' "{each.name}"'
        )
        told = detail(each.columns, values, f') is not present in table "{each.parent[1]}".')
        raised = raising(
            "foreign_key_violation", message, told, each.name, (shape.schema, shape.name)
        )
        checks.append(
            f"IF dsqlkit_due.reference = {literal(each.name)} AND NOT EXISTS ({_parent(each)})"
            f" AND EXISTS (SELECT FROM {shape.view} AS c WHERE {stays}) THEN\n{raised}\nEND IF;"
        )
    return "\n".join(checks)


def _children_left(shape: Shape) -> str:
    """What becomes of rows that led to a row that was deleted."""
    acts = []
    for each in shape.referenced:
        if each.is_checked and each.on_delete in _REFUSED:
            acts.append(_refuse_children(shape, each, each.on_delete))
        elif each.is_checked and each.on_delete == _CASCADE:
            acts.append(_tell(f"DELETE FROM {view_of(each.child)} AS c WHERE {_lead_to_old(each)}"))
        elif each.is_checked:
            value = _NEW_VALUE[each.on_delete]
            acts.append(_tell(_change_children(each, [value] * len(each.columns))))
            # The default may lead to the very row that is gone.
            acts.append(_refuse_children(shape, each, _NO_ACTION))
    return "\n".join(acts)


def _children_moved(shape: Shape) -> str:
    """What becomes of rows that led to a row whose key was changed."""
    acts = []
    for each in shape.referenced:
        if not each.is_checked:
            continue
        changed = " OR ".join(
            f"old.{name} IS DISTINCT FROM dsqlkit_made.{name}" for name in map(quoted, each.targets)
        )
        if each.on_update in _REFUSED:
            act = _refuse_children(shape, each, each.on_update)
        else:
            value = _NEW_VALUE.get(each.on_update)
            values = [value or f"dsqlkit_made.{quoted(target)}" for target in each.targets]
            act = _tell(_change_children(each, values))
            act += "\n" + _refuse_children(shape, each, _NO_ACTION)
        acts.append(f"IF {changed} THEN\n{act}\nEND IF;")
    return "\n".join(acts)


def _refuse_children(shape: Shape, each: Reference, action: str) -> str:
    values = [f"old.{quoted(name)}" for name in each.targets]
    message = (
        f'update or delete on table "{shape.name}" violates foreign key constraint'
        f' "{each.name}" on table "{each.child[1]}"'
    )
    told = detail(each.targets, values, f') is still referenced from table "{each.child[1]}".')
    raised = raising("foreign_key_violation", message, told, each.name, each.child)
    refused = f"EXISTS (SELECT FROM {view_of(each.child)} AS c WHERE {_lead_to_old(each)})"
    if action == _NO_ACTION:
        again = " AND ".join(
            f"p.{quoted(target)} = {value}"
            for target, value in zip(each.targets, values, strict=True)
        )
        refused += f" AND NOT EXISTS (SELECT FROM {shape.view} AS p WHERE {again})"
    return f"IF {refused} THEN\n{raised}\nEND IF;"


def _change_children(each: Reference, values: list[str]) -> str:
    changes = ", ".join(
        f"{quoted(name)} = {value}" for name, value in zip(each.columns, values, strict=True)
    )
    return f"UPDATE {view_of(each.child)} AS c SET {changes} WHERE {_lead_to_old(each)}"


def _lead_to_old(each: Reference) -> str:
    pairs = zip(each.columns, each.targets, strict=True)
    return " AND ".join(f"c.{quoted(name)} = old.{quoted(target)}" for name, target in pairs)


def _tell(change: str) -> str:
    """A change by a foreign key's action: its rows count as the transaction's (limits.sql)."""
    return f"""{change};
GET DIAGNOSTICS dsqlkit_many = ROW_COUNT;
IF dsqlkit_many > 0 THEN
    RAISE INFO USING ERRCODE = 'DSQ02', MESSAGE = dsqlkit_many;
END IF;"""
