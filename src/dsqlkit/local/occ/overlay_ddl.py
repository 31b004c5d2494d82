"""The DDL of a table's overlay: where a transaction goes on that holds no rows.

A transaction that was set aside, or that has lost, holds no row, so that nobody waits for it. It
reads and writes a view of the table, which leaves out the rows of the table that the transaction
removed or replaced, and has those that it made. These are in two tables: `rows`, and `hidden` with
the places (ctid) of rows of the table. What it costs depends on the rows touched, not on the table.
 All transactions share an overlay, as none sees the rows of another; one that commits
empties its own first (server/sql/overlays.sql).

The view answers as the table would: it fills in defaults, and checks unique and foreign keys among
the rows of the table and the overlay together. Foreign keys that are deferred, or that lead from a
table to itself, are left to the COMMIT.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

ROWS_SCHEMA: Final = "dsqlkit_rows_"
VIEW_SCHEMA: Final = "dsqlkit_view_"

_NO_ACTION: Final = ("a", "r")
_CASCADE: Final = "c"
_NEW_VALUE: Final = {"n": "NULL", "d": "DEFAULT"}
"""pg_constraint's letters of a foreign key's actions."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `default` is an expression, `sequence` that of an identity column."""

    name: str
    default: str | None = None
    generated: bool = False
    sequence: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index: `columns` are names or expressions, as SQL writes them."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    nulls_equal: bool = False
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `columns` of `child` lead to `targets` of `parent` (each a schema, a name)."""

    name: str
    child: tuple[str, str]
    columns: tuple[str, ...]
    parent: tuple[str, str]
    targets: tuple[str, ...]
    on_delete: str
    on_update: str
    deferred: bool

    @property
    def is_checked(self) -> bool:
        """Whether the overlay sees to it, statement by statement."""
        return not self.deferred and self.parent != self.child


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, or a view with its `definition`, as far as its overlay depends on it."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    references: tuple[Reference, ...] = ()
    referenced: tuple[Reference, ...] = ()
    definition: str | None = None

    @property
    def base(self) -> str:
        """The table itself, as SQL writes its name; so the others."""
        return _named(self.schema, self.name)

    @property
    def rows(self) -> str:
        return _named(ROWS_SCHEMA + self.schema, self.name)

    @property
    def hidden(self) -> str:
        return _named(ROWS_SCHEMA + self.schema, self.name + " hidden")

    @property
    def view(self) -> str:
        return _view((self.schema, self.name))

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell a row from all others; none without a primary key."""
        return next((key.columns for key in self.keys if key.primary), ())

    @property
    def names(self) -> list[str]:
        return [_quoted(column.name) for column in self.columns]

    @property
    def parts(self) -> tuple[str, ...]:
        """The tables that the overlay has of its own."""
        return (self.rows, self.hidden) if self.definition is None else ()


def read_shape(text: str) -> Shape:
    """The shape of which dsqlkit.shape_of gave this text."""
    found = json.loads(text)
    return Shape(
        schema=found["schema"],
        name=found["name"],
        columns=tuple(
            Column(each["name"], each["default"], each["generated"] is not None, each["sequence"])
            for each in found["columns"] or ()
        ),
        keys=tuple(
            Key(
                each["name"],
                tuple(each["columns"]),
                each["primary"],
                each["nulls_equal"],
                each["condition"],
            )
            for each in found["keys"] or ()
        ),
        references=tuple(_reference(each) for each in found["references"] or ()),
        referenced=tuple(_reference(each) for each in found["referenced"] or ()),
        definition=found["definition"],
    )


def _reference(found: dict[str, Any]) -> Reference:
    return Reference(
        name=found["name"],
        child=(found["child"][0], found["child"][1]),
        columns=tuple(found["columns"]),
        parent=(found["parent"][0], found["parent"][1]),
        targets=tuple(found["targets"]),
        on_delete=found["on_delete"],
        on_update=found["on_update"],
        deferred=found["deferred"],
    )


