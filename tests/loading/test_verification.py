"""Comparing a file of ids with the table."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dsqlkit import tables
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import UsageError
from dsqlkit.loading import Batch, send, verification
from dsqlkit.loading.verification import Verified, verify
from dsqlkit.transaction import RetryPolicy

IDS = [UUID(int=0), *(uuid4() for _ in range(40)), UUID(int=2**128 - 1)]


@pytest.fixture
def table(endpoint: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(endpoint) as kept:
        tables.drop(kept, "accounts2")
        tables.create(kept, "accounts2")
        send(kept, Batch.of(IDS), RetryPolicy())
        yield kept


@pytest.mark.parametrize("page", [1, 7, len(IDS), 10_000])
def test_they_are_compared_id_by_id_whatever_the_order_and_the_pages(
    table: KeptConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(verification, "_PAGE_ROWS", page)
    file = tmp_path / "ids.txt"
    file.write_text("".join(f"{each}\n" for each in reversed(IDS)))
    assert verify(table, file) == Verified(len(IDS), len(IDS), 0, 0)
    more = [*IDS[3:], uuid4(), uuid4(), IDS[5]]
    file.write_text("".join(f"{each}\n" for each in more))
    found = verify(table, file)
    assert found == Verified(len(IDS), len(more), missing=2, unknown=3, repeated=1)
    assert not found.agree


def test_an_empty_file_and_an_empty_table(table: KeptConnection, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.touch()
    assert verify(table, file) == Verified(len(IDS), 0, 0, len(IDS))
    tables.drop(table, "accounts2")
    tables.create(table, "accounts2")
    assert verify(table, file) == Verified(0, 0, 0, 0)


@pytest.mark.parametrize(
    "line", ["", "accounts", "6f9619ff-8b86-4011-b42d-00c04fc964f", "6f9619ff-8b86-4011", "é" * 18]
)
def test_a_line_that_is_no_uuid_is_named(table: KeptConnection, tmp_path: Path, line: str) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"{IDS[1]}\n{line}\n{IDS[2]}\n")
    with pytest.raises(UsageError, match="Line 2 of"):
        verify(table, file)


def test_a_file_that_cannot_be_read_is_named(table: KeptConnection, tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            verify(table, file)
