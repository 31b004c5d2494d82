"""Our SQL in the embedded PostgreSQL has the numbers of `quotas` and `dpu`, and no others."""

from importlib import resources

import pytest

from dsqlkit import dpu, quotas


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "limits.sql",
            f"most CONSTANT bigint := {quotas.MAX_TRANSACTION_BYTES}",
        ),
        ("limits.sql", f"IF size > {quotas.MAX_VALUE_BYTES} THEN\n            RAISE"),
        ("limits.sql", f"'datatype limit greater than {quotas.MAX_VALUE_BYTES} bytes"),
        ("limits.sql", f"IF total > {quotas.MAX_ROW_BYTES} THEN"),
        ("limits.sql", f"IF size > {quotas.MAX_KEY_BYTES} THEN"),
        ("limits.sql", f"pg_column_size(NEW.*) > {quotas.MAX_KEY_BYTES})"),
        ("limits.sql", f"IF made.columns > {quotas.MAX_COLUMNS} THEN"),
        ("catalog.sql", f">= {quotas.MAX_INDEXES} THEN"),
        ("catalog.sql", f"'more than {quotas.MAX_INDEXES} indexes per table are not allowed'"),
        ("quotas.sql", f"> {quotas.MAX_SCHEMAS} THEN"),
        ("quotas.sql", f"'more than {quotas.MAX_SCHEMAS} schemas not allowed'"),
        ("quotas.sql", f"('r', {quotas.MAX_TABLES}, 'tables')"),
        ("quotas.sql", f"('v', {quotas.MAX_VIEWS}, 'views')"),
        ("quotas.sql", f"('S', {quotas.MAX_SEQUENCES}, 'sequences')"),
        ("explain.sql", f"FROM identity) THEN '{dpu.ROW_ID_BYTES}' ELSE"),
        ("quotas.sql", f"octet_length(pg_get_viewdef(d.objid)) > {quotas.MAX_VIEW_BYTES})"),
    ],
)
def test_sql_has_the_number(file: str, text: str) -> None:
    sql = resources.files("dsqlkit.local.server").joinpath("sql", file).read_text()
    assert sql.count(text) == 1
