"""Random transactions over random tables, each played alone and in a conflict: the same answers.

`make test` plays some dozens. `make soak` plays as long as it may, from DSQLKIT_SOAK_SEED on.
"""

import itertools
import random
import time
from collections.abc import Iterator

import psycopg
import pytest

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.occ.playing import Fate, Manner, Session, differs, play
from tests.occ.random_sql import Transactions
from tests.occ.random_tables import Schema, random_rows, random_schema
from tests.support.inside import connect_inside
from tests.support.soaking import DURATION_S, SEED

SCHEMAS_IN_TEST = 2
TRANSACTIONS = 12


@pytest.fixture
def sessions(endpoint: Endpoint) -> Iterator[list[Session]]:
    signer = TokenSigner(endpoint)
    made: list[Session] = [connect(endpoint, signer) for _ in range(3)]
    made[2].execute("CREATE TABLE race (id int PRIMARY KEY, v int)")
    made[2].execute("INSERT INTO race VALUES (1, 0)")
    yield made
    made[2].execute("DROP TABLE race")
    for each in made:
        each.close()


def play_one(sessions: list[Session], seed: int) -> None:
    """Play transactions over one schema."""
    chance = random.Random(seed)
    schema = random_schema(chance)
    observer = sessions[2]
    for sql in schema.ddl:
        observer.execute(sql.encode())
    try:
        filled = list(taken(observer, random_rows(chance, schema)))
        for number in range(TRANSACTIONS):
            play_transaction(sessions, schema, filled, chance, f"seed {seed}, {number}")
    finally:
        for sql in schema.gone:
            observer.execute(sql.encode())


def taken(session: Session, rows: list[str]) -> Iterator[str]:
    """Those of these statements that the keys and checks of their tables let pass."""
    for sql in rows:
        try:
            session.execute(sql.encode())
        except psycopg.Error:
            continue
        yield sql


def play_transaction(
    sessions: list[Session], schema: Schema, filled: list[str], chance: random.Random, name: str
) -> None:
    statements = Transactions(chance, schema).transaction()
    bound, binary, prepared = (chance.random() < share for share in (0.6, 0.4, 0.4))
    manner = Manner(chance.randint(0, len(statements)), bound, binary, prepared)
    tables = [each.name for each in schema.real]
    played = {}
    for fate in Fate:
        with connect_inside() as inside:  # so that rows are at the same places each time
            emptied = f"TRUNCATE {', '.join(tables)} CASCADE"
            inside.execute("; ".join(("BEGIN", emptied, *filled, "COMMIT")).encode())
        played[fate] = play(sessions, tables, statements, manner, fate)
        told = [name, fate, manner, *schema.ddl, *statements, played[Fate.ALONE], played[fate]]
        assert not differs(played[Fate.ALONE], played[fate], statements, fate), "\n".join(
            map(str, told)
        )


def test_random_transactions_answer_in_a_conflict_as_alone(sessions: list[Session]) -> None:
    for seed in range(SCHEMAS_IN_TEST):
        play_one(sessions, seed)


@pytest.mark.soak
@pytest.mark.timeout(DURATION_S + 300)
def test_thousands_of_random_transactions_answer_as_alone(sessions: list[Session]) -> None:
    end = time.monotonic() + DURATION_S
    for seed in itertools.count(1000 * SEED):
        play_one(sessions, seed)
        if time.monotonic() > end:
            break