def statements(shape: Shape) -> Iterator[str]:
    """The statements that make the overlay, anew if there is one."""
    for prefix in (ROWS_SCHEMA, VIEW_SCHEMA):
        schema = _quoted(prefix + shape.schema)
        yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC"
    yield f"DROP VIEW IF EXISTS {shape.view} CASCADE"
    if shape.definition is not None:
        path = f"dsqlkit.all_schemas({_literal(VIEW_SCHEMA)})"
        yield f"SELECT pg_catalog.set_config('search_path', {path}, true)"
        yield f"CREATE VIEW {shape.view} AS {shape.definition}"
        return
    yield f"DROP TABLE IF EXISTS {shape.rows}, {shape.hidden}"
    yield (
        f"CREATE UNLOGGED TABLE {shape.rows} (LIKE {shape.base}"
        " INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)"
    )
    # Not unique: a second transaction with such a row would wait for the first.
    for key in shape.keys:
        yield f"CREATE INDEX ON {shape.rows} ({', '.join(key.columns)})"
    yield f"CREATE UNLOGGED TABLE {shape.hidden} (place tid)"
    yield f"CREATE INDEX ON {shape.hidden} (place)"
    yield (
        f"CREATE VIEW {shape.view} AS SELECT {_of('b', shape.names)} FROM ONLY {shape.base} AS b"
        f" WHERE b.ctid <> ALL (ARRAY(SELECT h.place FROM {shape.hidden} AS h))"
        f" UNION ALL SELECT {_of('r', shape.names)} FROM {shape.rows} AS r"
    )
    for column in shape.columns:
        default = column.default
        if column.sequence is not None:
            default = f"dsqlkit.next_identity({_literal(column.sequence)}::pg_catalog.regclass)"
        if default is not None:
            yield f"ALTER VIEW {shape.view} ALTER {_quoted(column.name)} SET DEFAULT {default}"
    function = _named(ROWS_SCHEMA + shape.schema, shape.name + " write")
    yield (
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
        f" SECURITY DEFINER SET search_path = pg_catalog AS {_literal(_write(shape))}"
    )
    yield (
        f"CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE OR DELETE ON {shape.view}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )


def _write(shape: Shape) -> str:
    """The body of the trigger's function."""
    written = [_quoted(each.name) for each in shape.columns if not each.generated]
    is_shown = f"NOT EXISTS (SELECT FROM {shape.hidden} AS h WHERE h.place = b.ctid)"
    its_row, its_base = _same(shape, "r"), f"{_same(shape, 'b')} AND {is_shown}"
    if not shape.identity:
        # Of rows that are alike, one.
        its_row = f"r.ctid = (SELECT r.ctid FROM {shape.rows} AS r WHERE {its_row} LIMIT 1)"
        its_base = f"b.ctid = (SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base} LIMIT 1)"
    hide = f"INSERT INTO {shape.hidden} SELECT b.ctid FROM ONLY {shape.base} AS b WHERE {its_base}"
    returned = _of("r", shape.names)
    assignments = ", ".join(f"{name} = new.{name}" for name in written)
    return f"""
#variable_conflict use_column
DECLARE
    made {shape.view}%ROWTYPE;
    is_made boolean := false;
    many bigint;
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
        made := new;
        {_meet(shape, is_shown)}
        RETURN NULL;
    END IF;
    IF tg_op = 'UPDATE' THEN
        UPDATE {shape.rows} AS r SET {assignments} WHERE {its_row} RETURNING {returned} INTO made;
        is_made := FOUND;
        IF NOT is_made THEN
            {hide};
        END IF;
    END IF;
    IF NOT is_made THEN
        INSERT INTO {shape.rows} AS r ({", ".join(written)}) VALUES ({_of("new", written)})
            RETURNING {returned} INTO made;
    END IF;
    {_twins(shape, is_shown)}
    {_parents(shape)}
    IF tg_op = 'UPDATE' THEN
        {_children_moved(shape)}
    END IF;
    RETURN made;
END
"""


def _same(shape: Shape, alias: str) -> str:
    """A condition that is true of the row that is written."""
    if shape.identity:
        return " AND ".join(f"{alias}.{name} = old.{name}" for name in shape.identity)
    mine, theirs = _of(alias, shape.names), _of("old", shape.names)
    return f"ROW({mine}) IS NOT DISTINCT FROM ROW({theirs})"


def _meet(shape: Shape, is_shown: str) -> str:
    """Bring the rows of the table to the overlay that have a unique key of the row to be made."""
    written = ", ".join(_quoted(each.name) for each in shape.columns if not each.generated)
    acts = []
    for condition in _equal_keys(shape):
        found = f"FROM ONLY {shape.base} AS b WHERE {condition} AND {is_shown}"
        acts.append(
            f"INSERT INTO {shape.rows} ({written}) SELECT {written} {found};"
            f" INSERT INTO {shape.hidden} SELECT b.ctid {found};"
        )
    return "\n".join(acts)


def _equal_keys(shape: Shape) -> Iterator[str]:
    """For each unique key, a condition true of rows that have that of the row `made`."""
    for key in shape.keys:
        # Inside, names are the columns of the row that was made; outside, those of the table.
        its = [f"(SELECT {column} FROM (SELECT (made).*) AS m)" for column in key.columns]
        equal = "IS NOT DISTINCT FROM" if key.nulls_equal else "="
        conditions = [
            f"{column} {equal} {value}" for column, value in zip(key.columns, its, strict=True)
        ]
        if key.condition is not None:
            conditions += [key.condition, f"(SELECT {key.condition} FROM (SELECT (made).*) AS m)"]
        yield " AND ".join(conditions)


def _twins(shape: Shape, is_shown: str) -> str:
    """Refuse a row with a unique key that another row of the table or the overlay has."""
    checks = []
    for key, same in zip(shape.keys, _equal_keys(shape), strict=True):
        its = [f"(SELECT {column} FROM (SELECT (made).*) AS m)" for column in key.columns]
        found = (
            f"EXISTS (SELECT FROM ONLY {shape.base} AS b WHERE {same} AND {is_shown})"
            f" OR 1 < (SELECT count(*) FROM {shape.rows} AS r WHERE {same})"
        )
        message = f'duplicate key value violates unique constraint "{key.name}"'
        detail = _detail(key.columns, its, ") already exists.")
        raised = _raise("unique_violation", message, detail, key.name, (shape.schema, shape.name))
        checks.append(f"IF {found} THEN\n{raised}\nEND IF;")
    return "\n".join(checks)


def _parents(shape: Shape) -> str:
    """Refuse a row that leads to a parent that is not there."""
    checks = []
    for each in shape.references:
        if not each.is_checked:
            continue
        mine = [f"made.{_quoted(name)}" for name in each.columns]
        given = " AND ".join(f"{name} IS NOT NULL" for name in mine)
        found = " AND ".join(
            f"p.{_quoted(target)} = {name}" for target, name in zip(each.targets, mine, strict=True)
        )
        message = (
            f'insert or update on table "{shape.name}" violates foreign key constraint'
            f' "{each.name}"'
        )
        detail = _detail(each.columns, mine, f') is not present in table "{each.parent[1]}".')
        raised = _raise(
            "foreign_key_violation", message, detail, each.name, (shape.schema, shape.name)
        )
        parent = f"SELECT FROM {_view(each.parent)} AS p WHERE {found}"
        checks.append(f"IF {given} AND NOT EXISTS ({parent}) THEN\n{raised}\nEND IF;")
    return "\n".join(checks)


def _children_left(shape: Shape) -> str:
    """What becomes of rows that led to a row that is deleted."""
    acts = []
    for each in shape.referenced:
        if each.is_checked and each.on_delete in _NO_ACTION:
            acts.append(_refuse_children(shape, each))
        elif each.is_checked and each.on_delete == _CASCADE:
            acts.append(_tell(f"DELETE FROM {_view(each.child)} AS c WHERE {_lead_to_old(each)}"))
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
            f"old.{name} IS DISTINCT FROM made.{name}" for name in map(_quoted, each.targets)
        )
        if each.on_update in _NO_ACTION:
            act = _refuse_children(shape, each)
        else:
            value = _NEW_VALUE.get(each.on_update)
            values = [value or f"made.{_quoted(target)}" for target in each.targets]
            act = _tell(_change_children(each, values))
        acts.append(f"IF {changed} THEN\n{act}\nEND IF;")
    return "\n".join(acts) or "NULL;"


