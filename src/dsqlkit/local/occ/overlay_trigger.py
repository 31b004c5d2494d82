"""The triggers that write to an overlay: they do what the table would do with a row.

They fill in nothing, as the view's defaults have, and check unique keys among the rows of the table
and of the overlay together. Foreign keys come at the end of the command (overlay_references.py).

A command changes a row once, as PostgreSQL has it: if it comes across it again, by a join or in
another part of WITH, it leaves it out. That it comes across a row in the state before the command,
and writes in the state of now, tells the two apart.
"""

from collections.abc import Iterator
from typing import Final

from dsqlkit.local.occ.overlay_references import arrived, left, moved
from dsqlkit.local.occ.overlay_shape import Shape, columns_of, detail, raising
from dsqlkit.local.statements.quoting import literal, quoted

_MADE: Final = "(SELECT (dsqlkit_made).*) AS m"
"""The row that was made, by its columns. Variables have names that no column has."""


def finding(shape: Shape) -> str:
    """The body of the function of the trigger that comes first, in PL/pgSQL. It is STABLE: so it
    sees what the command sees, not what that has done. It finds the places of the row, or of all
    that are alike, among those that the overlay had before the command."""
    return f"""
#variable_conflict use_column
BEGIN
    PERFORM dsqlkit.assign('dsqlkit.places',
        ARRAY(SELECT r.ctid FROM {shape.rows} AS r WHERE {_same(shape, "r")})::text, true);
    IF tg_op = 'DELETE' THEN
        RETURN old;
    END IF;
    RETURN new;
END
"""


def body(shape: Shape) -> str:
    """The body of the function of the trigger that writes, in PL/pgSQL."""
    written = [quoted(each.name) for each in shape.columns if not each.generated]
    is_shown = f"NOT EXISTS (SELECT FROM {shape.hidden} AS h WHERE h.place = b.ctid)"
    its_row, its_base = "r.ctid = dsqlkit_places[1]", f"{_same(shape, 'b')} AND {is_shown}"
    if not shape.identity:
        # Of rows that are alike, one: they are met equally often.
        its_row = (
            f"r.ctid = (SELECT r.ctid FROM {shape.rows} AS r"
            " WHERE r.ctid = ANY (dsqlkit_places) LIMIT 1)"
        )
        its_base = f"b.ctid = (SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base} LIMIT 1)"
    hide = f"INSERT INTO {shape.hidden} SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base}"
    keys = [f"r.{name} = new.{name}" for name in shape.identity]
    # As texts, since not every type can be compared.
    alike = f"ROW({columns_of('r', written)})::text = ROW({columns_of('new', written)})::text"
    is_new = " AND ".join([*keys, alike])
    returned = columns_of("r", shape.names)
    assignments = ", ".join(f"{name} = new.{name}" for name in written)
    return f"""
#variable_conflict use_column
DECLARE
    dsqlkit_made {shape.view}%ROWTYPE;
    dsqlkit_is_made boolean := false;
    dsqlkit_place tid;
    dsqlkit_places tid[];
    dsqlkit_skips text[];
BEGIN
    IF tg_op <> 'INSERT' THEN
        dsqlkit_places := dsqlkit.real_setting('dsqlkit.places', true);
    END IF;
    IF tg_op = 'DELETE' THEN
        IF dsqlkit_places <> '{{}}' THEN
            DELETE FROM {shape.rows} AS r WHERE {its_row};
        END IF;
        IF dsqlkit_places = '{{}}' OR NOT FOUND THEN
            {hide};
            IF NOT FOUND THEN
                {_unsure(f"EXISTS (SELECT FROM {shape.rows} AS r WHERE {_same(shape, 'r')})")}
                RETURN NULL;
            END IF;
        END IF;
        {left(shape)}
        RETURN old;
    END IF;
    IF tg_op = 'INSERT' AND dsqlkit.real_setting('dsqlkit.meeting', true) = 'on' THEN
        dsqlkit_made := new;
        {_meet(shape, is_shown)}
        RETURN NULL;
    END IF;
    {_identities(shape)}
    IF tg_op = 'UPDATE' THEN
        IF dsqlkit_places <> '{{}}' THEN
            UPDATE {shape.rows} AS r SET {assignments} WHERE {its_row}
                RETURNING {returned} INTO dsqlkit_made;
            dsqlkit_is_made := FOUND;
        END IF;
        IF NOT dsqlkit_is_made THEN
            {hide};
            IF NOT FOUND THEN
                {_unsure(f"NOT EXISTS (SELECT FROM {shape.rows} AS r WHERE {is_new})")}
                RETURN NULL;
            END IF;
        END IF;
    END IF;
    IF NOT dsqlkit_is_made THEN
        INSERT INTO {shape.rows} AS r ({", ".join(written)}) VALUES ({columns_of("new", written)})
            RETURNING r.ctid INTO dsqlkit_place;
        SELECT {returned} INTO dsqlkit_made FROM {shape.rows} AS r WHERE r.ctid = dsqlkit_place;
    END IF;
    {_skip(shape, is_shown)}
    {_twins(shape, is_shown)}
    {arrived(shape)}
    IF tg_op = 'UPDATE' THEN
        {moved(shape)}
    END IF;
    RETURN dsqlkit_made;
END
"""


def _identities(shape: Shape) -> str:
    """Draw the numbers of identity columns: PostgreSQL gave them ones that stand for those."""
    return "\n".join(
        f"IF new.{quoted(each.name)} <= dsqlkit.last_drawn() THEN"
        f" new.{quoted(each.name)} := dsqlkit.next_identity({literal(each.sequence)}); END IF;"
        for each in shape.columns
        if each.sequence is not None
    )


def _unsure(row_depends: str) -> str:
    """Keep in mind that a row was met again. Which of several values it gets depends on the plan,
    and so does what RETURNING tells: run again, at the tables or here, it may be another."""
    return f"""
    IF {row_depends} THEN
        PERFORM dsqlkit.assign('dsqlkit.unsure', 'rows', true);
    ELSIF dsqlkit.real_setting('dsqlkit.unsure', true) = 'rows' IS NOT true THEN
        PERFORM dsqlkit.assign('dsqlkit.unsure', 'returned', true);
    END IF;"""


def _same(shape: Shape, alias: str) -> str:
    """A condition that is true of the row that is written."""
    if shape.identity:
        return " AND ".join(f"{alias}.{name} = old.{name}" for name in shape.identity)
    # To the byte: 1.0 is not 1.00, and not every type can be compared otherwise.
    mine, theirs = columns_of(alias, shape.names), columns_of("old", shape.names)
    return f"ROW({mine})::record *= ROW({theirs})::record"


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
        dsqlkit_skips := nullif(dsqlkit.real_setting('dsqlkit.skipping', true), '');
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
        told = detail(key.columns, its, ") already exists.")
        raised = raising("unique_violation", message, told, key.name, (shape.schema, shape.name))
        checks.append(f"IF {has_twin} THEN\n{raised}\nEND IF;")
    return "\n".join(checks)
