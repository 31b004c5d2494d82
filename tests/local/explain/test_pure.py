"""The parts of a plan's printing, without a cluster."""

import pytest

from dsqlkit.local.explain.conditions import aliases, conjuncts, names, unqualified
from dsqlkit.local.explain.document import NoDocument, read
from dsqlkit.local.explain.keys import bounds
from dsqlkit.local.explain.pushdown import storage_decides
from dsqlkit.local.statements.explained import identifier

DECIDED = [
    "(payer_id = 1)",
    "(transaction_date > '2025-01-01 00:00:00'::timestamp without time zone)",
    "((status)::text = 'pending'::text)",
    "(t.status <> 'it''s (AND) so'::text)",
    "(n >= '-5'::integer)",
    '("Odd name" = 1)',
    "(region = 'US'::bpchar)",
]
LEFT = [
    "(description ~~ '%external%'::text)",
    "(balance > '100'::numeric)",
    "(compute_test.text_col ~ '^[A-Za-z0-9]'::text)",
    "(lower(name) = 'x'::text)",
    "(a = b)",
    "(created_at <= CURRENT_TIMESTAMP)",
    "((a = 1) OR (b = 2))",
    "(id = ANY ('{1,2}'::integer[]))",
    "((n + 1) = 2)",
]


@pytest.mark.parametrize("condition", DECIDED)
def test_storage_decides_comparisons_with_constants(condition: str) -> None:
    assert storage_decides(condition)


@pytest.mark.parametrize("condition", LEFT)
def test_the_query_processor_decides_all_else(condition: str) -> None:
    assert not storage_decides(condition)


def test_a_cast_to_text_is_a_function_unless_the_column_is_text() -> None:
    condition = "((t.level)::text = '3'::text)"
    assert storage_decides(condition, {"level"})
    assert not storage_decides(condition, {"name"})
    assert storage_decides("(t.level = 3)", {"name"})


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (["(a = 1)"], ["(a = 1)"]),
        (["(t.a = 1)", "(t.b >= 'x'::text)"], ["(t.a = 1)", "(t.b >= 'x'::text)"]),
        (["(b < 2)", "(a = '7'::bigint)", "(b > 1)"], ["(a = '7'::bigint)", "(b < 2)", "(b > 1)"]),
        (["(a > 1)", "(b = 2)"], ["(a > 1)"]),
        (["(b = 2)"], []),
        (["(a = 1)", '("C d" = 3)'], ["(a = 1)"]),
        (["(a = 1)", "(b = 2)", '("C d" <= 3.5)'], ["(a = 1)", "(b = 2)", '("C d" <= 3.5)']),
        (
            ["(a = ANY ('{1,2}'::integer[]))", "(b = $0)"],
            ["(a = ANY ('{1,2}'::integer[]))", "(b = $0)"],
        ),
        (["((a)::text = 'x'::text)", "((b)::text = 'x'::text)"], ["((a)::text = 'x'::text)"]),
        (["(a <> 1)", "(a = b)", "(lower(a) = 'x'::text)", "((a = 1) OR (b = 1))"], []),
        (["(other.a = 1)"], []),
        (["(t.a = o.x)", "(o.y > t.b)"], ["(t.a = o.x)", "(t.b < o.y)"]),
        (["(t.a = t.b)"], []),
        (["(1 = a)", "('x'::text > (b)::text)", "(3 <= b)"], ["(a = 1)", "(b >= 3)"]),
    ],
)
def test_a_key_is_bound_by_its_first_columns(parts: list[str], found: list[str]) -> None:
    assert list(bounds(parts, ("a", "b", "C d"), "t", {"a"}).values()) == found


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("(a = 1)", ["(a = 1)"]),
        ("((a = 1) AND (b = 2))", ["(a = 1)", "(b = 2)"]),
        ("((a = 1) OR (b = 2))", ["((a = 1) OR (b = 2))"]),
        (
            "((a = ') AND ('::text) AND ((b = 1) OR ((c = 2) AND (d = 3))) AND (e > 4))",
            ["(a = ') AND ('::text)", "((b = 1) OR ((c = 2) AND (d = 3)))", "(e > 4)"],
        ),
        ("(NOT flag)", ["(NOT flag)"]),
        ("flag", ["flag"]),
        ("(flag AND (a = 1))", ["flag", "(a = 1)"]),
        ("((a = 1) AND flag AND (NOT other))", ["(a = 1)", "flag", "(NOT other)"]),
    ],
)
def test_a_condition_falls_into_what_has_to_be_true(condition: str, parts: list[str]) -> None:
    assert conjuncts(condition) == parts


def test_a_column_loses_its_own_table_only() -> None:
    text = "((a.id = b.id) AND (a.\"x.y\" = 'a.id'::text) AND (aa.id = 1))"
    assert unqualified(text, "a") == ("((id = b.id) AND (\"x.y\" = 'a.id'::text) AND (aa.id = 1))")
    assert {"id", "x.y"} <= names([text], "a")
    assert set(aliases(text)) == {"a", "b", "aa"}


def test_a_document_reads_whatever_its_texts_hold() -> None:
    text = (
        '- Plan: \n    Node Type: "Result"\n    Output: \n      - "\'a: \\n- b\'::text"\n'
        '    Plans: \n      - Node Type: "Seq Scan"\n        Total Cost: 123456789012345678901.00\n'
        "        Parallel Aware: false\n  Planning Time: 0.1\n  Triggers: \n  Execution Time: 2.5"
    )
    [plan] = read(text)
    assert plan["Plan"]["Output"] == ["'a: \n- b'::text"]
    assert plan["Plan"]["Plans"][0]["Total Cost"] == "123456789012345678901.00"
    assert plan["Plan"]["Plans"][0]["Parallel Aware"] is False
    assert plan["Execution Time"] == "2.5"


@pytest.mark.parametrize("text", ["", "- Utility Statement", "Seq Scan on t", '- "x"'])
def test_what_is_no_document_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NoDocument):
        read(text)


def test_an_identifier_is_of_the_statement_and_not_of_its_literals() -> None:
    first, second = (
        identifier("SELECT * FROM t WHERE a = 1"),
        identifier("select * from t where a=7"),
    )
    assert first == second
    assert len(first) == 13
    assert set(first) <= set("ybndrfg8ejkmcpqxot1uwisza345h769")
    assert identifier("SELECT * FROM t WHERE b = 1") != first