def _refuse_children(shape: Shape, each: Reference) -> str:
    values = [f"old.{_quoted(name)}" for name in each.targets]
    message = (
        f'update or delete on table "{shape.name}" violates foreign key constraint'
        f' "{each.name}" on table "{each.child[1]}"'
    )
    detail = _detail(each.targets, values, f') is still referenced from table "{each.child[1]}".')
    raised = _raise("foreign_key_violation", message, detail, each.name, each.child)
    found = f"SELECT FROM {_view(each.child)} AS c WHERE {_lead_to_old(each)}"
    return f"IF EXISTS ({found}) THEN\n{raised}\nEND IF;"


def _change_children(each: Reference, values: list[str]) -> str:
    changes = ", ".join(
        f"{_quoted(name)} = {value}" for name, value in zip(each.columns, values, strict=True)
    )
    return f"UPDATE {_view(each.child)} AS c SET {changes} WHERE {_lead_to_old(each)}"


def _lead_to_old(each: Reference) -> str:
    pairs = zip(each.columns, each.targets, strict=True)
    return " AND ".join(f"c.{_quoted(name)} = old.{_quoted(target)}" for name, target in pairs)


def _tell(change: str) -> str:
    """A change by a foreign key's action: its rows count as the transaction's (limits.sql)."""
    return f"""{change};
GET DIAGNOSTICS many = ROW_COUNT;
IF many > 0 THEN
    RAISE INFO USING ERRCODE = 'DSQ02', MESSAGE = many;
END IF;"""


def _raise(error: str, message: str, detail: str, constraint: str, table: tuple[str, str]) -> str:
    return (
        f"RAISE {error} USING MESSAGE = {_literal(message)}, DETAIL = {detail},"
        f" CONSTRAINT = {_literal(constraint)}, SCHEMA = {_literal(table[0])},"
        f" TABLE = {_literal(table[1])};"
    )


def _detail(columns: Sequence[str], values: Sequence[str], end: str) -> str:
    """What PostgreSQL adds to the violation of a key: its columns, and its values."""
    start = f"Key ({', '.join(columns)})=("
    return f"{_literal(start)} || concat_ws(', ', {', '.join(values)}) || {_literal(end)}"


def _of(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _view(table: tuple[str, str]) -> str:
    return _named(VIEW_SCHEMA + table[0], table[1])


def _named(schema: str, name: str) -> str:
    return f"{_quoted(schema)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
