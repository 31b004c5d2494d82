"""What a text is refused with, read from what it is rewritten to."""

from dsqlkit.local.dialect.carried import refusal_in
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import Refusal


def refusal(sql: str) -> Refusal | None:
    """The refusal that PostgreSQL would be made to report for the text."""
    changed = read(sql.encode()).run.decode()
    _, mark, carried = changed.partition("pg_catalog.oid E'")
    if not mark:
        return None
    carried = carried.partition("'")[0] if "''" not in carried else carried.rsplit("'", 1)[0]
    carried = carried.replace("''", "'").replace("\\\\", "\\")
    return refusal_in(f'invalid input syntax for type oid: "{carried}"')
