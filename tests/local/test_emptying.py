"""`reset(keep_running=True)`: as empty as a new cluster, at the same port, in the same process."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dsqlkit import local
from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import LocalAddress, resolve
from tests.support.inside import connect_inside

EVERYTHING = """
SELECT 'relation', relnamespace::regnamespace::text, relname, relacl::text FROM pg_class
  WHERE relkind <> 't' AND relnamespace NOT IN (99)
UNION ALL SELECT 'function', pronamespace::regnamespace::text, proname, proacl::text FROM pg_proc
UNION ALL SELECT 'type', typnamespace::regnamespace::text, typname, typacl::text FROM pg_type
UNION ALL SELECT 'schema', nspowner::regrole::text, nspname, nspacl::text FROM pg_namespace
  WHERE nspname !~ '^pg_t'
UNION ALL SELECT 'role', '', rolname, rolconfig::text FROM pg_roles
UNION ALL SELECT 'member', member::regrole::text, roleid::regrole::text, '' FROM pg_auth_members
UNION ALL SELECT 'setting', setdatabase::text, setrole::text, setconfig::text
  FROM pg_db_role_setting
UNION ALL SELECT 'default', defaclrole::text, defaclnamespace::text, defaclacl::text
  FROM pg_default_acl
UNION ALL SELECT 'database', datname, datdba::regrole::text, datacl::text FROM pg_database
UNION ALL SELECT 'trigger', evtname, evtenabled::text, '' FROM pg_event_trigger
UNION ALL SELECT 'job', job_id, '', '' FROM dsqlkit.job
UNION ALL SELECT 'dropped', job_id, '', '' FROM dsqlkit.dropped_build
UNION ALL SELECT 'coming', job_id, '', '' FROM dsqlkit.coming_index
UNION ALL SELECT 'overlaid', relation::text, '', '' FROM dsqlkit.overlaid
UNION ALL SELECT 'mapping', m::text, '', '' FROM dsqlkit.role_mapping m
UNION ALL SELECT 'comment', objoid::regclass::text, '', description FROM pg_description
  WHERE objoid >= 16384 AND classoid = 'pg_class'::regclass
ORDER BY 1, 2, 3, 4
"""

MADE = (
    "CREATE TABLE t (id int PRIMARY KEY, name text)",
    "INSERT INTO t VALUES (1, 'a')",
    "CREATE INDEX ASYNC i ON t (name)",
    "CREATE SCHEMA other",
    "CREATE TABLE other.t (id int PRIMARY KEY)",
    "CREATE VIEW v AS SELECT id FROM t",
    "CREATE SEQUENCE s CACHE 1",
    "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE teller WITH LOGIN",
    "CREATE ROLE clerk WITH LOGIN",
    "GRANT SELECT ON t TO teller",
    "GRANT USAGE ON SCHEMA other TO teller",
    "AWS IAM GRANT teller TO 'arn:aws:iam::123456789012:role/teller'",
)


@pytest.fixture
def own_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalAddress]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    yield local.ensure_running()
    assert "could not be emptied" not in local.log_file().read_text()
    local.reset()


def connected() -> Connection:
    return connect(
        resolve("local", environ={}, start_local=local.ensure_running, local_address=local.address)
    )


def everything() -> list[tuple[object, ...]]:
    with connect_inside() as inside:
        return inside.execute(EVERYTHING.encode()).fetchall()


def test_it_is_as_new_in_the_same_process_at_the_same_port(own_cluster: LocalAddress) -> None:
    new, before = everything(), local.status()
    with connected() as connection:
        for statement in MADE:
            connection.execute(statement.encode())
    local.set_faults(local.Faults(conflict_rate=0.5))
    assert everything() != new
    after = local.reset(keep_running=True)
    assert (after.running, after.pid, after.endpoint) == (True, before.pid, before.endpoint)
    assert after.faults.on == {}
    assert everything() == new
    with connected() as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
        for number in range(10):
            connection.execute(b"INSERT INTO t VALUES (%s)", [number])


def test_sessions_are_closed_whatever_they_do(own_cluster: LocalAddress) -> None:
    idle, writing, busy = connected(), connected(), connected()
    idle.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
    writing.execute(b"BEGIN")
    writing.execute(b"INSERT INTO t VALUES (1)")
    told: list[BaseException] = []

    def sleep() -> None:
        try:
            busy.execute(b"SELECT pg_sleep(30)")
        except psycopg.Error as error:
            told.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    assert local.reset(keep_running=True).running
    sleeper.join(20)
    assert len(told) == 1
    for each in (idle, writing):
        with pytest.raises(psycopg.OperationalError):
            each.execute(b"SELECT 1")
    with connected() as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute(b"SELECT FROM t")


def test_it_can_be_done_again_and_again_while_clients_come(own_cluster: LocalAddress) -> None:
    for _ in range(3):
        with connected() as connection:
            connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
        local.reset(keep_running=True)


def test_one_that_does_not_run_is_emptied_and_not_started(own_cluster: LocalAddress) -> None:
    with connected() as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY)")
    local.stop()
    assert not local.reset(keep_running=True).running
    local.start()
    with connected() as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute(b"SELECT FROM t")
