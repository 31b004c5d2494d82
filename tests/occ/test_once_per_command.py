"""A command changes a row once, however often it comes across it: at overlays as at the tables."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.occ.conftest import CONFLICT, Racer, Sessions

SCHEMA = (
    "CREATE TABLE acct (id int PRIMARY KEY, bal int UNIQUE)",
    "CREATE TABLE op (n int PRIMARY KEY, acct int, amount int)",
    "CREATE TABLE total (id int PRIMARY KEY, v int)",
    "CREATE TABLE loose (k int, v int)",
    "CREATE VIEW rich AS SELECT id, bal FROM acct WHERE bal >= 0",
    "CREATE TABLE house (id int PRIMARY KEY)",
    "CREATE TABLE room (id int PRIMARY KEY, house int REFERENCES house ON DELETE CASCADE)",
    "CREATE TABLE lodger (id int PRIMARY KEY, v int,"
    " house int REFERENCES house ON DELETE SET NULL)",
    "CREATE TABLE owner (id int PRIMARY KEY, house int REFERENCES house)",
    "CREATE TABLE guest (id int PRIMARY KEY, house int DEFAULT 4 REFERENCES house"
    " ON DELETE SET DEFAULT ON UPDATE SET DEFAULT)",
)
GONE = (
    "DROP VIEW rich",
    "DROP TABLE room, lodger, owner, guest, house, acct, op, total, loose",
)
TABLES = ("acct", "op", "total", "loose", "house", "room", "lodger", "owner", "guest")
FILLED = (
    *(f"DELETE FROM {table}" for table in reversed(TABLES)),
    "INSERT INTO acct SELECT n, n * 100 FROM generate_series(1, 6) AS s (n)",
    "INSERT INTO op SELECT n, n % 3 + 1, n FROM generate_series(1, 12) AS s (n)",
    "INSERT INTO total VALUES (1, 0)",
    "INSERT INTO loose SELECT n % 3 + 1, 0 FROM generate_series(1, 6) AS s (n)",
    "INSERT INTO house SELECT n FROM generate_series(1, 4) AS s (n)",
    "INSERT INTO room SELECT n, n FROM generate_series(1, 3) AS s (n)",
    "INSERT INTO lodger SELECT n, 0, n FROM generate_series(1, 3) AS s (n)",
    "INSERT INTO owner VALUES (3, 3)",
    "INSERT INTO guest VALUES (1, 1), (4, 4)",
)
BEFORE = (
    "UPDATE acct SET bal = bal",
    "UPDATE acct SET bal = bal + 1 WHERE id <> 3",
    "DELETE FROM acct WHERE id <= 2",
    "INSERT INTO acct VALUES (1, 150), (2, 250)",
    "UPDATE loose SET v = v",
    "INSERT INTO loose SELECT 1, 0",
    "INSERT INTO total VALUES (2, 20)",
    "UPDATE room SET id = id",
    "INSERT INTO room VALUES (11, 1)",
)
"""What the transaction did earlier on."""


@pytest.fixture
def schema(observer: Racer) -> Iterator[None]:
    observer.do(SCHEMA)
    yield
    for sql in GONE:
        observer.say(sql)


JOINED = "FROM op WHERE op.acct = acct.id"
COMMANDS = (
    "DELETE FROM acct USING op WHERE op.acct = acct.id RETURNING acct.*",
    "DELETE FROM acct USING op WHERE op.acct = acct.id",
    "DELETE FROM public.acct USING op WHERE op.acct = acct.id AND acct.id <> 2",
    "DELETE FROM acct USING acct AS o WHERE o.id > acct.id",
    "DELETE FROM rich USING op WHERE op.acct = rich.id RETURNING rich.id",
    f"UPDATE acct SET bal = bal + 1000 {JOINED} RETURNING id, bal",
    f"UPDATE acct SET bal = bal {JOINED} RETURNING id, bal",
    "UPDATE rich SET bal = bal + 1000 FROM op WHERE op.acct = rich.id RETURNING id, bal",
    f"UPDATE acct SET id = id + 100 {JOINED} RETURNING id",
    "UPDATE acct SET id = acct.id + 100 FROM acct AS o, op WHERE o.id = acct.id AND op.acct = o.id",
    "DELETE FROM loose USING op WHERE op.acct = loose.k RETURNING k, loose.v",
    "DELETE FROM loose USING op WHERE op.acct = loose.k AND k < 3",
    "UPDATE loose SET v = loose.v + 1 FROM op WHERE op.acct = loose.k RETURNING k, v",
    "UPDATE loose SET v = loose.v FROM op WHERE op.acct = loose.k RETURNING k, v",
    "UPDATE loose SET v = loose.v + 1",
    "WITH x AS (DELETE FROM acct USING op WHERE op.acct = acct.id RETURNING bal)"
    " UPDATE total SET v = v + (SELECT sum(bal) FROM x)",
    "WITH x AS (UPDATE acct SET bal = acct.bal + 1 FROM op, acct AS o WHERE op.acct = acct.id"
    " AND o.id = acct.id RETURNING o.bal) INSERT INTO total SELECT 2, sum(bal) FROM x",
    "WITH x AS (DELETE FROM acct WHERE id = 1 RETURNING bal),"
    " y AS (DELETE FROM acct WHERE id = 1 RETURNING bal)"
    " INSERT INTO total SELECT 3, (SELECT count(*) FROM x) + (SELECT count(*) FROM y)",
    "WITH x AS (UPDATE acct SET bal = bal - 10 WHERE id = 1 RETURNING bal),"
    " y AS (UPDATE acct SET bal = bal - 10 WHERE id = 1 RETURNING bal)"
    " INSERT INTO total SELECT 4, (SELECT count(*) FROM x) + (SELECT count(*) FROM y)",
    "WITH x AS (UPDATE acct SET bal = bal - 10 WHERE id = 1 RETURNING bal),"
    " y AS (DELETE FROM acct WHERE id <= 2 AND EXISTS (SELECT FROM x) RETURNING bal)"
    " INSERT INTO total SELECT 5, (SELECT sum(bal) FROM y)",
    "WITH x AS (DELETE FROM acct WHERE id = 1 RETURNING bal)"
    " UPDATE acct SET bal = bal + 7 WHERE id <= 2 AND EXISTS (SELECT FROM x)",
    "WITH x AS (UPDATE loose SET v = v + 1 WHERE k = 1 RETURNING v),"
    " y AS (UPDATE loose SET v = v + 1 WHERE k <= 2 AND 0 < (SELECT count(*) FROM x) RETURNING v)"
    " INSERT INTO total SELECT 6, (SELECT count(*) FROM y)",
    "WITH x AS (INSERT INTO acct VALUES (9, 900) RETURNING id)"
    " UPDATE acct SET bal = bal + 1 WHERE EXISTS (SELECT FROM x)",
    "INSERT INTO total SELECT id, v + 1 FROM total ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "INSERT INTO total SELECT id + 1, v + 1 FROM total ON CONFLICT (id)"
    " DO UPDATE SET v = (SELECT count(*) FROM total) RETURNING id, v",
    "INSERT INTO total VALUES (1, 5), (1, 6) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "INSERT INTO total VALUES (8, 5), (8, 6) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "INSERT INTO total VALUES (1, 5), (2, 6), (2, 7) ON CONFLICT DO NOTHING RETURNING id",
    "INSERT INTO total VALUES (8, 5), (8, 6)",
    "DELETE FROM house USING op WHERE op.acct = house.id AND house.id < 3 RETURNING house.id",
    "WITH x AS (DELETE FROM house WHERE id = 1 RETURNING id)"
    " DELETE FROM room USING x WHERE house = x.id RETURNING room.id",
    "WITH x AS (DELETE FROM house WHERE id = 1 RETURNING id)"
    " UPDATE room SET id = room.id + 100 FROM x WHERE house = x.id RETURNING room.*",
    "WITH x AS (DELETE FROM house WHERE id = 1 RETURNING id)"
    " UPDATE lodger SET v = 7 FROM x WHERE house = x.id RETURNING lodger.*",
    "WITH x AS (DELETE FROM house WHERE id = 1 RETURNING id)"
    " DELETE FROM lodger USING x, op WHERE house = x.id RETURNING lodger.*",
    "WITH x AS (DELETE FROM owner WHERE id = 3 RETURNING house)"
    " DELETE FROM house USING x WHERE id = x.house",
    "WITH x AS (DELETE FROM house WHERE id = 3 RETURNING id)"
    " DELETE FROM owner USING x WHERE house = x.id",
    "WITH x AS (DELETE FROM house WHERE id = 3 RETURNING id) SELECT FROM x",
    "DELETE FROM house WHERE id = 1",
    "DELETE FROM house WHERE id = 4",
    "UPDATE house SET id = 44 WHERE id = 4",
    "WITH x AS (INSERT INTO house VALUES (4444)) UPDATE house SET id = 44 WHERE id = 1",
    "WITH x AS (UPDATE house SET id = 33 WHERE id = 3 RETURNING id) SELECT FROM x",
    "WITH x AS (INSERT INTO house VALUES (7)) INSERT INTO owner VALUES (7, 7)",
)

MIXED = (
    "INSERT INTO total VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = 9; DELETE FROM loose",
    "WITH x AS (UPDATE acct SET bal = bal + 3 WHERE id = 1 RETURNING bal)"
    " INSERT INTO total SELECT 1, bal FROM x ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "WITH x AS (UPDATE acct SET bal = bal + 3 WHERE id = 1 RETURNING bal)"
    " INSERT INTO total SELECT 1, bal FROM x ON CONFLICT (id) DO NOTHING",
    "WITH x AS (INSERT INTO op VALUES (20, 1, 1) RETURNING acct)"
    " INSERT INTO total SELECT acct, 1 FROM x ON CONFLICT (id) DO UPDATE SET v = excluded.v"
    " RETURNING id, v",
    "WITH x AS (DELETE FROM total RETURNING id)"
    " INSERT INTO total SELECT id, 1 FROM x ON CONFLICT (id) DO UPDATE SET v = 3 RETURNING id, v",
    "WITH x AS (INSERT INTO total VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
    " RETURNING v) UPDATE acct SET bal = bal + x.v FROM x WHERE id = 1",
    "WITH x AS (INSERT INTO total VALUES (1, 5), (2, 6) ON CONFLICT DO NOTHING RETURNING v)"
    " UPDATE acct SET bal = bal + x.v FROM x WHERE id = 1",
)
"""Upserts beside other writes, which are beyond an overlay: their conflict shows at once."""


@pytest.mark.parametrize(
    ("before", "prepared"), [((), False), pytest.param(BEFORE, True, marks=pytest.mark.slow)]
)
def test_what_a_command_changes_at_overlays_is_what_it_changes_at_tables(
    racers: Sessions, schema: None, observer: Racer, before: tuple[str, ...], prepared: bool
) -> None:
    one, two = racers(2)
    one.connection.prepare_threshold = 0 if prepared else None
    wrong = []
    for command in COMMANDS + MIXED:
        wanted = outcome(command, before, one, None, observer)
        found = outcome(command, before, one, two, observer)
        # An upsert beside other writes is beyond an overlay.
        if wanted != found and not (found[0] == CONFLICT and command in MIXED):
            differences = [pair for pair in zip(wanted, found, strict=True) if pair[0] != pair[1]]
            wrong.append(f"{command}: {differences}")
    assert not wrong, "\n".join(wrong)


def outcome(
    command: str, before: tuple[str, ...], one: Racer, rival: Racer | None, observer: Racer
) -> list[object]:
    """What a command in a transaction answers, and what is there in the end."""
    assert observer.say("; ".join(("BEGIN", *FILLED, "COMMIT"))) == "BEGIN"
    one.say("BEGIN")
    one.say("UPDATE race SET v = v WHERE id = 1")
    one.do(before)
    if rival is not None:
        rival.say("BEGIN")
        assert rival.say("UPDATE race SET v = v WHERE id = 1") == "UPDATE 1"
    said, rows = answer_to(command, one)
    there = [] if said[:1].isdigit() else contents(one)
    committed = one.say("COMMIT")
    if rival is not None:
        rival.say("ROLLBACK")
    return [said, rows, there, committed, contents(observer)]


def answer_to(command: str, one: Racer) -> tuple[str, list[object]]:
    try:
        cursor = one.connection.execute(command.encode())
    except psycopg.Error as error:
        return error.sqlstate or f"lost: {error}", []
    rows = cursor.fetchall() if cursor.description else []
    return str(cursor.statusmessage), sorted(rows, key=str)


def contents(session: Racer) -> list[object]:
    together = " UNION ALL ".join(f"SELECT '{each}', t::text FROM {each} AS t" for each in TABLES)
    return session.rows(f"{together} ORDER BY 1, 2")


MATCHES = "UPDATE acct SET bal = bal + op.amount FROM op WHERE op.acct = acct.id RETURNING id, bal"
MOVES = (
    "WITH x AS (DELETE FROM acct USING op WHERE op.acct = acct.id RETURNING op.amount)"
    " UPDATE total SET v = v + (SELECT sum(amount) FROM x) RETURNING id, v"
)
READ = "SELECT id, bal FROM acct WHERE id <= 3 ORDER BY id"
READ_TOTAL = "SELECT id, v FROM total"


@pytest.mark.parametrize(
    ("command", "read", "aside_is_lost"),
    [
        (MATCHES, READ, True),
        (MATCHES.replace("op.amount", "1000"), READ, False),
        (MOVES, READ_TOTAL, True),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_row_keeps_the_value_that_was_told_of_those_that_it_might_have_got(
    racers: Sessions,
    schema: None,
    observer: Racer,
    command: str,
    read: str,
    aside_is_lost: bool,
    before: bool,
) -> None:
    """Which of its partners in a join counts depends on the plan, which is another at overlays."""
    assert observer.say("; ".join(("BEGIN", *FILLED, "COMMIT"))) == "BEGIN"
    one, rival = racers(2)
    one.say("BEGIN")
    one.say("UPDATE race SET v = v WHERE id = 1")
    told = sorted(one.rows(command)) if before else []
    rival.say("BEGIN")
    assert rival.say("UPDATE race SET v = v WHERE id = 1") == "UPDATE 1"
    if before and aside_is_lost:
        assert one.say(read) == CONFLICT
        return
    told = told or sorted(one.rows(command))
    assert one.rows(read) == told
    assert one.say("COMMIT") == "COMMIT"
    assert observer.rows(read) == told


def test_who_was_told_of_a_conflict_commits_nothing(
    racers: Sessions, schema: None, observer: Racer
) -> None:
    """What cannot be done once more at overlays is let go of by then."""
    observer.say("; ".join(("BEGIN", *FILLED, "COMMIT")))
    before = contents(observer)
    one, rival = racers(2)
    one.do(["BEGIN", "SELECT FROM race", MOVES])
    assert rival.say("UPDATE race SET v = v WHERE id = 1") == "UPDATE 1"
    assert one.say("UPDATE race SET v = v WHERE id = 1") == CONFLICT
    assert one.say("DELETE FROM loose") == "25P02"
    assert one.say("COMMIT") == "ROLLBACK"
    assert contents(observer) == before
