"""Asking for plans, and what tests look at in them."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from dsqlkit.connection import Connection


def lines_of(db: Connection, sql: str) -> list[Any]:
    """What a statement answers in its first column."""
    return [row[0] for row in db.execute(sql.encode()).fetchall()]


def shape(lines: list[str]) -> list[str]:
    """The lines without their figures."""
    return [
        re.sub(r"\((?:cost|actual) [^)]*\)|\(cost=[^)]*\)", "", each).rstrip() for each in lines
    ]


def dpu(lines: list[str], part: str) -> Decimal:
    """A part of the estimate below a plan."""
    [found] = [line for line in lines if line.startswith(f"  {part}: ")]
    return Decimal(found.split()[1])


def set_up(db: Connection, statements: Iterable[str]) -> None:
    """Run statements one by one; before an ANALYZE, wait for the indexes that are being built."""
    jobs: list[Any] = []
    for statement in statements:
        if statement.startswith("ANALYZE"):
            for job in jobs:
                db.execute("CALL sys.wait_for_job(%s)", job)
            jobs.clear()
        cursor = db.execute(statement.encode())
        if cursor.description is not None:
            jobs += cursor.fetchall()
