"""Findings that know the tables: each with a plan where it is made, and near misses."""

from dataclasses import replace

import pytest

from dsqlkit.plans.catalog import Catalog, Column, Index, Table
from dsqlkit.plans.diagnose import diagnose
from dsqlkit.plans.findings import Finding, Severity
from dsqlkit.plans.parse import parse_plan

COLUMNS = (
    Column("id", "integer", "identity"),
    Column("code", "character varying"),
    Column("region", "character"),
    Column("placed", "timestamp without time zone", "now()"),
    Column("note", "text"),
)
PKEY = Index("t_pkey", ("id",), ("code", "region", "placed", "note"), primary=True)
BY_CODE = Index("t_code", ("code", "id"))
BY_PLACED = Index("t_placed", ("placed",), ("code",))
TABLE = Table("public", "t", COLUMNS, (PKEY, BY_CODE, BY_PLACED))


def _with(*indexes: Index) -> Catalog:
    return Catalog((replace(TABLE, indexes=indexes),))


def _found(text: str, code: str, catalog: Catalog | None) -> list[Finding]:
    return [finding for finding in diagnose(parse_plan(text), catalog) if finding.code == code]


def _scan(condition: str, rows: int = 5, read: int = 5_000, of: str = "t") -> str:
    return (
        f"Seq Scan on public.{of}  (cost=1.00..2.00 rows={rows} width=40)"
        f" (actual time=0.1..9.0 rows={rows} loops=1)\n"
        f"  Output: id\n  Filter: ({condition})\n  Rows Removed by Filter: {read - rows}\n"
    )


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("(t.id)::text = '7'::text", "id is cast to text, so that the index t_pkey"),
        ("(id)::numeric = 7.5", "id is cast to numeric, so that the index t_pkey"),
        ("lower((code)::text) = 'x'::text", "code is compared inside lower(code)"),
        ("date_trunc('day'::text, placed) = now()", "the index t_placed cannot be used"),
        ("EXTRACT(year FROM placed) = '2025'::numeric", "the index t_placed cannot be used"),
        ("((id + 1) = 5) AND (note <> 'x'::text)", "id is compared inside id + 1"),
        ("(code)::text = 'x'::text", None),  # a varchar is text to an index
        ("id = 7", None),
        ("lower(note) = 'x'::text", None),  # no index begins with it
        ("(region)::text = 'US'::text", None),  # the same
        ("(code = lower(note))", None),
        ("(lower((code)::text) = 'x'::text) OR (id = 7)", None),
    ],
)
def test_an_index_that_a_cast_or_a_function_makes_useless(
    condition: str, words: str | None
) -> None:
    found = _found(_scan(condition), "unusable_index", Catalog((TABLE,)))
    assert [words in finding.observed for finding in found if words] == [True] * bool(words)
    assert len(found) == bool(words)
    assert all(finding.severity is Severity.HIGH for finding in found)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("(id)::numeric = 7.5", 1),
        ("lower((code)::text) = 'x'::text", 1),
        ("(code)::text = 'x'::text", 0),  # of a varchar, most likely
    ],
)
def test_without_the_catalog_only_what_is_sure_is_said(condition: str, found: int) -> None:
    assert len(_found(_scan(condition), "unusable_index", None)) == found


def test_an_index_is_not_missed_where_the_filter_keeps_most_rows() -> None:
    text = _scan("lower((code)::text) = 'x'::text", rows=4_000)
    assert _found(text, "unusable_index", Catalog((TABLE,))) == []


@pytest.mark.parametrize(
    ("catalog", "condition", "found"),
    [
        (_with(PKEY, replace(BY_CODE, valid=False)), "(code)::text = 'x'::text", 1),
        (_with(PKEY, replace(BY_CODE, valid=False)), "(code)::text ~~ 'x%'::text", 1),
        (_with(PKEY, BY_CODE), "(code)::text = 'x'::text", 0),
        (_with(PKEY, replace(BY_CODE, valid=False)), "note = 'x'::text", 0),
        (_with(PKEY, replace(BY_CODE, key=(None,), valid=False)), "(code)::text = 'x'", 0),
        (Catalog(), "(code)::text = 'x'::text", 0),
        (None, "(code)::text = 'x'::text", 0),
    ],
    ids=["equal", "prefix", "valid", "another column", "expression", "unknown table", "no catalog"],
)
def test_an_index_that_is_still_being_built(
    catalog: Catalog | None, condition: str, found: int
) -> None:
    findings = _found(_scan(condition), "index_not_valid", catalog)
    assert len(findings) == found
    assert all("t_code" in f.observed and "sys.jobs" in f.advice for f in findings)


def _insert(table: str = "t", rows: int = 3) -> str:
    return (
        f"Insert on public.{table}  (cost=0.00..0.04 rows=0 width=0)"
        " (actual time=9.0..9.0 rows=0 loops=1)\n"
        f'  ->  Values Scan on "*VALUES*"  (cost=0.00..0.04 rows={rows} width=122)'
        f" (actual time=0.0..0.1 rows={rows} loops=1)\n"
    )


@pytest.mark.parametrize(
    ("column", "key", "found"),
    [
        (Column("id", "bigint", "identity"), ("id",), 1),
        (Column("id", "bigint", "nextval('s'::regclass)"), ("id",), 1),
        (Column("id", "timestamp with time zone", "CURRENT_TIMESTAMP"), ("id", "code"), 1),
        (Column("id", "uuid", "gen_random_uuid()"), ("id",), 0),
        (Column("id", "bigint"), ("id",), 0),
        (Column("id", "bigint", "identity"), ("code", "id"), 0),
    ],
)
def test_rows_inserted_by_a_key_that_grows(
    column: Column, key: tuple[str, ...], found: int
) -> None:
    table = replace(
        TABLE, columns=(column, *COLUMNS[1:]), indexes=(replace(PKEY, key=key), BY_CODE)
    )
    findings = _found(_insert(), "sequential_key", Catalog((table,)))
    assert [finding.severity for finding in findings] == [Severity.LOW] * found
    assert all("gen_random_uuid()" in finding.advice for finding in findings)


