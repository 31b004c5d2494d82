"""Which measured plans leave nothing that an index could save."""

from dataclasses import replace

import pytest

from dsqlkit.plans.catalog import Catalog, Column, Index, Table
from dsqlkit.plans.headroom import leaves_room
from dsqlkit.plans.result import ExplainResult, read_result

_COST = "(cost=1.00..2.00 rows={0} width=4) (actual time=1.000..2.000 rows={0} loops=1)"
_STORED = "(cost=1.00..2.00 rows={0} width=4) (actual rows={0} loops=1)"
_TABLE = Table(
    "public",
    "t",
    (Column("id", "integer"), Column("a", "integer")),
    (Index("t_pkey", ("id",), primary=True, unique=True), Index("t_a", ("a", "id"))),
)


def _read(condition: str, *, index: str = "t_pkey", above: str = "", dropped: int = 0) -> str:
    lines = [
        f"Index Only Scan using {index} on t  {_COST.format(5)}",
        *([f"  Index Cond: {condition}"] if condition else []),
        f"  -> Storage Scan on {index}  {_STORED.format(5)}",
        *(["      Filters: (a = 1)", f"      Rows Filtered: {dropped}"] if dropped else []),
        f"      -> B-Tree Scan on {index}  {_STORED.format(5 + dropped)}",
    ]
    if above:
        lines = [
            f"{above}  {_COST.format(5)}",
            f"  ->  {lines[0]}",
            *(f"      {x}" for x in lines[1:]),
        ]
    return "\n".join([*lines, "Execution Time: 2.000 ms"])


def _result(text: str) -> ExplainResult:
    return replace(read_result(text), findings=(), catalog=Catalog((_TABLE,)))


@pytest.mark.parametrize(
    "text",
    [
        _read("(id = 1)"),
        _read("((a = 1) AND (id > 3))", index="t_a"),
        _read(""),
        _read("", above="Sort"),
        _read("(id = 1)", above="Update on t"),
        _read("", dropped=99),
    ],
)
def test_a_read_by_a_key_and_a_read_of_all_leave_none(text: str) -> None:
    assert not leaves_room(_result(text))


@pytest.mark.parametrize(
    "text",
    [
        _read("", dropped=100),
        _read("(id = 1)", index="t_a"),  # not its first column: all entries are looked at
        _read("(x = 1)", index="of_another"),
        _read("", above="Limit"),
        _read("", above="HashAggregate"),
    ],
)
def test_rows_in_vain_and_what_stops_or_hides_reading_leave_some(text: str) -> None:
    assert leaves_room(_result(text))


def test_a_finding_leaves_some() -> None:
    found = read_result(_read("", dropped=5000))
    assert found.findings
    assert leaves_room(found)
