"""An index that is submitted: in the catalog at once, not valid, and not yet enforced."""

from collections.abc import Iterator

import pytest

from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    opened = RawClient(endpoint)
    opened.ask("CREATE TABLE fresh (id int PRIMARY KEY, a text, b int)")
    yield opened
    opened.ask("DROP TABLE fresh")
    opened.close()


def rows(client: RawClient, sql: str) -> list[list[str | None]]:
    reply = client.ask(sql)
    assert reply.sqlstate is None, reply.message
    return reply.results[0].rows


@pytest.mark.parametrize("kind", ["", "UNIQUE"])
def test_it_is_in_the_catalog_from_the_statement_on(client: RawClient, kind: str) -> None:
    for number in range(5):
        name = f"fresh_{number}"
        ((job,),) = rows(
            client, f"CREATE {kind} INDEX ASYNC {name} ON fresh (b, lower(a)) INCLUDE (a)"
        )
        assert rows(client, f"SELECT tablename FROM pg_indexes WHERE indexname = '{name}'") == [
            ["fresh"]
        ]
        ((definition, unique, keys),) = rows(
            client,
            "SELECT pg_get_indexdef(i.indexrelid), indisunique, indnkeyatts FROM pg_index i"
            f" JOIN pg_class c ON c.oid = i.indexrelid WHERE relname = '{name}'",
        )
        assert definition is not None
        assert definition.endswith(
            f"INDEX {name} ON public.fresh USING btree_index (b, lower(a)) INCLUDE (a)"
        )
        assert (unique, keys) == ("t" if kind else "f", "2")
        assert rows(client, f"CALL sys.wait_for_job('{job}')") == [["t"]]
        valid = (
            "SELECT indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            f" WHERE relname = '{name}'"
        )
        assert rows(client, valid) == [["t"]]
    assert len(rows(client, "SELECT FROM pg_indexes WHERE tablename = 'fresh'")) == 6


@pytest.mark.parametrize(
    "on", ["( b,a )   include(id) ", "(lower(a)) where b>1 AND a LIKE 'x%';", "(b nulls first)\n"]
)
def test_its_definition_reads_the_same_before_and_after_it_is_built(
    client: RawClient, on: str
) -> None:
    read = "SELECT indexdef FROM pg_indexes WHERE indexname = 'fresh_written'"
    ((job,),) = rows(client, f"CREATE INDEX ASYNC fresh_written ON fresh {on}")
    ((submitted,),) = rows(client, read)
    assert rows(client, f"CALL sys.wait_for_job('{job}')") == [["t"]]
    assert rows(client, read) == [[submitted]]


def test_it_is_there_in_the_transaction_that_submits_it_and_gone_with_that(
    client: RawClient,
) -> None:
    there = "SELECT count(*) FROM pg_indexes WHERE indexname = 'fresh_i'"
    client.ask("BEGIN")
    client.ask("CREATE INDEX ASYNC fresh_i ON fresh (a)")
    assert rows(client, there) == [["1"]]
    client.ask("ROLLBACK")
    assert rows(client, there) == [["0"]]


def test_a_submitted_index_that_is_dropped_is_gone(client: RawClient) -> None:
    client.ask("CREATE UNIQUE INDEX ASYNC fresh_i ON fresh (a)")
    assert client.ask("DROP INDEX fresh_i").sqlstate is None
    assert rows(client, "SELECT count(*) FROM pg_class WHERE relname = 'fresh_i'") == [["0"]]


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_duplicates_are_accepted_while_it_is_submitted_and_fail_its_job(
    client: RawClient, protocol: str
) -> None:
    ((job,),) = (
        client.ask("CREATE UNIQUE INDEX ASYNC fresh_u ON fresh (a)", protocol).results[0].rows
    )
    for number in (1, 2, 3):
        assert client.ask(f"INSERT INTO fresh VALUES ({number}, 'same')", protocol).sqlstate is None
    assert rows(client, f"CALL sys.wait_for_job('{job}')") == [["f"]]
    told = ["failed", "found duplicate key(s) while validating index uniqueness"]
    assert rows(client, f"SELECT status, details FROM sys.jobs WHERE job_id = '{job}'") == [told]
    client.ask("DROP INDEX fresh_u")
    client.ask("DELETE FROM fresh WHERE id > 1")
    ((job,),) = rows(client, "CREATE UNIQUE INDEX ASYNC fresh_u ON fresh (a)")
    assert rows(client, f"CALL sys.wait_for_job('{job}')") == [["t"]]
    assert client.ask("INSERT INTO fresh VALUES (4, 'same')").sqlstate == "23505"


@pytest.mark.parametrize(
    "keys",
    ["((a + 1))", "((nosuch(a)))", "(a) WHERE a > 1", "(lower(b))", "((id / 0))", "(nothing)"],
)
def test_an_error_says_nothing_of_how_it_was_found(client: RawClient, keys: str) -> None:
    for protocol in ("simple", "extended"):
        client.send(f"CREATE INDEX ASYNC fresh_i ON fresh {keys}", protocol)
        frames = client.frames()
        answered = b"".join(frames)
        assert b"dsqlkit" not in answered
        assert b"PL/pgSQL" not in answered
    client.ask("DROP INDEX fresh_i")
