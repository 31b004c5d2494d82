"""What a transaction sees and may do between losing and its COMMIT: all as if it had not lost."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

pytestmark = pytest.mark.timeout(30)

SCHEMA = (
    'CREATE SCHEMA "Odd one"',
    'CREATE TABLE "Odd one"."A table" (id int PRIMARY KEY, "a v" int, u int UNIQUE)',
    "CREATE TABLE total (id int PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v * 2) STORED)",
    "CREATE TABLE strict (id int PRIMARY KEY, v int NOT NULL CHECK (v < 100), u int UNIQUE,"
    " at timestamptz DEFAULT now())",
    "CREATE VIEW race_view AS SELECT id, v FROM race WHERE id < 4",
    "CREATE VIEW total_low AS SELECT id, v FROM total",
    "CREATE VIEW total_high AS SELECT id, v FROM total_low",
    "CREATE ROLE occ_clerk",
    "GRANT occ_clerk TO admin",
    "GRANT SELECT, UPDATE ON race, numbered TO occ_clerk",
    "GRANT INSERT ON strict TO occ_clerk",
    "GRANT INSERT, UPDATE ON numbered TO occ_clerk",
)
GONE = (
    'DROP SCHEMA "Odd one" CASCADE',
    "DROP VIEW race_view",
    "DROP TABLE total CASCADE",
    "DROP TABLE strict",
    "REVOKE SELECT, UPDATE ON race, numbered FROM occ_clerk",
    "REVOKE INSERT ON numbered FROM occ_clerk",
    "DROP ROLE occ_clerk",
)


@pytest.fixture(scope="module")
def schema(observer: Racer) -> Iterator[None]:
    observer.do(SCHEMA)
    yield
    observer.do(GONE)


@pytest.fixture
def loser(racers: Sessions, schema: None, observer: Racer) -> Iterator[Racer]:
    """A transaction that is about to write row 1 of `race`, which another has changed since."""
    for table in ('"Odd one"."A table"', "total", "strict"):
        observer.say(f"DELETE FROM {table}")
    observer.say('INSERT INTO "Odd one"."A table" VALUES (1, 1, 1), (2, 2, 2)')
    observer.say("INSERT INTO total VALUES (1, 1), (2, 2)")
    observer.say("INSERT INTO strict VALUES (1, 1, 1), (2, 2, 2)")
    loser, winner = racers(2)
    loser.say("BEGIN")
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(0,)]
    for sql in (
        "UPDATE race SET v = 50 WHERE id = 1",
        'UPDATE "Odd one"."A table" SET u = 50 WHERE id = 1',
        "UPDATE total SET v = 50 WHERE id = 1",
        "UPDATE strict SET v = 50 WHERE id = 1",
        "UPDATE parent SET name = 'changed' WHERE id = 1",
    ):
        assert winner.say(sql) == "UPDATE 1"
    yield loser
    if loser.connection.info.transaction_status:
        assert loser.say("COMMIT") in (CONFLICT, "ROLLBACK")
    assert winner.rows("SELECT v FROM race WHERE id = 1") == [(50,)]


def lose(loser: Racer, sql: str = "UPDATE race SET v = 1 WHERE id = 1") -> None:
    assert loser.say(sql) == "UPDATE 1"


def test_odd_names_and_another_schema(loser: Racer) -> None:
    table = '"Odd one"."A table"'
    assert loser.rows(f'UPDATE {table} SET "a v" = "a v" + 1 WHERE id = 1 RETURNING *') == [
        (1, 2, 1)
    ]
    assert loser.rows(f"SELECT * FROM {table} AS t ORDER BY t.id") == [(1, 2, 1), (2, 2, 2)]


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT ctid FROM "Odd one"."A table"',
        'UPDATE "Odd one"."A table" SET u = pg_backend_pid()',
        'SELECT id FROM "Odd one"."A table" FOR SHARE',
        'EXPLAIN TABLE "Odd one"."A table" FOR SHARE',
    ],
)
def test_what_is_refused_is_refused_in_another_schema_too(loser: Racer, sql: str) -> None:
    lose(loser)
    assert loser.say(sql).startswith("0A000")
    assert loser.say("ROLLBACK") == "ROLLBACK"
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(50,)]


def test_another_schema_beside_the_catalog(loser: Racer) -> None:
    lose(loser)
    assert loser.say('UPDATE "Odd one"."A table" SET u = 7 WHERE id = 1') == "UPDATE 1"
    named = "SELECT relname::text, u FROM pg_class c, pg_catalog.pg_namespace n, "
    joined = '"Odd one"."A table" AS a WHERE n.oid = relnamespace AND id = 1 AND relname = '
    assert loser.rows(named + joined + "'A table'") == [("A table", 7)]


def test_generated_columns(loser: Racer) -> None:
    assert loser.rows("UPDATE total SET v = v + 1 WHERE id = 1 RETURNING v, w") == [(2, 4)]
    assert loser.rows("INSERT INTO total VALUES (3, 3) RETURNING w") == [(6,)]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("UPDATE strict SET v = 100 WHERE id = 1", "23514"),
        ("UPDATE strict SET v = NULL WHERE id = 1", "23502"),
        ("INSERT INTO strict VALUES (3, 1, 2)", "23505"),
        ("INSERT INTO strict VALUES (2, 1, 3)", "23505"),
        ("UPDATE strict SET v = v / 0", "22012"),
        ("INSERT INTO child_plain VALUES (9, 99, '')", "23503"),
        ("DELETE FROM parent WHERE id = 1", "23503"),
        ("UPDATE nothing SET v = 1", "42P01"),
    ],
)
def test_an_error_aborts_as_ever(loser: Racer, sql: str, sqlstate: str) -> None:
    lose(loser, "UPDATE strict SET v = 2 WHERE id = 1")
    lose(loser, "UPDATE parent SET name = 'mine' WHERE id = 1")
    assert loser.say(sql) == sqlstate
    assert loser.say("SELECT 1") == "25P02"
    assert loser.say("COMMIT") == "ROLLBACK"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE strict SET v = 100 WHERE id = 1", 'new row for relation "strict" violates'),
        ("UPDATE strict SET v = NULL", 'null value in column "v" of relation "strict" violates'),
        ("INSERT INTO strict VALUES (9, 200, 9)", 'new row for relation "strict" violates'),
        (
            "INSERT INTO strict VALUES (1, 3, 9) ON CONFLICT (id) DO UPDATE SET v = 100",
            'new row for relation "strict" violates',
        ),
        (
            "INSERT INTO strict VALUES (9, 100, 9) ON CONFLICT DO NOTHING",
            'new row for relation "strict" violates',
        ),
        ("INSERT INTO strict VALUES (2, 1, 3)", "duplicate key value violates"),
    ],
)
def test_an_error_names_the_table(loser: Racer, sql: str, told: str) -> None:
    lose(loser, "UPDATE strict SET v = 2 WHERE id = 1")
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        loser.connection.execute(sql.encode())
    diag = refused.value.diag
    assert (diag.message_primary or "").startswith(told)
    assert (diag.schema_name, diag.table_name) == ("public", "strict")
    assert "dsqlkit" not in f"{refused.value}{diag.message_detail}{diag.context}"
    loser.say("ROLLBACK")


def test_a_plan_is_that_of_the_tables(loser: Racer) -> None:
    plan = "EXPLAIN (COSTS OFF) SELECT * FROM {} WHERE id = 1"
    tables = ("race", "public.strict", '"Odd one"."A table"')
    before = [loser.rows(plan.format(table)) for table in tables]
    lose(loser)
    lose(loser, "UPDATE strict SET v = 2 WHERE id = 1")
    lose(loser, 'UPDATE "Odd one"."A table" SET u = 7 WHERE id = 1')
    assert [loser.rows(plan.format(table)) for table in tables] == before
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT xmin FROM race WHERE id = 1",
        "SELECT tableoid::regclass FROM race",
        "UPDATE race SET v = 2 WHERE xmax <> 7",
        "DELETE FROM race AS r USING strict AS s WHERE r.cmin = s.cmin",
    ],
)
def test_what_only_tables_have_shows_the_conflict(loser: Racer, sql: str) -> None:
    lose(loser)
    assert loser.say(sql) == CONFLICT
    assert loser.say("COMMIT") == "ROLLBACK"


def test_a_query_reads_as_it_was_written(loser: Racer) -> None:
    lose(loser)
    asked = 'SELECT current_query() FROM "Odd one"."A table", public.race WHERE race.id = u'
    lose(loser, 'UPDATE "Odd one"."A table" SET u = 1 WHERE id = 1')
    assert set(loser.rows(asked)) == {(asked,)}


@pytest.mark.parametrize("writes_first", [False, True])
def test_a_violation_met_first_is_none_of_a_conflict(loser: Racer, writes_first: bool) -> None:
    if writes_first:
        lose(loser)
    assert loser.say("INSERT INTO strict VALUES (2, 1, 3)") == "23505"
    assert loser.say("COMMIT") == "ROLLBACK"


def test_children_follow_their_parent(loser: Racer) -> None:
    assert loser.say("DELETE FROM child_plain WHERE parent_id = 1") == "DELETE 1"
    assert loser.say("DELETE FROM parent WHERE id = 1") == "DELETE 1"
    assert loser.rows("SELECT id FROM child_cascade ORDER BY id") == [(2,), (3,), (4,)]
    assert loser.rows("SELECT id FROM child_null WHERE parent_id IS NULL") == [(1,)]
    assert loser.say("INSERT INTO parent VALUES (7, 'new')") == "INSERT 0 1"
    assert loser.say("INSERT INTO child_plain VALUES (7, 7, '')") == "INSERT 0 1"


def test_views_show_its_own_writes(loser: Racer) -> None:
    lose(loser)
    read = "SELECT id, v FROM race_view ORDER BY id"
    assert loser.rows(read) == [(1, 1), (2, 0), (3, 0)]
    assert loser.say("UPDATE race_view SET v = 2 WHERE id = 2") == "UPDATE 1"
    assert loser.rows(read) == [(1, 1), (2, 2), (3, 0)]
    assert loser.rows("SELECT v FROM race WHERE id = 2") == [(2,)]


def test_views_over_views_follow_what_became_of_their_tables(
    loser: Racer, observer: Racer, racers: Sessions
) -> None:
    """The second read is after the table, and the lowest view, were made anew."""
    lose(loser, "UPDATE total SET v = 2 WHERE id = 1")
    assert loser.rows("SELECT v FROM total_high ORDER BY id") == [(2,), (2,)]
    assert loser.say("ROLLBACK") == "ROLLBACK"
    for sql in (
        "ALTER TABLE total ADD COLUMN IF NOT EXISTS more int",
        "CREATE VIEW total_newest AS SELECT id, v + 100 AS v FROM total",
        "CREATE OR REPLACE VIEW total_low AS SELECT id, v FROM total_newest",
    ):
        assert not observer.say(sql)[:1].isdigit()
    later, winner = racers(2)
    later.say("BEGIN")
    assert later.rows("SELECT v FROM total_high ORDER BY id") == [(150,), (102,)]
    assert winner.say("UPDATE total SET v = 60 WHERE id = 1") == "UPDATE 1"
    lose(later, "UPDATE total SET v = 3 WHERE id = 1")
    assert later.rows("SELECT v FROM total_high ORDER BY id") == [(103,), (102,)]
    assert later.say("COMMIT") == CONFLICT


def test_a_write_through_a_view_loses_like_any(loser: Racer) -> None:
    lose(loser, "UPDATE public.race_view SET v = 3 WHERE id = 1")
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(3,)]


@pytest.mark.parametrize(
    ("sql", "answer", "rows"),
    [
        (
            "INSERT INTO race SELECT id, 7 FROM race WHERE id = 1 ON CONFLICT (id) DO NOTHING",
            "INSERT 0 0",
            [(1, 1), (2, 0)],
        ),
        (
            "INSERT INTO race VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET v = race.v + 7",
            "INSERT 0 1",
            [(1, 8), (2, 0)],
        ),
        ("DELETE FROM race USING strict s WHERE s.id = race.id", "DELETE 2", []),
        (
            "UPDATE race SET v = s.v FROM strict s WHERE s.id = race.id",
            "UPDATE 2",
            [(1, 1), (2, 2)],
        ),
        (
            "WITH gone AS (DELETE FROM race WHERE id = 1 RETURNING v)"
            " UPDATE race SET v = gone.v + 1 FROM gone WHERE id = 2",
            "UPDATE 1",
            [(2, 2)],
        ),
    ],
)
def test_every_form_of_a_write(
    loser: Racer, sql: str, answer: str, rows: list[tuple[int, int]]
) -> None:
    lose(loser)
    assert loser.say(sql) == answer
    assert loser.rows("SELECT id, v FROM race WHERE id <= 2 ORDER BY id") == rows


def test_a_prepared_read_sees_a_table_written_later(loser: Racer) -> None:
    loser.connection.prepare_threshold = 0
    read = "SELECT v FROM strict WHERE id = %(id)s"
    lose(loser)
    assert loser.rows(read, {"id": 1}) == [(1,)]
    lose(loser, "UPDATE strict SET v = 3 WHERE id = 1")
    assert loser.rows(read, {"id": 1}) == [(3,)]


def test_settings_of_the_transaction_stay(loser: Racer) -> None:
    assert loser.say("SET LOCAL search_path = 'Odd one', public") == "SET"
    lose(loser, 'UPDATE "A table" SET u = 3 WHERE id = 1')
    assert loser.rows('SELECT u FROM "A table" WHERE id = 1') == [(3,)]
    assert loser.rows("SHOW search_path") == [('"Odd one", public',)]


@pytest.mark.parametrize("before", ["", "SELECT v FROM fresh WHERE id = 1"])
@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("path", [None, "public, pg_catalog", "'Odd one', public"])
def test_a_table_without_an_overlay_gets_one(
    loser: Racer, observer: Racer, path: str | None, prepared: bool, before: str
) -> None:
    observer.say("CREATE TABLE fresh (id int PRIMARY KEY, v int)")
    loser.connection.prepare_threshold = 0 if prepared else None
    try:
        observer.say("INSERT INTO fresh VALUES (1, 1)")
        loser.say("ROLLBACK")
        loser.say("BEGIN")
        if path is not None:
            loser.say(f"SET LOCAL search_path = {path}")
        assert loser.rows("SELECT v FROM race WHERE id = %(id)s", {"id": 1}) == [(50,)]
        if before:
            assert loser.rows(before) == [(1,)]
        assert observer.say("UPDATE fresh SET v = 50") == "UPDATE 1"
        assert loser.say("UPDATE fresh SET v = 2 WHERE id = 1") == "UPDATE 1"
        assert loser.rows("SELECT v FROM fresh WHERE id = 1") == [(2,)]
        assert loser.say("UPDATE fresh SET v = v + 1") == "UPDATE 1"
        assert loser.say("COMMIT") == CONFLICT
    finally:
        loser.say("ROLLBACK")
        assert observer.say("DROP TABLE fresh") == "DROP TABLE"


@pytest.mark.parametrize("parked", [False, True])
def test_a_role_may_no_more_and_no_less_than_before(
    loser: Racer, racers: Sessions, parked: bool
) -> None:
    assert loser.say("SET LOCAL ROLE occ_clerk") == "SET"
    (other,) = racers(1)
    if parked:
        assert loser.say("UPDATE race SET v = 4 WHERE id = 4") == "UPDATE 1"
        assert other.say("UPDATE race SET v = 5 WHERE id = 4") == "UPDATE 1"
    lose(loser)
    assert loser.rows("SELECT v FROM race WHERE id = 1") == [(1,)]
    assert loser.say("INSERT INTO numbered (v) VALUES (1)") == "INSERT 0 1"
    assert loser.say("INSERT INTO strict VALUES (7, 7, 7)") == "INSERT 0 1"
    assert loser.say("DELETE FROM race WHERE id = 2") == "42501"


def test_a_role_without_the_right_to_read_can_be_put_aside(
    racers: Sessions, schema: None, observer: Racer
) -> None:
    observer.say("DELETE FROM strict")
    clerk, other = racers(2)
    for player in (clerk, other):
        player.say("BEGIN")
    clerk.say("SET LOCAL ROLE occ_clerk")
    assert clerk.say("INSERT INTO strict VALUES (7, 7, 7)") == "INSERT 0 1"
    assert other.say("INSERT INTO strict VALUES (7, 8, 8)") == "INSERT 0 1"
    assert clerk.say("SELECT 1") == "SELECT 1"
    assert other.say("ROLLBACK") == "ROLLBACK"
    assert clerk.say("COMMIT") == "COMMIT"
    assert other.rows("SELECT v FROM strict") == [(7,)]


@pytest.mark.parametrize(
    "call",
    [
        "dsqlkit.changes('', 'race', '{}')",
        "dsqlkit.lay_over('', 'race', '{}', '{}')",
        "dsqlkit.carry_out('', '{}', false)",
        "dsqlkit.begin_upsert('', 'race')",
        "dsqlkit.fill_upsert('', 'race')",
        "dsqlkit.end_upsert('', 'race')",
        "dsqlkit.claim_locked('', 'race')",
        "dsqlkit.has_twins('', 'race')",
        "value FROM dsqlkit.key; SELECT 1",
    ],
)
def test_what_the_endpoint_does_no_client_can(racers: Sessions, call: str) -> None:
    (client,) = racers(1)
    assert client.say(f"SELECT {call}") in ("3F000", "42P01")
