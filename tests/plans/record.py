"""Record the plans of `data/postgres/cases.sql` from a PostgreSQL server, as text and as JSON.

    python -m tests.plans.record 'host=/run/postgresql dbname=scratch' > .../postgres/16.jsonl

Replaces schema public of that database. What the server refuses is left out.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from dsqlkit.queries import split_statements

DATA = Path(__file__).parent / "data" / "postgres"
_EXPLAIN = re.compile(r"EXPLAIN \((?P<options>[^)]+)\)")


def cases() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Name, settings and EXPLAIN statement of each case."""
    for part in (DATA / "cases.sql").read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, body = part.partition("\n")
        *settings, explain = split_statements(body)
        yield name, tuple(settings), explain


def in_format_json(explain: str) -> str:
    """The same EXPLAIN with its result as JSON."""
    return _EXPLAIN.sub(r"EXPLAIN (\g<options>, FORMAT JSON)", explain, count=1)


def _answer(connection: psycopg.Connection[Any], settings: tuple[str, ...], sql: str) -> list[Any]:
    with connection.transaction(force_rollback=True):
        for setting in settings:
            connection.execute(setting.encode())
        return [row[0] for row in connection.execute(sql.encode()).fetchall()]


def main(dsn: str) -> None:
    """Print the records, one a line."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((DATA / "setup.sql").read_bytes())
        for name, settings, explain in cases():
            try:
                text = _answer(connection, settings, explain)
                [[plan]] = _answer(connection, settings, in_format_json(explain))
            except psycopg.Error as error:
                print(f"{name}: {error}", file=sys.stderr)
            else:
                print(json.dumps({"name": name, "text": text, "json": _lasting(plan)}))


def _lasting(value: Any) -> Any:
    """JSON without times and buffers, which differ between any two runs."""
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    if not isinstance(value, dict):
        return value
    fleeting = re.compile(r".*(?:Time|Blocks|Usage|Workers)|Planning|JIT")
    return {key: _lasting(item) for key, item in value.items() if not fleeting.fullmatch(key)}


if __name__ == "__main__":
    main(sys.argv[1])
