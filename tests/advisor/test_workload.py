"""A workload: how a file is read, and how few indexes serve many queries."""

from decimal import Decimal

import pytest

from dsqlkit.advisor.candidate import Candidate
from dsqlkit.advisor.fewest import Need, TableWrite, fewest
from dsqlkit.advisor.syntax import parse
from dsqlkit.advisor.unneeded import Held, unneeded
from dsqlkit.advisor.workload import read_workload
from dsqlkit.advisor.writes import writes_of
from dsqlkit.errors import UsageError
from dsqlkit.plans.catalog import ForeignKey, Index
from dsqlkit.plans.parse import parse_plan
from tests.advisor.made import facts, table


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("SELECT 1;\nSELECT 2 + 2;", [1, 1]),
        ("-- weight: 120\nSELECT 1;\n-- calls = 7\nSELECT 2 + 2;", [120, 7]),
        ("-- 3,5\n-- 40 calls a day\nSELECT 1; SELECT 2 + 2", [40, 1]),
        ("SELECT 1; -- weight: 5\nSELECT 2 + 2; -- 2.5x", [5, 2.5]),
        ("SELECT n FROM t WHERE id = 1;\nSELECT n FROM t WHERE id = 7;\nSELECT id FROM t", [2, 1]),
        ("-- weight: 10\nSELECT 1;\n-- weight: 5\nSELECT 2; SELECT 3 + 3", [15, 1]),
        ("SELECT ';' -- weight: 9\n; SELECT 2 + 2", [1, 1]),
    ],
)
def test_weights_are_those_of_comments_or_the_statements_own_number(
    text: str, weights: list[float]
) -> None:
    assert [each.weight for each in read_workload("file.sql", text)] == weights


def test_a_query_has_the_name_that_a_comment_gives_it() -> None:
    first, second = read_workload("f", "-- name: the cart\nSELECT 1;\nSELECT n FROM t WHERE id = 5")
    assert (first.name, first.label) == ("the cart", "the cart")
    assert (second.name, second.label) == ("2: SELECT n FROM t WHERE id = 5", "query 2")


def test_a_file_without_statements_is_no_workload() -> None:
    with pytest.raises(UsageError, match="holds no statements"):
        read_workload("file.sql", "-- nothing")


FACTS = facts(table())


def _need(
    query: int,
    points: str,
    then: str = "",
    included: str = "",
    condition: str = "",
    reads: float = 10.0,
    weight: float = 1.0,
) -> Need:
    candidate = Candidate(
        FACTS,
        tuple(points.split()),
        tuple(then.split()),
        tuple(included.split()),
        bool(included),
        reads,
        10_000.0,
        0.0,
        "",
        condition,
    )
    return Need(query, weight, candidate)


@pytest.mark.parametrize(
    ("needs", "keys"),
    [
        ([_need(0, "n"), _need(1, "n")], ["n"]),
        ([_need(0, "n"), _need(1, "n name")], ["n name"]),
        ([_need(0, "name"), _need(1, "n name")], ["name n"]),
        ([_need(0, "n name"), _need(1, "name n", "at")], ["n name at", "name n at"]),
        ([_need(0, "name", "at"), _need(1, "n name")], ["name at", "n name"]),
        ([_need(0, "n", "at"), _need(1, "n", "price")], ["n at", "n price"]),
        ([_need(0, "", "at"), _need(1, "at")], ["at"]),
        ([_need(0, "n"), _need(1, "name"), _need(2, "n name price")], ["n name price", "name"]),
        ([_need(0, "n", condition="on_sale"), _need(1, "n")], ["n", "n"]),
    ],
)
def test_one_index_serves_all_queries_whose_keys_lie_over_each_other(
    needs: list[Need], keys: list[str]
) -> None:
    found = [" ".join(index.key) for index in fewest(needs)]
    if keys == ["n name at", "name n at"]:
        assert len(found) == 1
        assert found[0] in keys
    else:
        assert sorted(found) == sorted(keys)
    served = [need.query for index in fewest(needs) for need in index.needs]
    assert sorted(served) == sorted(need.query for need in needs)


def test_an_index_holds_what_its_queries_return_and_saves_what_they_save() -> None:
    (index,) = fewest(
        [_need(0, "n", included="price", weight=2), _need(1, "n", included="day", weight=3)]
    )
    assert set(index.included) == {"price", "day"}
    assert index.rows_saved == 5 * 9_990
    assert index.dpu_saved == sum(need.dpu_saved for need in index.needs) > 0
    assert index.columns == {"n", "price", "day"}


def test_an_update_pays_twice_and_only_for_the_columns_that_an_index_holds() -> None:
    (index,) = fewest([_need(0, "n", included="price")])
    at = ("public", "t")
    assert index.entry_dpu == Decimal("0.00625")
    assert TableWrite(at, 3, 10).dpu(index) == 30 * index.entry_dpu
    assert TableWrite(at, 3, 10, frozenset({"price"})).dpu(index) == 60 * index.entry_dpu
    assert TableWrite(at, 3, 10, frozenset({"name"})).dpu(index) == 0
    assert TableWrite(("public", "other"), 3, 10).dpu(index) == 0


def test_what_a_statement_writes_is_told_by_its_plan() -> None:
    plan = parse_plan(
        "Update on public.t  (cost=1.00..2.00 rows=0 width=0) (actual time=1..1 rows=0 loops=1)\n"
        "  ->  Seq Scan on public.t  (cost=1.00..2.00 rows=9 width=4)"
        " (actual time=1..1 rows=7 loops=1)\n"
    )
    update = parse("UPDATE t SET n = 1, price = 2 WHERE id < 8", {})
    (write,) = writes_of(update, plan, 4)
    assert (write.rows, write.weight) == (7, 4)
    assert write.columns == frozenset({"n", "price"})


@pytest.mark.parametrize(
    ("indexes", "used", "expected"),
    [
        ([Index("a", ("n",))], {"a"}, []),
        ([Index("a", ("n",))], set(), ["a unused"]),
        ([Index("a", ("n",), unique=True)], set(), []),
        ([Index("a", ("n",)), Index("b", ("n",))], {"a", "b"}, ["b duplicate a"]),
        ([Index("a", ("n",)), Index("b", ("n", "name"))], {"a", "b"}, ["a prefix b"]),
        ([Index("a", ("n",), ("price",)), Index("b", ("n", "name"))], {"a", "b"}, []),
        ([Index("a", ("n",), condition="on_sale"), Index("b", ("n",))], {"a", "b"}, []),
        ([Index("a", ("id",))], {"a"}, ["a duplicate t_pkey"]),
        ([Index("a", ("price",))], {"a"}, ["a prefix new"]),
        ([Index("a", ("day",))], set(), []),
    ],
)
def test_an_index_that_is_there_for_nothing_is_named(
    indexes: list[Index], used: set[str], expected: list[str]
) -> None:
    known = table(*indexes)
    new = [Held("new", ("public", "t"), ("price", "at"), frozenset({"price", "at"}))]
    referring = ForeignKey("fk", ("public", "days"), ("public", "t"), ("day",))
    found = unneeded([known], used | {"t_pkey"}, new, [referring])
    assert [
        " ".join(filter(None, (each.index.name, each.why, each.of))) for each in found
    ] == expected
