"""Two sessions that change the same of the catalog at once meet a conflict."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.local.backend.answers import AnswerRewriter
from dsqlkit.local.dialect.refusal import SCHEMA_CONFLICT
from dsqlkit.local.wire.messages import Backend, Field, decode_fields, encode_fields
from dsqlkit.token import TokenSigner

ROUNDS = 15


def test_concurrent_grants_on_one_table_conflict_or_succeed(
    endpoint: Endpoint, signer: TokenSigner
) -> None:
    def grant(_: int) -> set[str | None]:
        found: set[str | None] = set()
        with connect(endpoint, signer) as session:
            for _ in range(ROUNDS):
                try:
                    session.execute("GRANT SELECT ON granted TO PUBLIC")
                    session.execute("REVOKE SELECT ON granted FROM PUBLIC")
                except psycopg.Error as error:
                    found.add(error.sqlstate)
        return found

    with connect(endpoint, signer) as maker:
        maker.execute("CREATE TABLE granted (id int PRIMARY KEY)")
        with ThreadPoolExecutor(3) as pool:
            found = set().union(*pool.map(grant, range(3)))
        maker.execute("DROP TABLE granted")
    assert found <= {"40001"}


def rewritten(sqlstate: str, text: str, **fields: str) -> tuple[str, str]:
    given = {
        Field.SQLSTATE: sqlstate.encode(),
        Field.MESSAGE: text.encode(),
        **{Field[name.upper()]: value.encode() for name, value in fields.items()},
    }
    rewriter = AnswerRewriter(lambda: None, lambda _: None, lambda _: None, {})
    error = encode_fields(Backend.ERROR_RESPONSE, {int(key): each for key, each in given.items()})
    told = decode_fields(rewriter.rewritten(Backend.ERROR_RESPONSE, error))
    return told[Field.SQLSTATE].decode(), told[Field.MESSAGE].decode()


@pytest.mark.parametrize(
    ("sqlstate", "text", "schema"),
    [
        ("XX000", "tuple concurrently updated", ""),
        ("XX000", "tuple concurrently deleted", ""),
        ("XX000", "cache lookup failed for relation 16400", ""),
        ("XX000", "could not open relation with OID 16400", ""),
        ("23505", 'duplicate key value violates unique constraint "pg_authid"', "pg_catalog"),
    ],
)
def test_errors_of_the_catalog_are_conflicts(sqlstate: str, text: str, schema: str) -> None:
    assert rewritten(sqlstate, text, schema=schema) == ("40001", SCHEMA_CONFLICT)


@pytest.mark.parametrize(
    ("sqlstate", "text", "schema"),
    [("XX000", "something else", ""), ("23505", "duplicate key value", "public")],
)
def test_other_errors_are_not(sqlstate: str, text: str, schema: str) -> None:
    assert rewritten(sqlstate, text, schema=schema) == (sqlstate, text)
