"""What becomes of overlays when their tables are dropped, changed or made anew."""

import asyncio
import itertools
from collections.abc import Callable, Iterator

import pytest

from dsqlkit.local.backend.question import Rows
from dsqlkit.local.occ.changes import Locked
from dsqlkit.local.occ.lock_monitor import Monitor
from dsqlkit.local.occ.overlays import Overlays
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.state import StateFolder
from tests.occ.conftest import CONFLICT, Racer, Sessions
from tests.support.inside import connect_inside

OF = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^dsqlkit_' AND (c.relname = %(name)s OR c.relname LIKE %(oid)s::text || '%%')
AND c.relkind IN ('r', 'v')
"""


def oid_of(table: str) -> str:
    with connect_inside() as connection:
        row = connection.execute("SELECT %s::regclass::oid", (table,)).fetchone()
        assert row is not None
        return str(row[0])


def overlays(table: str, oid: str) -> list[str]:
    with connect_inside() as connection:
        found = connection.execute(OF, {"name": table, "oid": oid})
        return [row[0] for row in found.fetchall()]


@pytest.fixture
def passing(observer: Racer) -> Iterator[Racer]:
    """A table that is dropped, and a schema with one."""
    observer.say("CREATE TABLE passing (id int PRIMARY KEY, v int)")
    observer.say("INSERT INTO passing VALUES (1, 0)")
    yield observer
    observer.say("DROP TABLE IF EXISTS passing")
    observer.say("DROP TABLE IF EXISTS passed")


def lose(racers: Sessions, table: str) -> None:
    """Have a transaction lose on row 1, so that the table gets an overlay."""
    winner, loser = racers(2)
    update = f"UPDATE {table} SET v = v + 1 WHERE id = 1"
    for each in (winner, loser):
        each.say("BEGIN")
        assert each.say(update) == "UPDATE 1"
    assert winner.say("COMMIT") == "COMMIT"
    assert loser.say(update) == "UPDATE 1"
    assert loser.say("COMMIT") == CONFLICT


def test_they_go_with_their_table(racers: Sessions, passing: Racer) -> None:
    oid = oid_of("passing")
    lose(racers, "passing")
    assert len(overlays("passing", oid)) == 3
    assert passing.say("DROP TABLE passing") == "DROP TABLE"
    assert overlays("passing", oid) == []


def test_they_go_with_their_schema(racers: Sessions, observer: Racer) -> None:
    observer.say("CREATE SCHEMA passing_by")
    observer.say("CREATE TABLE passing_by.t (id int PRIMARY KEY, v int)")
    observer.say("INSERT INTO passing_by.t VALUES (1, 0)")
    oid = oid_of("passing_by.t")
    lose(racers, "passing_by.t")
    assert len(overlays("t", oid)) == 3
    assert observer.say("DROP SCHEMA passing_by CASCADE") == "DROP SCHEMA"
    with connect_inside() as connection:
        left = connection.execute("SELECT FROM pg_namespace WHERE nspname ~ 'passing_by'")
        assert left.rowcount == 0
    assert overlays("t", oid) == []


LONG = "l" * 63
"""As long as a name may be."""


@pytest.mark.parametrize("names", [(LONG,), ("passing", "passing hidden", "passing write")])
def test_a_name_needs_no_room_for_more(
    racers: Sessions, observer: Racer, names: tuple[str, ...]
) -> None:
    for name in names:
        observer.say(f'CREATE TABLE "{name}" (id int PRIMARY KEY, v int)')
        observer.say(f'INSERT INTO "{name}" VALUES (1, 0)')
    winner, loser = racers(2)
    loser.say("BEGIN")
    for each in (loser, winner):
        for value, name in enumerate(names, 1):
            assert each.say(f'UPDATE "{name}" SET v = v + {value} WHERE id = 1') == "UPDATE 1"
    for value, name in enumerate(names, 1):
        assert loser.rows(f'SELECT v FROM "{name}"') == [(value,)]
    assert loser.say("COMMIT") == CONFLICT
    for value, name in enumerate(names, 1):
        assert observer.rows(f'SELECT v FROM "{name}"') == [(value,)]
        assert observer.say(f'DROP TABLE "{name}"') == "DROP TABLE"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE passing ADD COLUMN w int",
        "ALTER TABLE passing ADD CONSTRAINT small CHECK (v < 1000) NOT VALID",
        "ALTER TABLE passing ALTER v SET DEFAULT 3",
        "ALTER TABLE passing RENAME v TO u; ALTER TABLE passing RENAME u TO v",
    ],
)
def test_a_changed_table_has_another_one(racers: Sessions, passing: Racer, change: str) -> None:
    lose(racers, "passing")
    for each in change.split(";"):
        assert passing.say(each) == "ALTER TABLE"
    lose(racers, "passing")
    assert passing.rows("SELECT v FROM passing") == [(2,)]


def test_a_view_where_another_works_stays_when_other_tables_get_overlays(
    racers: Sessions, passing: Racer
) -> None:
    passing.do(["INSERT INTO passing VALUES (2, 0)", "CREATE VIEW seen AS SELECT * FROM passing"])
    passing.do(["CREATE TABLE passed (id int PRIMARY KEY, v int)"])
    loser, rival, first = racers(3)
    loser.do(["BEGIN", "SELECT v FROM passing"])
    passing.say("UPDATE passing SET v = 5 WHERE id = 1")
    assert loser.say("UPDATE seen SET v = 6 WHERE id = 1") == "UPDATE 1"
    for each in (first, rival):
        each.say("BEGIN")
        assert each.say("UPDATE passing SET v = v + 1 WHERE id = 2") == "UPDATE 1"
    assert first.say("INSERT INTO passed VALUES (1, 1)") == "INSERT 0 1"
    assert first.say("COMMIT") == "COMMIT"
    assert loser.rows("SELECT id, v FROM seen ORDER BY id") == [(1, 6), (2, 0)]
    assert [loser.say("COMMIT"), rival.say("COMMIT")] == [CONFLICT, CONFLICT]
    passing.say("DROP VIEW seen")


RENAMED = "ALTER TABLE passing RENAME TO passed"


@pytest.mark.parametrize("other", [False, True])
def test_a_renamed_table_has_another_one(racers: Sessions, passing: Racer, other: bool) -> None:
    oid = oid_of("passing")
    lose(racers, "passing")
    assert passing.say(RENAMED) == "ALTER TABLE"
    if other:
        passing.say("CREATE TABLE passing (id int PRIMARY KEY, v int)")
        passing.say("INSERT INTO passing VALUES (1, 7)")
        lose(racers, "passing")
        assert passing.rows("SELECT v FROM passing") == [(8,)]
    lose(racers, "passed")
    assert passing.rows("SELECT v FROM passed") == [(2,)]
    assert passing.say("DROP TABLE passed") == "DROP TABLE"
    assert overlays("passed", oid) == []


def test_a_table_that_was_renamed_can_be_dropped(racers: Sessions, passing: Racer) -> None:
    oid = oid_of("passing")
    lose(racers, "passing")
    passing.say(RENAMED)
    told: list[str] = []
    passing.connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    assert passing.say("DROP TABLE passed") == "DROP TABLE"
    assert told == []
    assert overlays("passing", oid) == []


class Interrupted(Monitor):
    """Looks at a table, which is changed before its overlay is made."""

    def __init__(self, change: Callable[[], object]) -> None:
        super().__init__(ServerHome(StateFolder.default().server.resolve()).socket_folder)
        self._change = change

    async def ask(self, sql: str, *parameters: str | None) -> Rows:
        rows = await super().ask(sql, *parameters)
        self._change()
        return rows


async def made(monitor: Monitor, oid: str) -> frozenset[tuple[str, str]]:
    try:
        return await Overlays(monitor).ensure([oid])
    finally:
        await monitor.close()


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("ALTER TABLE passing ADD COLUMN w int", ["id", "v", "w"]),
        ("ALTER TABLE passing DROP COLUMN v", ["id"]),
        ("ALTER TABLE passing RENAME v TO w", ["id", "w"]),
        ("ALTER TABLE passing RENAME TO passed", ["id", "v"]),
        ("ALTER TABLE passing SET SCHEMA aside", ["id", "v"]),
        ("ALTER SCHEMA beside RENAME TO besides", ["id", "v"]),
        ("DROP TABLE passing", []),
        ("DROP SCHEMA beside CASCADE", []),
    ],
)
def test_a_table_that_is_changed_meanwhile_gets_that_of_now_or_none(
    passing: Racer, change: str, columns: list[str]
) -> None:
    passing.say("CREATE SCHEMA aside")
    passing.say("CREATE SCHEMA beside")
    if "beside" in change:
        passing.say("ALTER TABLE passing SET SCHEMA beside")
    oid = oid_of("beside.passing" if "beside" in change else "passing")
    changes = iter([change])
    monitor = Interrupted(lambda: [passing.say(each) for each in changes])
    try:
        ((schema, name),) = asyncio.run(made(monitor, oid)) or [("", "")]
        with connect_inside() as connection:
            view = f'SELECT * FROM "dsqlkit_view_{schema}"."{name}"'
            found = connection.execute(view.encode()).description if name else []
            assert [each.name for each in found or []] == columns
    finally:
        for each in ("aside", "beside", "besides"):
            passing.say(f"DROP SCHEMA {each} CASCADE")
    assert next(changes, None) is None


def test_a_table_that_changes_all_the_time_gets_none(passing: Racer) -> None:
    oid = oid_of("passing")
    names = itertools.cycle(["passed", "passing"])
    turns = itertools.pairwise(itertools.chain(["passing"], names))
    monitor = Interrupted(lambda: passing.say("ALTER TABLE {} RENAME TO {}".format(*next(turns))))
    with pytest.raises(Locked):
        asyncio.run(made(monitor, oid))


def test_a_table_made_anew_has_a_new_one(racers: Sessions, passing: Racer) -> None:
    lose(racers, "passing")
    passing.say("DROP TABLE passing")
    passing.say("CREATE TABLE passing (id int PRIMARY KEY, v bigint, note text)")
    passing.say("INSERT INTO passing VALUES (1, 5)")
    lose(racers, "passing")
    assert passing.rows("SELECT v FROM passing") == [(6,)]


def test_they_are_found_again_by_a_cluster_that_was_started_anew(
    racers: Sessions, passing: Racer
) -> None:
    """What the endpoint knows of them is forgotten at a change of schema, as at a start."""
    lose(racers, "public.passing")
    passing.say("CREATE TABLE passing_other (id int PRIMARY KEY)")
    passing.say("DROP TABLE passing_other")
    lose(racers, "public.passing")
    assert passing.rows("SELECT v FROM passing") == [(2,)]


def test_a_change_of_schema_elsewhere_leaves_a_loser_where_it_is(
    racers: Sessions, passing: Racer
) -> None:
    winner, loser = racers(2)
    for each in (winner, loser):
        each.say("BEGIN")
        assert each.say("UPDATE public.passing SET v = v + 1 WHERE id = 1") == "UPDATE 1"
    assert winner.say("COMMIT") == "COMMIT"
    passing.say("CREATE TABLE passing_other (id int PRIMARY KEY)")
    passing.say("DROP TABLE passing_other")
    assert loser.say("UPDATE public.passing SET v = v + 10 WHERE id = 1") == "UPDATE 1"
    assert loser.rows("SELECT v FROM public.passing") == [(11,)]
    assert loser.say("COMMIT") == CONFLICT
    assert passing.rows("SELECT v FROM passing") == [(1,)]


@pytest.mark.parametrize("changed", [0, 1, 3000])
@pytest.mark.parametrize("analyzed", [False, True])
def test_a_read_looks_up_each_row_once_however_many_were_changed(
    racers: Sessions, passing: Racer, changed: int, analyzed: bool
) -> None:
    lose(racers, "passing")
    hidden = f'dsqlkit_rows."{oid_of("passing")} hidden"'
    with connect_inside() as connection, connection.transaction(force_rollback=True):
        places = f"SELECT format('(%s,1)', n)::tid FROM generate_series(1, {changed}) AS n"
        connection.execute(f"INSERT INTO {hidden} {places}".encode())
        if analyzed:
            connection.execute(f"ANALYZE {hidden}".encode())
        plan = connection.execute("EXPLAIN SELECT count(*) FROM dsqlkit_view_public.passing")
        assert "NOT (hashed SubPlan" in str(plan.fetchall())
