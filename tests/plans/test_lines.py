"""Plans as people paste them: what psql and other clients put around is taken off."""

from collections.abc import Callable

import pytest

from dsqlkit.plans.parse import parse_plan
from tests.plans.samples import dsql_text

PLAN = dsql_text("06").split("\n", 2)[2].replace("\n ", "\n")[1:].rstrip("\n")
"""A plan as the driver gives it: bare lines, the root in the first column."""


def _aligned(plan: str) -> str:
    lines = plan.split("\n")
    width = max(map(len, lines)) + 2
    body = [f" {line}" for line in lines]
    return "\n".join(["QUERY PLAN".center(width), "-" * width, *body, f"({len(lines)} rows)", ""])


def _session(plan: str) -> str:
    before = "postgres=> \\timing\nTiming is on.\npostgres=> EXPLAIN SELECT 1;\n"
    return f"{before}{_aligned(plan)}\nTime: 3 ms\n"


def _bordered(plan: str, corner: str = "+", dash: str = "-", bar: str = "|") -> str:
    lines = ["QUERY PLAN", *plan.split("\n")]
    width = max(map(len, lines))
    rule = corner + dash * (width + 2) + corner
    head, *body = [f"{bar} {line.ljust(width)} {bar}" for line in lines]
    return "\n".join([rule, head, rule, *body, rule, f"({len(lines) - 1} rows)"])


def _unicode_border(plan: str) -> str:
    top, head, middle, *body, bottom, count = _bordered(plan, "│", "─", "│").split("\n")
    rules = ["┌" + top[1:-1] + "┐", "├" + middle[1:-1] + "┤", "└" + bottom[1:-1] + "┘"]
    return "\n".join([rules[0], head, rules[1], *body, rules[2], count])


def _one_cell(plan: str, mark: str = "+") -> str:
    lines = plan.split("\n")
    width = max(map(len, lines)) + 1
    body = [f" {line}".ljust(width) + mark for line in lines[:-1]]
    return "\n".join(["QUERY PLAN".center(width), "-" * width, *body, f" {lines[-1]}", "(1 row)"])


def _wrapped(plan: str, width: int = 60, mark: str = ".") -> str:
    lines = []
    for line in plan.split("\n"):
        pieces = [line[n : n + width] for n in range(0, len(line), width)]
        for n, piece in enumerate(pieces):
            before = mark if n else " "
            lines.append(before + piece + (mark if n < len(pieces) - 1 else ""))
    return "\n".join(["QUERY PLAN".center(width), "-" * width, *lines, "(11 rows)"])


def _expanded(plan: str) -> str:
    records = [
        f"-[ RECORD {n} ]-----\nQUERY PLAN | {line}"
        for n, line in enumerate(plan.split("\n"), start=1)
    ]
    return "\n".join(records)


def _right_border(plan: str) -> str:
    lines = ["QUERY PLAN", *plan.split("\n")]
    width = max(map(len, lines))
    head, *body = [f"{line.ljust(width)}|" for line in lines]
    return "\n".join([head, "-" * width + "+", *body])


def _markdown(plan: str) -> str:
    head, *body = [f"| {line} |" for line in ["QUERY PLAN", *plan.split("\n")]]
    return "\n".join([head, "|---|", *body])


def _csv(plan: str) -> str:
    quoted = [
        '"' + line.replace('"', '""') + '"' if "," in line else line for line in plan.split("\n")
    ]
    return "\n".join(["QUERY PLAN", *quoted])


@pytest.mark.parametrize(
    "dressed_up",
    [
        _aligned,
        _session,
        _bordered,
        _unicode_border,
        _one_cell,
        lambda plan: _one_cell(plan, "↵"),
        _wrapped,
        lambda plan: _wrapped(plan, mark="…"),
        _expanded,
        _csv,
        _right_border,
        _markdown,
        lambda plan: f"```text\n{plan}\n```",
        lambda plan: f"```\n{_aligned(plan)}```\n",
        lambda plan: "\n".join(f'"{line}"' for line in plan.split("\n")),
        lambda plan: plan.replace("\n", "\r\n") + "\r\n",
        lambda plan: "\n\n" + plan.replace("\n", "\n\n") + "\n\n",
        lambda plan: "\n".join("      " + line for line in plan.split("\n")),
        lambda plan: plan.replace("        ", "\t"),
        lambda plan: _aligned(plan).replace("rows)\n", "Zeilen)\n"),
    ],
    ids=[
        "psql",
        "psql session",
        "border 2",
        "border 2, unicode",
        "one cell",
        "one cell, unicode",
        "wrapped",
        "wrapped, unicode",
        "expanded",
        "CSV",
        "DBeaver",
        "Markdown table",
        "Markdown code",
        "Markdown code, psql",
        "pgAdmin",
        "carriage returns",
        "blank lines",
        "indented",
        "tabs",
        "another language",
    ],
)
def test_a_dressed_up_plan_reads_as_the_bare_one(dressed_up: Callable[[str], str]) -> None:
    assert parse_plan(dressed_up(PLAN)) == parse_plan(PLAN)


def test_an_apostrophe_in_a_trigger_name_swallows_nothing() -> None:
    plan = parse_plan(
        "Update on t  (cost=0.00..1.00 rows=0 width=0)\n"
        "  ->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n"
        "Planning Time: 0.1 ms\n"
        "Trigger it's: time=0.100 calls=1\n"
        "Execution Time: 0.2 ms\n"
    )
    assert (plan.triggers[0].name, plan.execution_ms) == ("it's", 0.2)


def test_a_string_with_a_newline_does_not_swallow_the_next_node() -> None:
    plan = parse_plan(
        "Append  (cost=0.00..1.00 rows=0 width=0)\n"
        "  ->  Seq Scan on a  (cost=0.00..1.00 rows=1 width=4)\n"
        "        Filter: (b = 'one\n"
        "Filter: two'::text)\n"
        "  ->  Seq Scan on c  (cost=0.00..1.00 rows=1 width=4)\n"
    )
    assert [node.relation for node in plan.root.children] == ["a", "c"]
    assert plan.root.children[0].value("Filter") == "(b = 'one\nFilter: two'::text)"


@pytest.mark.parametrize("dressed_up", [lambda plan: plan, _aligned, _one_cell])
def test_blank_lines_and_rules_inside_a_string_are_kept(dressed_up: Callable[[str], str]) -> None:
    condition = "(b = 'one\n\n-----\ntwo'::text)"
    plan = f"Seq Scan on a  (cost=0.00..1.00 rows=1 width=4)\n  Filter: {condition}"
    assert parse_plan(dressed_up(plan)).root.value("Filter") == condition