def test_a_growing_key_weighs_by_the_rows_inserted_and_a_reader_never_hears_of_it() -> None:
    [many] = _found(_insert(rows=2_000), "sequential_key", Catalog((TABLE,)))
    assert many.severity is Severity.HIGH
    assert _found(_scan("note = 'x'"), "sequential_key", Catalog((TABLE,))) == []
    assert _found(_insert("other"), "sequential_key", Catalog((TABLE,))) == []


ALL = "t.id, t.code, t.region, t.placed, t.note"


STORAGE = """\
Index Scan using t_code on public.t  (cost=1.00..2.00 rows=9 width=4) (actual time=0.1..9 rows={rows} loops=1)
  Output: {output}
  Index Cond: (t.code = 'x'::text)
  Filter: (t.region = 'US'::bpchar)
  -> Storage Scan on t_code (cost=1.00..2.00 rows=9 width=4) (actual rows={rows} loops=1)
      Projections: {projections}
      -> B-Tree Scan on t_code (cost=1.00..2.00 rows=9 width=4) (actual rows={rows} loops=1)
  -> Storage Lookup on t (cost=1.00..2.00 rows=9 width=4) (actual rows={lookups} loops=1)
      Projections: id, region, note
      -> B-Tree Lookup on t (cost=1.00..2.00 rows=9 width=4) (actual rows={lookups} loops=1)
"""  # noqa: E501


@pytest.mark.parametrize(
    ("output", "index", "rows", "lookups", "found"),
    [
        (ALL, "t_code", 500, 500, 1),
        ("t.id, t.code, t.region", "t_code", 500, 500, 0),
        (ALL, "t_code", 500, 0, 0),
        (ALL, "t_pkey", 500, 500, 0),
        (ALL, "unknown", 500, 500, 0),
        (ALL, "t_code", 50, 50, 0),
    ],
    ids=["all", "some", "all from the index", "by primary key", "unknown index", "few rows"],
)
def test_all_columns_fetched_although_an_index_holds_some(
    output: str, index: str, rows: int, lookups: int, found: int
) -> None:
    text = STORAGE.format(output=output, rows=rows, projections="id, code", lookups=lookups)
    text = text.replace("using t_code", f"using {index}")
    findings = _found(text, "over_projected", Catalog((TABLE,)))
    assert len(findings) == found
    assert all("All 5 columns of t" in finding.observed for finding in findings)
    assert all("fewer columns save nothing" in finding.advice for finding in findings)
    assert _found(text, "over_projected", None) == []


def test_a_column_that_is_sent_and_not_put_out_is_no_finding() -> None:
    text = STORAGE.format(output="t.id", rows=500, projections="id, region", lookups=500)
    assert _found(text, "over_projected", Catalog((TABLE,))) == []


def test_the_columns_to_include_are_named_where_the_index_is_known() -> None:
    text = STORAGE.format(output="t.id, t.note", rows=500, projections="id", lookups=500)
    [known] = _found(text, "storage_lookup", Catalog((TABLE,)))
    assert "INCLUDE (region, note)" in known.advice
    [unknown] = _found(text, "storage_lookup", None)
    assert "INCLUDE for the columns that it does not hold" in unknown.advice


def test_an_absurd_count_of_lookups_is_not_believed() -> None:
    text = STORAGE.format(output="t.id", rows=500, projections="id", lookups=4_000_000_000_000)
    [finding] = _found(text, "storage_lookup", None)
    assert "back to the table for 500 rows" in finding.observed


def test_a_table_of_another_schema_is_not_taken_for_ours() -> None:
    catalog = Catalog((replace(TABLE, schema="other"),))
    assert _found(_scan("(id)::text = '7'::text"), "unusable_index", catalog) == []
    assert catalog.table_of(parse_plan("Seq Scan on t").root) == catalog.tables[0]


@pytest.mark.parametrize(
    ("rows", "kept", "found"), [(5_000, 20, 1), (5_000, 4_000, 0), (None, 20, 0), (50, 20, 0)]
)
def test_a_plan_that_was_not_run_is_judged_by_the_rows_of_the_table(
    rows: float | None, kept: int, found: int
) -> None:
    text = f"Seq Scan on t  (cost=1.00..2.00 rows={kept} width=4)\n  Filter: (note = 'x'::text)\n"
    findings = _found(text, "full_scan", Catalog((replace(TABLE, rows=rows),)))
    assert len(findings) == found
    assert all("is expected to read 5,000 rows and to keep 20" in f.observed for f in findings)


@pytest.mark.parametrize(("lookups", "severity"), [(500, Severity.HIGH), (5, Severity.LOW)])
def test_lookups_in_the_table_weigh_by_their_number(lookups: int, severity: Severity) -> None:
    text = STORAGE.format(output="t.id, t.note", rows=500, projections="id", lookups=lookups)
    [finding] = _found(text, "storage_lookup", None)
    assert finding.severity is severity


def test_an_index_that_holds_all_is_not_told_to_include_more() -> None:
    text = STORAGE.format(output="t.id", rows=500, projections="id, region", lookups=0)
    assert _found(text, "storage_lookup", Catalog((TABLE,))) == []
