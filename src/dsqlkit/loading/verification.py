"""Compare a file of ids with the table, in bounded memory.

The table is read in the order of its ids, a page in a transaction. The file, in whatever order it
is, is parted by the first byte of its ids; each part is sorted by itself. Both are then walked
along together.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from dsqlkit.connection import Connections
from dsqlkit.errors import UsageError
from dsqlkit.loading.batch import ID_BYTES
from dsqlkit.queries import statement
from dsqlkit.transaction import read_alone

_PAGE_ROWS: Final = 10_000
_LONGEST_LINE: Final = 1024
"""More is read as another line, for some files (/dev/zero) have no lines."""
_LAST_ID: Final = (1 << 128) - 1
_HELD_OF_A_PART: Final = 64 * 1024
"""Bytes of each of the 256 parts that are kept in memory; more goes to a temporary file."""


@dataclass(frozen=True, slots=True)
class Verified:
    """How many ids are in the table and in the file; `missing` of the file's are not in the table,
    `unknown` of the table's are not in the file. `repeated` are lines with an id that the file has
    already.
    """

    in_table: int
    in_file: int
    missing: int
    unknown: int
    repeated: int = 0

    @property
    def agree(self) -> bool:
        return not (self.missing or self.unknown or self.repeated)


def verify(connections: Connections, file: Path) -> Verified:
    """Compare table `accounts2` with a file of ids, one a line.

    Raises UsageError for a file that cannot be read or has a line that is no UUID, before anything
    is contacted, and what `transaction.run` raises.
    """
    with ExitStack() as stack:
        parts = [
            stack.enter_context(tempfile.SpooledTemporaryFile(_HELD_OF_A_PART)) for _ in range(256)
        ]
        lines = _part(file, parts)
        return _compare(_in_table(connections), _sorted(parts), lines)


def _part(file: Path, parts: "list[tempfile.SpooledTemporaryFile[bytes]]") -> int:
    """Part the file's ids; how many lines there are."""
    number = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LONGEST_LINE), b""), 1):
                raw = _id_of(line)
                if raw is None:
                    raise UsageError(
                        f"Line {number} of {file} is no UUID.",
                        hint="Give the file of ids that `dsqlkit load` has written.",
                    )
                parts[raw[0]].write(raw)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    return number


def _id_of(line: bytes) -> bytes | None:
    text = line.strip()
    try:
        raw = bytes.fromhex(text.replace(b"-", b"").decode("ascii"))
    except ValueError:
        return None
    return raw if len(raw) == ID_BYTES and len(text) in (32, 36) else None


def _sorted(parts: "list[tempfile.SpooledTemporaryFile[bytes]]") -> Iterator[int]:
    """The ids of all parts as numbers, in order, each once."""
    for part in parts:
        part.seek(0)
        content = part.read()
        ids = {content[at : at + ID_BYTES] for at in range(0, len(content), ID_BYTES)}
        yield from (int.from_bytes(each, "big") for each in sorted(ids))


def _in_table(connections: Connections) -> Iterator[int]:
    """The table's ids as numbers, in order."""
    query = statement("accounts2/page.sql")
    first = 0
    while first <= _LAST_ID:
        values = {"first": UUID(int=first), "rows": _PAGE_ROWS}
        page = read_alone(
            connections,
            lambda c, v=values: c.execute(query, v, binary=True).fetchall(),  # type: ignore[misc]
        )
        ids: list[int] = [row[0].int for row in page]
        yield from ids
        if len(ids) < _PAGE_ROWS:
            return
        first = ids[-1] + 1


def _compare(table: Iterator[int], file: Iterator[int], lines: int) -> Verified:
    in_table = distinct = missing = unknown = 0
    ours, theirs = next(table, None), next(file, None)
    while ours is not None or theirs is not None:
        is_in_table = ours is not None and (theirs is None or ours <= theirs)
        is_in_file = theirs is not None and (ours is None or theirs <= ours)
        unknown += not is_in_file
        missing += not is_in_table
        if is_in_table:
            in_table += 1
            ours = next(table, None)
        if is_in_file:
            distinct += 1
            theirs = next(file, None)
    return Verified(in_table, lines, missing, unknown, repeated=lines - distinct)
