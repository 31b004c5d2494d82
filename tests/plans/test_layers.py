"""Who decides a plan's conditions, and which of them another plan decides elsewhere."""

from dsqlkit.plans.layers import Layer, Move, decided, moves
from dsqlkit.plans.parse import parse_plan
from tests.plans.samples import dsql

BY_TABLE = """\
Index Scan using i on t  (cost=1.00..2.00 rows=1 width=4) (actual time=1..2 rows=1 loops=1)
  Index Cond: (t.kind = 'a'::text)
  Filter: (t.total > '5'::numeric)
  -> Storage Scan on i  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=9 loops=1)
      -> B-Tree Scan on i  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=9 loops=1)
          Index Cond: (t.kind = 'a'::text)
  -> Storage Lookup on t  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=2 loops=1)
      Filters: ((t.region = 'x'::bpchar) AND ((t.tier)::text = 'y'::text))
      Rows Filtered: 7
      -> B-Tree Lookup on t  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=9 loops=1)"""
BY_INDEX = """\
Index Only Scan using j on t  (cost=1.00..2.00 rows=1 width=4) (actual time=1..2 rows=1 loops=1)
  Index Cond: ((t.tier = 'y'::text) AND (t.kind = 'a'::text))
  Filter: (t.total > '5'::numeric)
  -> Storage Scan on j  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=2 loops=1)
      Filters: (t.region = 'x'::bpchar)
      Rows Filtered: 1
      -> B-Tree Scan on j  (cost=1.00..2.00 rows=1 width=4 loops=1) (actual rows=3 loops=1)
          Index Cond: ((t.tier = 'y'::text) AND (t.kind = 'a'::text))"""


def test_each_condition_has_its_layer() -> None:
    assert decided(dsql("01")) == {
        "description LIKE '%external%'": Layer.PROCESSOR,
        "transaction_date > '2025-01-01 00:00:00'": Layer.STORAGE,
    }
    assert sorted(decided(dsql("02")).values()) == [Layer.KEY, Layer.STORAGE, Layer.PROCESSOR]


def test_conditions_move_from_layer_to_layer() -> None:
    assert set(moves(parse_plan(BY_TABLE), parse_plan(BY_INDEX))) == {
        Move("kind = 'a'", Layer.KEY, Layer.KEY),
        Move("total > '5'", Layer.PROCESSOR, Layer.PROCESSOR),
        Move("region = 'x'", Layer.LOOKUP, Layer.STORAGE),
        Move("tier = 'y'", Layer.LOOKUP, Layer.KEY),
    }


def test_a_condition_that_one_plan_does_not_have_moves_nowhere() -> None:
    without = BY_INDEX.replace("      Filters: (t.region = 'x'::bpchar)\n", "")
    found = {each.condition for each in moves(parse_plan(BY_TABLE), parse_plan(without))}
    assert found == {"kind = 'a'", "total > '5'", "tier = 'y'"}
