"""Names and values as SQL writes them."""

from collections.abc import Iterable

from dsqlkit.local.statements.tree import Node


def quoted(name: str) -> str:
    """A name, in quotes whether it needs them or not."""
    return '"' + name.replace('"', '""') + '"'


def named(schema: str, name: str) -> str:
    """A name with its schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def qualified(relation: Node) -> str:
    """The name of a parsed relation, quoted, with its schema if it was given."""
    return ".".join(quoted(part) for part in (relation.schemaname, relation.relname) if part)


def literal(value: str | None) -> str:
    """A text as an SQL literal, or NULL."""
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'" if "\\" in value else f"'{escaped}'"


def array(values: Iterable[str]) -> str:
    """Texts as the text of an array, to be bound as one value."""
    elements = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(elements) + "}"


def array_literal(values: Iterable[str | None]) -> str:
    """Texts as an expression of SQL that is an array of them."""
    return f"ARRAY[{', '.join(map(literal, values))}]::pg_catalog.text[]"


def resolved(relation: Node) -> tuple[str, str]:
    """Two expressions: the relation that its name finds now, NULL if there is none; the name."""
    name = ".".join(part for part in (relation.schemaname, relation.relname) if part)
    return f"pg_catalog.to_regclass({literal(qualified(relation))})", literal(name)
