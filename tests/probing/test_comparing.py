"""What counts as another answer."""

from dataclasses import replace

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.probing import chosen, cost_of, groups
from dsqlkit.probing.comparing import compare, same
from dsqlkit.probing.record import Answer, Probe, Result, record, statements_of

REFUSED = Answer(sqlstate="0A000", message="unsupported statement: Truncate")
LOST = Answer(sqlstate="40001", message="change conflicts with another transaction (OC000)")
ONE_ROW = Answer((Result("SELECT 1", ("n",), (("1",),)),))
BEGIN, UPDATE, COMMIT = (Answer((Result(tag),)) for tag in ("BEGIN", "UPDATE 1", "COMMIT"))


def probe_named(name: str) -> Probe:
    (found,) = [probe for probe in record() if probe.name == name]
    return found


@pytest.mark.parametrize(
    "got",
    [
        Answer(),
        replace(REFUSED, sqlstate="42601"),
        replace(REFUSED, message="unsupported statement: TRUNCATE"),
        Answer((Result("TRUNCATE TABLE"),)),
    ],
)
def test_an_error_has_its_sqlstate_and_its_words(got: Answer) -> None:
    assert same(REFUSED, REFUSED)
    assert not same(REFUSED, got)


@pytest.mark.parametrize(
    "got",
    [
        Answer((Result("SELECT 1", ("m",), (("1",),)),)),
        Answer((Result("SELECT 1", ("n",), ((None,),)),)),
        Answer((Result("SELECT 0", ("n",), ()),)),
        Answer((*ONE_ROW.results, Result("SELECT 1", ("n",), (("1",),)))),
        Answer((Result("SELECT 1"),)),
        REFUSED,
    ],
)
def test_a_result_has_its_tag_columns_and_rows(got: Answer) -> None:
    assert same(ONE_ROW, ONE_ROW)
    assert not same(ONE_ROW, got)


def test_rows_that_are_not_on_record_are_not_compared() -> None:
    open_rows = Answer((Result("SELECT 1", ("n",)),))
    assert same(open_rows, ONE_ROW)
    assert not same(open_rows, Answer((Result("SELECT 1", ("n", "m"), (("1", "2"),)),)))


def test_where_rows_alone_are_on_record_they_alone_are_compared() -> None:
    rows_alone = Answer((Result(None, None, (("1",),)),))
    assert same(rows_alone, ONE_ROW)
    assert not same(rows_alone, Answer((Result("SELECT 1", ("n",), (("2",),)),)))
    assert same(Answer((Result(None),)), Answer((Result("ALTER TABLE"),)))
    assert not same(Answer((Result(None),)), REFUSED)


@pytest.mark.parametrize("loser", [0, 1])
def test_either_session_may_lose_a_race(loser: int) -> None:
    answers = [[BEGIN, UPDATE, COMMIT], [BEGIN, UPDATE, COMMIT]]
    answers[loser][2] = LOST
    assert compare(probe_named("occ_write_write"), answers) is None


@pytest.mark.parametrize(
    ("ends", "expected", "got"),
    [
        ((COMMIT, COMMIT), LOST, COMMIT),
        ((LOST, LOST), COMMIT, LOST),
        ((COMMIT, replace(LOST, message="could not serialize")), LOST, None),
    ],
)
def test_a_race_has_one_loser_in_the_recorded_words(
    ends: tuple[Answer, Answer], expected: Answer, got: Answer | None
) -> None:
    answers = [[BEGIN, UPDATE, end] for end in ends]
    found = compare(probe_named("occ_write_write"), answers)
    assert found is not None
    assert (found.statement, found.expected) == ("COMMIT", expected)
    assert found.got == (got or ends[1])


def test_a_race_is_lost_at_commit_and_not_before() -> None:
    found = compare(
        probe_named("occ_write_write"), [[BEGIN, UPDATE, COMMIT], [BEGIN, LOST, COMMIT]]
    )
    assert found is not None
    assert found.statement.startswith("UPDATE")


def test_groups_part_the_record() -> None:
    assert sum(len(chosen([group])) for group in groups()) == len(record()) == len(chosen())
    assert {probe.group for probe in chosen(["types", "enum"])} == {"types", "enum"}
    with pytest.raises(UsageError, match="no group 'no-such'"):
        chosen(["types", "no-such"])


def test_what_makes_a_probes_tables_makes_those_they_refer_to_first() -> None:
    sent = [text for _, text in statements_of(probe_named("foreign_key_violation"))]
    made = [text.split()[2] for text in sent if text.startswith("CREATE TABLE")]
    assert made == ["baseline_parent", "baseline_child"]


def test_the_cost_grows_with_rows_that_are_written_and_with_connections() -> None:
    assert cost_of([probe_named("select_one")]).dpu < 1
    assert cost_of([probe_named("row_cap_implicit")]).dpu > 18
    assert cost_of([probe_named("occ_write_write")]).connections == 2
