"""The trigger that writes to an overlay: it does what the table would do with a row.

It fills in nothing, as the view's defaults have; it checks unique and foreign keys, and carries out
the actions of foreign keys, among the rows of the table and of the overlay together.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from dsqlkit.local.occ.overlay_shape import Reference, Shape, columns_of, literal, quoted, view_of

_MADE: Final = "(SELECT (dsqlkit_made).*) AS m"
"""The row that was made, by its columns. Variables have names that no column has."""
_NO_ACTION: Final = ("a", "r")
_CASCADE: Final = "c"
_NEW_VALUE: Final = {"n": "NULL", "d": "DEFAULT"}
"""pg_constraint's letters of a foreign key's actions."""


def body(shape: Shape) -> str:
    """The body of the trigger's function, in PL/pgSQL."""
    written = [quoted(each.name) for each in shape.columns if not each.generated]
    is_shown = f"NOT EXISTS (SELECT FROM {shape.hidden} AS h WHERE h.place = b.ctid)"
    its_row, its_base = _same(shape, "r"), f"{_same(shape, 'b')} AND {is_shown}"
    if not shape.identity:
        # Of rows that are alike, one.
        its_row = f"r.ctid = (SELECT r.ctid FROM {shape.rows} AS r WHERE {its_row} LIMIT 1)"
        its_base = f"b.ctid = (SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base} LIMIT 1)"
    hide = f"INSERT INTO {shape.hidden} SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base}"
    returned = columns_of("r", shape.names)
    assignments = ", ".join(f"{name} = new.{name}" for name in written)
    return f"""
#variable_conflict use_column
DECLARE
    dsqlkit_made {shape.view}%ROWTYPE;
    dsqlkit_is_made boolean := false;
    dsqlkit_place tid;
    dsqlkit_skips text[];
    dsqlkit_many bigint;
BEGIN
    IF tg_op = 'DELETE' THEN
        DELETE FROM {shape.rows} AS r WHERE {its_row};
        IF NOT FOUND THEN
            {hide};
        END IF;
        {_children_left(shape)}
        RETURN old;
    END IF;
    IF tg_op = 'INSERT' AND current_setting('dsqlkit.meeting', true) = 'on' THEN
        dsqlkit_made := new;
        {_meet(shape, is_shown)}
        RETURN NULL;
    END IF;
    IF tg_op = 'UPDATE' THEN
        UPDATE {shape.rows} AS r SET {assignments} WHERE {its_row}
            RETURNING {returned} INTO dsqlkit_made;
        dsqlkit_is_made := FOUND;
        IF NOT dsqlkit_is_made THEN
            {hide};
        END IF;
    END IF;
    IF NOT dsqlkit_is_made THEN
        INSERT INTO {shape.rows} AS r ({", ".join(written)}) VALUES ({columns_of("new", written)})
            RETURNING r.ctid INTO dsqlkit_place;
        SELECT {returned} INTO dsqlkit_made FROM {shape.rows} AS r WHERE r.ctid = dsqlkit_place;
    END IF;
    {_skip(shape, is_shown)}
    {_twins(shape, is_shown)}
    {_parents(shape)}
    IF tg_op = 'UPDATE' THEN
        {_children_moved(shape)}
    END IF;
    RETURN dsqlkit_made;
END
"""


def _same(shape: Shape, alias: str) -> str:
    """A condition that is true of the row that is written."""
    if shape.identity:
        return " AND ".join(f"{alias}.{name} = old.{name}" for name in shape.identity)
    mine, theirs = columns_of(alias, shape.names), columns_of("old", shape.names)
    return f"ROW({mine}) IS NOT DISTINCT FROM ROW({theirs})"


def _meet(shape: Shape, is_shown: str) -> str:
    """Bring the rows of the table to the overlay that have a unique key of the row to be made."""
    written = ", ".join(quoted(each.name) for each in shape.columns if not each.generated)
    acts = []
    for condition in _equal_keys(shape):
        found = f"FROM ONLY {shape.base} AS b WHERE {condition} AND {is_shown}"
        acts.append(
            f"INSERT INTO {shape.rows} ({written}) SELECT {written} {found};"
            f" INSERT INTO {shape.hidden} SELECT b.ctid {found};"
        )
    return "\n".join(acts)


def _equal_keys(shape: Shape) -> Iterator[str]:
    """For each unique key, a condition true of rows that have that of the row that was made."""
    for key in shape.keys:
        # Inside, names are the columns of the row that was made; outside, those of the table.
        its = [f"(SELECT {column} FROM {_MADE})" for column in key.columns]
        equal = "IS NOT DISTINCT FROM" if key.nulls_equal else "="
        conditions = [
            f"{column} {equal} {value}" for column, value in zip(key.columns, its, strict=True)
        ]
        if key.condition is not None:
            conditions += [
                key.condition,
                f"(SELECT {key.condition} FROM (SELECT (dsqlkit_made).*) AS m)",
            ]
        yield " AND ".join(conditions)


def _have_twins(shape: Shape, is_shown: str) -> Iterator[str]:
    """For each unique key, whether another row of the table or the overlay has that of the row that
    was made."""
    for same in _equal_keys(shape):
        yield (
            f"EXISTS (SELECT FROM ONLY {shape.base} AS b WHERE {same} AND {is_shown})"
            f" OR 1 < (SELECT count(*) FROM {shape.rows} AS r WHERE {same})"
        )


