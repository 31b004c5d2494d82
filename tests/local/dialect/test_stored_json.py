"""json and jsonb: what counts towards 1 MiB is what is stored."""

from collections.abc import Iterator

import pytest

from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    opened = RawClient(endpoint)
    opened.ask("CREATE TABLE documents (id int PRIMARY KEY, j json, b jsonb)")
    yield opened
    opened.ask("DROP TABLE documents")
    opened.close()


@pytest.mark.parametrize("column", ["j", "b"])
def test_what_compresses_well_is_accepted(client: RawClient, column: str) -> None:
    document = "jsonb_build_object('a', repeat('x', 3 * 1024 * 1024))"
    name = "jsonb" if column == "b" else "json"
    written = f"INSERT INTO documents (id, {column}) VALUES (1, {document}::{name})"
    assert client.ask(written).sqlstate is None
    assert client.ask(f"UPDATE documents SET {column} = {column}").sqlstate is None
    length = client.ask(f"SELECT octet_length({column} ->> 'a') FROM documents")
    assert length.results[0].rows == [["3145728"]]


@pytest.mark.parametrize(("column", "name"), [("j", "json"), ("b", "jsonb")])
def test_what_does_not_compress_is_measured(client: RawClient, column: str, name: str) -> None:
    def document(lines: int) -> str:
        random = "string_agg(md5(random()::text), '')"
        return f"SELECT 1, {name}_build_object('a', {random}) FROM generate_series(1, {lines})"

    small = client.ask(f"INSERT INTO documents (id, {column}) {document(25_000)}")  # 0.8 MB
    assert small.sqlstate is None
    client.ask("DELETE FROM documents")
    large = client.ask(f"INSERT INTO documents (id, {column}) {document(60_000)}")  # 1.9 MB
    told = f"datatype limit greater than 1048576 bytes not supported for {name}"
    assert (large.sqlstate, large.message) == ("54000", told)


def test_a_document_beside_long_text_counts_as_it_is_stored(client: RawClient) -> None:
    assert client.ask("ALTER TABLE documents ADD COLUMN t text").sqlstate is None
    write = (
        "INSERT INTO documents (id, j, b, t) SELECT {id}, to_json(x), to_jsonb(x), repeat('t', {n})"
        " FROM repeat('x', 3 * 1024 * 1024) AS x"
    )
    assert client.ask(write.format(id=1, n=1024 * 1024)).sqlstate is None
    told = "datatype limit greater than 1048576 bytes not supported for text"
    for sql in (
        write.format(id=2, n=1024 * 1024 + 1),
        "UPDATE documents SET t = repeat('t', 1024 * 1024 + 1)",
    ):
        refused = client.ask(sql)
        assert (refused.sqlstate, refused.message) == ("54000", told)
    assert client.ask("UPDATE documents SET t = repeat('u', 1024 * 1024)").sqlstate is None


def test_a_domain_counts_as_the_type_it_is_made_of(client: RawClient) -> None:
    client.ask("CREATE DOMAIN document AS jsonb")
    client.ask("CREATE DOMAIN letter AS document")
    client.ask("CREATE DOMAIN prose AS text")
    client.ask("CREATE TABLE filed (id int PRIMARY KEY, l letter, p prose)")
    stored = "jsonb_build_object('a', repeat('x', 3 * 1024 * 1024))"
    assert client.ask(f"INSERT INTO filed (id, l) VALUES (1, {stored})").sqlstate is None
    refused = client.ask("INSERT INTO filed (id, p) VALUES (2, repeat('x', 1024 * 1024 + 1))")
    told = "datatype limit greater than 1048576 bytes not supported for text"
    assert (refused.sqlstate, refused.message) == ("54000", told)
    for sql in ("TABLE filed", "DOMAIN prose", "DOMAIN letter", "DOMAIN document"):
        assert client.ask(f"DROP {sql}").sqlstate is None
