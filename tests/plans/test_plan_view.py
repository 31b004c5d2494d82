"""The drawn plan: one line for a node, readable at any width, with or without colour."""

import io

import pytest
from rich.console import Console

from dsqlkit.cli.plan_view import plan_view
from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.result import read_result
from tests.plans.samples import Recorded, dsql_text, recorded


def _drawn(text: str, width: int = 80, *, encoding: str = "utf-8", colour: bool = False) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    console = Console(
        file=stream,
        width=width,
        color_system="standard" if colour else None,
        force_terminal=colour,
        legacy_windows=False,
        _environ={},
    )
    console.print(plan_view(read_result(text)))
    stream.flush()
    stream.seek(0)
    return stream.read()


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def test_conditions_of_storage_do_not_repeat_the_table_they_are_of() -> None:
    text = """\
Index Only Scan using i on public.t x  (cost=1.00..2.00 rows=1 width=4)
  Index Cond: (x.a = 1)
  Filter: (x.c ~ 'z'::text)
  -> Storage Scan on i  (cost=1.00..2.00 rows=1 width=4 loops=1)
      Filters: ((x.b = 2) AND (y.b > 3))
      -> B-Tree Scan on i  (cost=1.00..2.00 rows=1 width=4 loops=1)
          Index Cond: (x.a = 1)
"""
    drawn = _drawn(text)
    assert "storage filter: b = 2 AND y.b > 3" in drawn
    assert "x." not in drawn


def test_a_plan_at_80_columns() -> None:
    assert _lines(_drawn(dsql_text("05"))) == _lines(
        """\
                                               rows  est.   own ms  share
Limit                                             5     5    0.002     0%
└─ Sort by created_at DESC                        5     6    0.010     2%
   └─ Full Scan (btree-table) on transactions     6     6    0.637    98%
      └─ Storage Scan on transactions             6     6  storage
         │  storage filter: payer_id = 1
         └─ B-Tree Scan on transactions           6     6  storage

5 rows returned, 6 read by scans, execution 0.679 ms, planning 0.121 ms
"""
    )


def test_a_plan_that_was_not_run_shows_the_planners_figures_and_all_three_layers() -> None:
    assert _lines(_drawn(dsql_text("02"), 120))[:9] == _lines(
        """\
                                       est. rows  est. cost
Index Only Scan on account using idx1          8   1,025.08
│  index condition: customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'
│  query-processor filter: balance > '100'
└─ Storage Scan on idx1                        9  17,793.38
   │  storage filter: status::text = 'pending'
   └─ B-Tree Scan on idx1                     10  17,793.38

Not run: rows and cost are the planner's estimates.
"""
    )


def test_the_dpu_estimate_is_shown_with_its_minimums() -> None:
    assert (
        "DPU estimate: compute 0.01550, read 0.00307 (minimum 0.00375), "
        "write 0.01875 (minimum 0.05000), total 0.03732"
    ) in _drawn(dsql_text("04"), 120)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "case", [case for case in recorded() if case.version == 18], ids=lambda case: case.name
)
def test_every_node_has_one_line_that_fits(case: Recorded, width: int) -> None:
    lines = _lines(_drawn(case.text, width))
    assert max(map(len, lines)) <= width
    tree = lines[: lines.index("")]
    nodes = list(parse_plan(case.text).walk())
    # The first words of each node, in order, each on a line of its own.
    rest = iter(tree)
    for node in nodes:
        start = (f"{node.label}: " if node.label else "") + node.node_type
        assert any(start[:8] in line for line in rest), node.title


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_window_is_not_overrun(width: int) -> None:
    assert max(map(len, _lines(_drawn(dsql_text("06"), width)))) <= width


def test_a_long_name_is_cut_at_80_and_whole_at_120() -> None:
    name = "using idx_transactions_payer"
    assert name not in _drawn(dsql_text("06"), 80).split("low")[0]
    assert name in _drawn(dsql_text("06"), 120).split("low")[0]


def test_rows_thrown_away_have_a_column_where_there_are_some() -> None:
    [case] = [case for case in recorded() if (case.name, case.version) == ("seq_scan_filter", 18)]
    heading, node, *_ = _lines(_drawn(case.text))
    assert heading.split() == ["rows", "est.", "dropped", "own", "ms", "share"]
    assert node.split()[4:7] == ["200", "404", "19,800"]
    assert "dropped" not in _drawn(dsql_text("05"))


def test_without_colour_no_escape_is_written_and_with_it_shares_stand_out() -> None:
    assert "\x1b" not in _drawn(dsql_text("05"))
    assert "\x1b[1;31mFull Scan" in _drawn(dsql_text("05"), colour=True)


def test_a_terminal_that_knows_ascii_alone_gets_ascii() -> None:
    assert _drawn(dsql_text("06"), 60, encoding="ascii").isascii()


def test_conditions_are_never_read_as_markup() -> None:
    text = (
        "Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = '[bold]x[/bold]'::text)\n"
    )
    assert "[bold]x[/bold]" in _drawn(text)


def test_a_very_long_condition_is_cut_after_three_lines() -> None:
    condition = " AND ".join(f"(column_{n} = {n})" for n in range(100))
    text = f"Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ({condition})\n"
    lines = _lines(_drawn(text))
    filters = lines[2 : lines.index("")]
    assert len(filters) == 3
    assert filters[-1].endswith(" ...")
