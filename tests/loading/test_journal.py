"""The journal of a load: what it knows after whatever cut the load off."""

from pathlib import Path

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.loading import LoadPlan
from dsqlkit.loading.journal import FileInUse, Journal, path_of

PLAN = LoadPlan(transactions=10, rows=3, threads=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ids.txt"


def cut_off(file: Path, *numbers: int, more: bytes = b"") -> Journal:
    """The journal of a load that was cut off after these batches."""
    journal = Journal.create(file, PLAN, "here")
    journal.begin(17)
    for number in numbers:
        journal.commit(number)
    journal.close()
    with path_of(file).open("ab") as end:
        end.write(more)
    return journal


def test_it_knows_what_is_done_and_what_is_open_in_whatever_order_it_came(file: Path) -> None:
    first = cut_off(file, 2, 0, 5, 1, 7)
    journal = Journal.resume(file)
    assert (journal.head, journal.table_id, journal.done) == (first.head, 17, 5)
    assert list(journal.open_numbers()) == [3, 4, 6, 8, 9]
    assert [each.number for each in journal.batches()] == [0, 1, 2, 5, 7]
    assert list(journal.batches()) == list(first.batches())
    journal.close()


@pytest.mark.parametrize("torn", [b"d", b"done", b"done ", b"done 3", b"table 9"])
def test_a_line_that_was_cut_off_is_as_good_as_none(file: Path, torn: bytes) -> None:
    cut_off(file, 0, more=torn)
    journal = Journal.resume(file)
    assert (journal.table_id, journal.done) == (17, 1)
    journal.commit(4)
    journal.close()
    again = Journal.resume(file)
    assert list(again.open_numbers()) == [1, 2, 3, 5, 6, 7, 8, 9]
    again.close()


def test_a_load_that_made_no_table_leaves_no_journal_and_one_that_did_leaves_it(file: Path) -> None:
    Journal.create(file, PLAN, "here").close()
    assert not path_of(file).exists()
    cut_off(file)
    assert path_of(file).exists()


def test_two_cannot_work_on_one_file(file: Path) -> None:
    journal = Journal.create(file, PLAN, "here")
    with pytest.raises(FileInUse, match="Another load writes"):
        Journal.create(file, PLAN, "here")
    with pytest.raises(FileInUse, match="Another load writes"):
        Journal.resume(file)
    journal.close()


def test_resuming_without_a_journal_is_a_usage_error(file: Path) -> None:
    with pytest.raises(UsageError, match="no load to resume"):
        Journal.resume(file)
    for content in (b"", b"{}\n", b'{"format": 1}\n', b"6f9619ff\n", b"\xff\xfe\n"):
        path_of(file).write_bytes(content)
        with pytest.raises(UsageError, match="not the journal of a load"):
            Journal.resume(file)


def test_resuming_into_another_file_is_a_usage_error(file: Path) -> None:
    cut_off(file)
    other = file.with_name("other.txt")
    path_of(file).rename(path_of(other))
    with pytest.raises(UsageError, match=r"belongs to a load into ids\.txt"):
        Journal.resume(other)


def test_resuming_with_another_plan_or_on_another_cluster_is_a_usage_error(file: Path) -> None:
    cut_off(file)
    journal = Journal.resume(file)
    journal.head.check_plan(transactions=None, rows=None)
    journal.head.check_plan(transactions=10, rows=3)
    journal.head.check_host("here")
    with pytest.raises(UsageError, match="`transactions` 10, not 11"):
        journal.head.check_plan(transactions=11, rows=3)
    with pytest.raises(UsageError, match="`rows` 3, not 4"):
        journal.head.check_plan(transactions=None, rows=4)
    with pytest.raises(UsageError, match="begun on here, not on there"):
        journal.head.check_host("there")
    journal.close()


def test_a_file_that_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "nowhere" / "ids.txt", Path("/dev/null"), Path()):
        with pytest.raises(UsageError):
            Journal.create(file, PLAN, "here")
