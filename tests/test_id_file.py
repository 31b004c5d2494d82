"""A file of ids is there whole or not at all."""

from pathlib import Path
from uuid import uuid4

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.id_file import IdFile


def test_ids_stand_one_a_line_in_the_order_they_came(tmp_path: Path) -> None:
    ids = [uuid4() for _ in range(5)]
    with IdFile(tmp_path / "ids.txt") as file:
        file.supersede()
        file.add(ids[:2])
        file.add(ids[2:])
    assert (tmp_path / "ids.txt").read_text() == "".join(f"{each}\n" for each in ids)


def test_until_the_end_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("old\n")
    with IdFile(path) as file:
        file.supersede()
        file.add([uuid4()])
        assert path.read_text() == "old\n"
    assert path.read_text() != "old\n"


def test_an_error_or_an_interrupt_keeps_the_ids_that_were_added(tmp_path: Path) -> None:
    added = uuid4()

    def interrupted() -> None:
        with IdFile(tmp_path / "ids.txt") as file:
            file.supersede()
            file.add([added])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "ids.txt").read_text() == f"{added}\n"


def test_a_block_that_ends_before_the_old_ids_are_gone_leaves_the_old_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("old\n")
    with IdFile(path):
        pass
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_else_is_left_beside_the_file(tmp_path: Path) -> None:
    with IdFile(tmp_path / "ids.txt") as file:
        file.supersede()
    assert [each.name for each in tmp_path.iterdir()] == ["ids.txt"]


def test_the_file_may_be_read_as_any_new_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with IdFile(tmp_path / "ids.txt") as file:
        file.supersede()
    assert (tmp_path / "ids.txt").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_place_that_cannot_be_written_is_found_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        IdFile(tmp_path / "missing" / "ids.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(UsageError, match="is not a plain file"):
            IdFile(path)
    assert list(tmp_path.iterdir()) == []
