"""What a condition compares, and how it is shown."""

import pytest

from dsqlkit.plans.conditions import Comparisons, comparisons, readable


@pytest.mark.parametrize(
    ("condition", "equal", "ranged"),
    [
        ("(payer_id = 1)", ("payer_id",), ()),
        ("((status)::text = 'pending'::text)", ("status",), ()),
        ("(o.placed > '2025-10-01'::date)", (), ("placed",)),
        ('("My Alias"."it\'s" = \'x\'::text)', ('"it\'s"',), ()),
        ("((a = 1) AND (b >= 2) AND (b < 5))", ("a",), ("b",)),
        ("((a = 1) AND (b = 2) AND (c = 3))", ("a", "b", "c"), ()),
        ("((a > 1) AND (a = 2))", ("a",), ()),
        ("(k = ANY ('{7,9}'::integer[]))", ("k",), ()),
        ("(note ~~ 'abc%'::text)", (), ("note",)),
        ("(note ~~ '%abc'::text)", (), ()),
        ("(note ~~ '_bc'::text)", (), ()),
        ("((a = 1) OR (b = 2))", (), ()),
        ("((a = 1) AND ((b = 2) OR (c = 3)))", ("a",), ()),
        ("(lower(name) = 'x'::text)", (), ()),
        ("((id % 7) = 3)", (), ()),
        ("(a <> 1)", (), ()),
        ("(NOT active)", ("active",), ()),
        ("active", ("active",), ()),
        ("((active) AND (t.sold IS TRUE))", ("active", "sold"), ()),
        ("(deleted_at IS NULL)", ("deleted_at",), ()),
        ("(deleted_at IS NOT NULL)", (), ("deleted_at",)),
        ("(ROW(at, id) > ROW('2025-01-01'::date, 7))", (), ("at",)),
        ("starts_with(name, 'ab'::text)", (), ("name",)),
        ("((name)::text ^@ 'ab'::text)", (), ("name",)),
        ("(name ~ '^ab'::text)", (), ("name",)),
        ("(name ~ 'ab'::text)", (), ()),
        ("(t = '(a = 1) AND (b = 2)'::text)", ("t",), ()),
        ("(t = 'it''s (AND) '::text)", ("t",), ()),
        ("(created_at > (CURRENT_TIMESTAMP - '1 year'::interval))", (), ("created_at",)),
        ("", (), ()),
        ("false", (), ()),
        ("((unbalanced", (), ()),
    ],
)
def test_the_columns_that_an_index_could_use(
    condition: str, equal: tuple[str, ...], ranged: tuple[str, ...]
) -> None:
    assert comparisons(condition) == Comparisons(equal, ranged)


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("((id)::text = '3'::text)", "id::text = '3'"),
        ("((t.status)::text = 'pending'::text)", "t.status = 'pending'"),
        ("((t.id)::text = (o.status)::text)", "t.id::text = o.status"),
        (
            "((status)::text = ANY (('{a,b}'::character varying[])::text[]))",
            "status = ANY ('{a,b}')",
        ),
        ("(note = '(status)::text'::text)", "note = '(status)::text'"),
        ("((created_at)::date = '2025-01-01'::date)", "created_at::date = '2025-01-01'"),
        ("(a > '2025-01-01 00:00:00'::timestamp without time zone)", "a > '2025-01-01 00:00:00'"),
        (
            "((a = 1) AND ((b)::character varying(10) = 'x'::text))",
            "a = 1 AND b::character varying(10) = 'x'",
        ),
        ("((a = 1) OR (b = 2))", "((a = 1) OR (b = 2))"),
        ("(d ~~ '%x%'::text)", "d LIKE '%x%'"),
        ("(d !~~* 'x ~~ (y)::text'::text)", "d NOT ILIKE 'x ~~ (y)::text'"),
        ("(lower(name) = 'x'::text)", "lower(name) = 'x'"),
        ('("a::b" = 1)', '"a::b" = 1'),
        ("(a = 'two\nlines'::text)", "a = 'two lines'"),
        ("created_at DESC, o.id", "created_at DESC, o.id"),
        ("(k = ANY ('{7,9}'::integer[]))", "k = ANY ('{7,9}')"),
    ],
)
def test_a_condition_is_shown_without_needless_parentheses_and_with_the_casts_that_count(
    condition: str, shown: str
) -> None:
    assert readable(condition, strings={"status"}) == shown


def test_a_cast_to_text_stays_where_the_types_are_not_known() -> None:
    assert readable("((status)::text = 'pending'::text)") == "status::text = 'pending'"


@pytest.mark.parametrize(
    ("column_type", "equal"),
    [("character varying", ("code",)), ("text", ("code",)), ("integer", ()), ("uuid", ())],
)
def test_a_column_that_is_cast_to_another_type_is_hidden_from_its_index(
    column_type: str, equal: tuple[str, ...]
) -> None:
    found = comparisons("((code)::text = '3'::text)", {"code": column_type})
    assert found == Comparisons(equal, ())
