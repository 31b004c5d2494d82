"""The ids of a batch: random UUIDs that only its seed and number make."""

from uuid import RFC_4122, UUID

import pytest

from dsqlkit.loading import batch
from dsqlkit.loading.batch import Batch

SEED = bytes(range(32))


def test_ids_are_random_uuids_and_all_different() -> None:
    ids = [each for number in range(20) for each in batch.make(SEED, number, 50)]
    assert len(set(ids)) == 1000
    assert {(each.version, each.variant) for each in ids} == {(4, RFC_4122)}


def test_the_same_seed_and_number_make_the_same_ids_and_no_others() -> None:
    made = batch.make(SEED, 7, 10)
    assert batch.make(SEED, 7, 10) == made
    assert list(batch.make(SEED, 7, 4)) == list(made)[:4]
    assert not set(batch.make(SEED, 8, 10)) & set(made)
    assert not set(batch.make(SEED[::-1], 7, 10)) & set(made)


def test_its_lines_are_its_ids() -> None:
    made = batch.make(SEED, 1, 30)
    assert made.lines() == "".join(f"{each}\n" for each in made)


def test_it_reads_as_a_sequence_of_uuids() -> None:
    ids = [UUID(int=number) for number in range(5)]
    made = Batch.of(ids)
    assert (len(made), list(made), made[-1], made[1:3]) == (5, ids, ids[4], ids[1:3])
    with pytest.raises(IndexError):
        made[5]


def test_its_array_is_postgresqls() -> None:
    made = Batch.of([UUID(int=1), UUID(int=258)])
    head = "000000010000000000000b860000000200000001"
    first, second = "00" * 15 + "01", "00" * 14 + "0102"
    assert made.array().hex() == f"{head}00000010{first}00000010{second}"
