"""Keys of 1,982 bytes and more, which DSQL takes in no index, whenever that is built."""

from collections.abc import Iterator

import pytest

from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient

TOO_LARGE = ("54000", "key size too large")


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    opened = RawClient(endpoint)
    opened.ask("CREATE TABLE sized (id int PRIMARY KEY, v text, w varchar)")
    yield opened
    opened.ask("DROP TABLE sized")
    opened.close()


def built(client: RawClient, sql: str) -> list[str | None]:
    """The status and details of the job that a statement submits, once it has ended."""
    (row,) = client.ask(sql).results[0].rows
    client.ask(f"CALL sys.wait_for_job('{row[0]}')")
    asked = client.ask(f"SELECT status, details FROM sys.jobs WHERE job_id = '{row[0]}'")
    return asked.results[0].rows[0]


@pytest.mark.parametrize("size", [1977, 1978, 2000, 2800, 9000])
def test_rows_of_an_index_that_was_built_later_are_measured(client: RawClient, size: int) -> None:
    assert built(client, "CREATE INDEX ASYNC sized_v ON sized (v)") == ["completed", None]
    written = client.ask(f"INSERT INTO sized VALUES (1, repeat('x', {size}))")
    fits = size + 4 <= 1981  # with the primary key
    assert (written.sqlstate, written.message) == ((None, None) if fits else TOO_LARGE)
    assert client.ask(f"INSERT INTO sized VALUES (2, 'v', repeat('x', {size}))").sqlstate is None


@pytest.mark.parametrize("size", [1977, 1978, 2800])
@pytest.mark.parametrize("key", ["(v)", "(lower(v))", "(w, v)"])
def test_a_build_over_rows_with_such_keys_fails(client: RawClient, size: int, key: str) -> None:
    client.ask(f"INSERT INTO sized VALUES (1, repeat('x', {size}), '')")
    ended = built(client, f"CREATE INDEX ASYNC sized_v ON sized {key}")
    if size + 4 > 1981:
        assert ended == ["failed", "key size too large"]
        valid = client.ask(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('sized_v')"
        )
        assert valid.results[0].rows in ([], [["f"]])
    elif "lower" not in key:
        assert ended == ["completed", None]


def test_a_job_answers_whether_it_succeeded(client: RawClient) -> None:
    client.ask("INSERT INTO sized VALUES (1, 'x'), (2, 'x')")
    for sql, succeeded, told in (
        ("CREATE INDEX ASYNC sized_v ON sized (v)", "t", None),
        (
            "CREATE UNIQUE INDEX ASYNC sized_u ON sized (v)",
            "f",
            "found duplicate key(s) while validating index uniqueness",
        ),
    ):
        ((job,),) = client.ask(sql).results[0].rows
        for protocol in ("simple", "extended"):
            answer = client.ask(f"CALL sys.wait_for_job('{job}')", protocol)
            assert answer.results[0].tag == "CALL"
            assert answer.results[0].columns == ["succeeded"]
            assert answer.results[0].rows == [[succeeded]]
        asked = client.ask(f"SELECT details FROM sys.jobs WHERE job_id = '{job}'")
        assert asked.results[0].rows == [[told]]