def _skip(shape: Shape, is_shown: str) -> str:
    """Leave out a row to insert that meets one of the keys that ON CONFLICT DO NOTHING means
    (dsqlkit.begin_skipping). It was made all the same, as what it violates is to be told."""
    if not shape.keys:
        return ""
    skips = " OR ".join(
        f"{literal(key.name)} = ANY (dsqlkit_skips[2:]) AND ({has_twin})"
        for key, has_twin in zip(shape.keys, _have_twins(shape, is_shown), strict=True)
    )
    return f"""
    IF tg_op = 'INSERT' THEN
        dsqlkit_skips := nullif(current_setting('dsqlkit.skipping', true), '');
        IF dsqlkit_skips[1] = {literal(shape.relation)} AND ({skips}) THEN
            DELETE FROM {shape.rows} AS r WHERE r.ctid = dsqlkit_place;
            RETURN NULL;
        END IF;
    END IF;"""


def _twins(shape: Shape, is_shown: str) -> str:
    """Refuse a row with a unique key that another row of the table or the overlay has."""
    checks = []
    for key, has_twin in zip(shape.keys, _have_twins(shape, is_shown), strict=True):
        its = [f"(SELECT {column} FROM {_MADE})" for column in key.columns]
        message = f'duplicate key value violates unique constraint "{key.name}"'
        detail = _detail(key.columns, its, ") already exists.")
        raised = _raise("unique_violation", message, detail, key.name, (shape.schema, shape.name))
        checks.append(f"IF {has_twin} THEN\n{raised}\nEND IF;")
    return "\n".join(checks)


def _parents(shape: Shape) -> str:
    """Refuse a row that leads to a parent that is not there."""
    checks = []
    for each in shape.references:
        if not each.is_checked:
            continue
        mine = [f"dsqlkit_made.{quoted(name)}" for name in each.columns]
        theirs = ", ".join(f"old.{quoted(name)}" for name in each.columns)
        changed = f"(tg_op = 'INSERT' OR ROW({', '.join(mine)}) IS DISTINCT FROM ROW({theirs}))"
        given = " AND ".join([changed, *(f"{name} IS NOT NULL" for name in mine)])
        found = " AND ".join(
            f"p.{quoted(target)} = {name}" for target, name in zip(each.targets, mine, strict=True)
        )
        message = (
            f'insert or update on table "{shape.name}" violates foreign key constraint'
            f' "{each.name}"'
        )
        detail = _detail(each.columns, mine, f') is not present in table "{each.parent[1]}".')
        raised = _raise(
            "foreign_key_violation", message, detail, each.name, (shape.schema, shape.name)
        )
        parent = f"SELECT FROM {view_of(each.parent)} AS p WHERE {found}"
        checks.append(f"IF {given} AND NOT EXISTS ({parent}) THEN\n{raised}\nEND IF;")
    return "\n".join(checks)


def _children_left(shape: Shape) -> str:
    """What becomes of rows that led to a row that is deleted."""
    acts = []
    for each in shape.referenced:
        if each.is_checked and each.on_delete in _NO_ACTION:
            acts.append(_refuse_children(shape, each))
        elif each.is_checked and each.on_delete == _CASCADE:
            acts.append(_tell(f"DELETE FROM {view_of(each.child)} AS c WHERE {_lead_to_old(each)}"))
        elif each.is_checked:
            value = _NEW_VALUE[each.on_delete]
            acts.append(_tell(_change_children(each, [value] * len(each.columns))))
    return "\n".join(acts)


def _children_moved(shape: Shape) -> str:
    """What becomes of rows that led to a row whose key is changed."""
    acts = []
    for each in shape.referenced:
        if not each.is_checked:
            continue
        changed = " OR ".join(
            f"old.{name} IS DISTINCT FROM dsqlkit_made.{name}" for name in map(quoted, each.targets)
        )
        if each.on_update in _NO_ACTION:
            act = _refuse_children(shape, each)
        else:
            value = _NEW_VALUE.get(each.on_update)
            values = [value or f"dsqlkit_made.{quoted(target)}" for target in each.targets]
            act = _tell(_change_children(each, values))
        acts.append(f"IF {changed} THEN\n{act}\nEND IF;")
    return "\n".join(acts) or "NULL;"


def _refuse_children(shape: Shape, each: Reference) -> str:
    values = [f"old.{quoted(name)}" for name in each.targets]
    message = (
        f'update or delete on table "{shape.name}" violates foreign key constraint'
        f' "{each.name}" on table "{each.child[1]}"'
    )
    detail = _detail(each.targets, values, f') is still referenced from table "{each.child[1]}".')
    raised = _raise("foreign_key_violation", message, detail, each.name, each.child)
    found = f"SELECT FROM {view_of(each.child)} AS c WHERE {_lead_to_old(each)}"
    return f"IF EXISTS ({found}) THEN\n{raised}\nEND IF;"


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


def _raise(error: str, message: str, detail: str, constraint: str, table: tuple[str, str]) -> str:
    return (
        f"RAISE {error} USING MESSAGE = {literal(message)}, DETAIL = {detail},"
        f" CONSTRAINT = {literal(constraint)}, SCHEMA = {literal(table[0])},"
        f" TABLE = {literal(table[1])};"
    )


def _detail(columns: Sequence[str], values: Sequence[str], end: str) -> str:
    """What PostgreSQL adds to the violation of a key: its columns, and its values."""
    start = f"Key ({', '.join(columns)})=("
    return f"{literal(start)} || concat_ws(', ', {', '.join(values)}) || {literal(end)}"
