"""OC001: the schema of a table changed under an open transaction that has touched it."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(20)

WORDS = "schema has been updated by another transaction (OC001)"


@pytest.fixture
def changing(observer: Racer) -> Iterator[str]:
    """A table, with a row, whose schema may be changed."""
    observer.say("CREATE TABLE pointed_at (id int PRIMARY KEY)")
    observer.say("CREATE TABLE changing (id int PRIMARY KEY, v int REFERENCES pointed_at)")
    observer.say("INSERT INTO pointed_at VALUES (0), (1)")
    observer.say("INSERT INTO changing VALUES (1, 0)")
    yield "changing"
    observer.say("DROP TABLE changing")
    observer.say("DROP TABLE IF EXISTS pointed_at")


def refusal_of_commit(player: Racer) -> str:
    with pytest.raises(psycopg.errors.SerializationFailure) as refused:
        player.connection.execute("COMMIT")
    return str(refused.value)


@pytest.fixture
def schema_reader(observer: Racer, changing: str) -> Iterator[None]:
    """A role that gets rights."""
    observer.say("CREATE ROLE schema_reader")
    yield
    for what in ("changing", "ALL TABLES IN SCHEMA public"):
        observer.say(f"REVOKE ALL ON {what} FROM schema_reader")
    assert observer.say("DROP ROLE schema_reader") == "DROP ROLE"


@pytest.mark.usefixtures("schema_reader")
@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE changing ADD COLUMN note text",
        "ALTER TABLE changing RENAME COLUMN v TO w",
        "GRANT SELECT ON changing TO schema_reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO schema_reader",
        "DROP INDEX changing_v",
        "DROP TABLE pointed_at CASCADE",
    ],
)
@pytest.mark.parametrize("touch", ["SELECT v FROM changing", "UPDATE changing SET v = v + 1"])
def test_a_change_of_schema_fails_whoever_has_touched_the_table(
    racers: Sessions, observer: Racer, changing: str, ddl: str, touch: str
) -> None:
    if ddl.startswith("DROP INDEX"):
        ((job,),) = observer.rows("CREATE INDEX ASYNC changing_v ON changing (v)")
        observer.connection.execute("CALL sys.wait_for_job(%s)", [job])
    user, changer = racers(2)
    user.say("BEGIN")
    user.say(touch)
    answer = changer.say(ddl)
    assert not answer[:1].isdigit(), answer
    assert refusal_of_commit(user) == WORDS


@pytest.mark.parametrize("touch", ["SELECT v FROM changing", "UPDATE changing SET v = v + 1"])
def test_a_finished_index_build_is_a_change_of_schema(
    racers: Sessions,
    observer: Racer,
    changing: str,
    touch: str,
) -> None:
    user, builder = racers(2)
    user.say("BEGIN")
    user.say(touch)
    ((job,),) = builder.rows("CREATE INDEX ASYNC ON changing (v)")

    def is_built() -> bool:
        done = "SELECT FROM sys.jobs WHERE job_id = %(job)s AND status = 'completed'"
        return builder.rows(done, {"job": job}) != []

    assert eventually(is_built)
    assert refusal_of_commit(user) == WORDS


@pytest.mark.parametrize("change", ["RENAME COLUMN v TO w", "RENAME TO changed", "DROP COLUMN v"])
def test_a_transaction_that_was_set_aside_is_told_of_a_change_at_its_next_statement(
    racers: Sessions, observer: Racer, changing: str, change: str
) -> None:
    user, other, changer = racers(3)
    for each in (user, other):
        each.say("BEGIN")
        assert each.say("UPDATE changing SET v = 1 WHERE id = 1") == "UPDATE 1"
    assert changer.say(f"ALTER TABLE changing {change}") == "ALTER TABLE"
    with pytest.raises(psycopg.errors.SerializationFailure) as refused:
        user.connection.execute("UPDATE changing SET v = 2 WHERE id = 1")
    assert str(refused.value) == WORDS
    observer.say("DROP TABLE IF EXISTS changed")


def test_a_transaction_at_other_tables_does_not_mind(racers: Sessions, changing: str) -> None:
    user, changer = racers(2)
    user.say("BEGIN")
    user.say("UPDATE race SET v = 1 WHERE id = 1")
    assert changer.say("ALTER TABLE changing ADD COLUMN note text") == "ALTER TABLE"
    assert user.say("COMMIT") == "COMMIT"


def test_dropping_a_table_waits_for_nobody(racers: Sessions, observer: Racer) -> None:
    observer.say("CREATE TABLE doomed (id int)")
    user, changer = racers(2)
    user.say("BEGIN")
    user.say("INSERT INTO doomed VALUES (1)")
    assert changer.say("DROP TABLE doomed") == "DROP TABLE"
    assert user.say("COMMIT") == CONFLICT
