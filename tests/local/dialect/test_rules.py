"""What DSQL refuses of each kind of statement, and what it lets through."""

import pytest
from postgast import pg_query_pb2 as tree

from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.rules import STATEMENTS
from tests.support.refusals import refusal

REFUSED = [
    # Tables that are made in another way than by a list of columns.
    ("SELECT * INTO made FROM t", "unsupported statement: CreateTableAs"),
    ("SELECT 1 INTO TEMP made", "unsupported statement: CreateTableAs"),
    ("SELECT 1 INTO made UNION SELECT 2", "unsupported statement: CreateTableAs"),
    ("WITH x AS (SELECT 1) SELECT * INTO made FROM x", "unsupported statement: CreateTableAs"),
    ("EXPLAIN CREATE TABLE made AS SELECT 1", "unsupported statement: CreateTableAs"),
    ("CREATE TABLE made AS EXECUTE q", "unsupported statement: CreateTableAs"),
    ("CREATE TABLE pg_temp.t (a int)", "TEMPORARY or TEMP table not supported for CREATE TABLE"),
    ("CREATE TABLE made () INHERITS (t)", "INHERITS not supported for CREATE TABLE"),
    (
        "CREATE TABLE t (a int) PARTITION BY LIST (a)",
        "PARTITION BY clause not supported for CREATE TABLE",
    ),
    ("CREATE TABLE p PARTITION OF t DEFAULT", "PARTITION OF clause not supported for CREATE TABLE"),
    ("CREATE TABLE t (a int) WITH (fillfactor = 70)", "WITH not supported for CREATE TABLE"),
    ("CREATE TABLE t (a int) TABLESPACE x", "TABLESPACE not supported for CREATE TABLE"),
    ("CREATE TABLE t (a int) USING heap", "USING not supported for CREATE TABLE"),
    ("CREATE TABLE t (a int) ON COMMIT DROP", "ON COMMIT not supported for CREATE TABLE"),
    ("CREATE TABLE t OF u", "OF type not supported for CREATE TABLE"),
    (
        "CREATE TABLE t (a int, EXCLUDE USING btree (a WITH =))",
        "EXCLUDE constraint not supported for CREATE TABLE",
    ),
    # Columns and keys.
    ('CREATE TABLE t (a text COLLATE "C")', "COLLATE clause not supported"),
    ('ALTER TABLE t ADD COLUMN a text COLLATE "C"', "COLLATE clause not supported"),
    ("CREATE TABLE t (a jsonb PRIMARY KEY)", "datatype jsonb is not supported in a key"),
    ("CREATE TABLE t (a json, UNIQUE (a))", "datatype json is not supported in a key"),
    ("CREATE SCHEMA s CREATE TABLE t (a inet)", "datatype inet not supported"),
    ("CREATE DOMAIN d AS text[]", "datatype text[] not supported"),
    (
        "CREATE TABLE t (a int UNIQUE DEFERRABLE)",
        "DEFERRABLE UNIQUE not supported for CREATE TABLE",
    ),
    (
        "CREATE TABLE t (a int REFERENCES u DEFERRABLE PRIMARY KEY INITIALLY DEFERRED)",
        "DEFERRABLE PRIMARY KEY not supported for CREATE TABLE",
    ),
    (
        "CREATE TABLE t (a int, CONSTRAINT k PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED)",
        "DEFERRABLE PRIMARY KEY not supported for CREATE TABLE",
    ),
    (
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i DEFERRABLE",
        "unsupported ALTER TABLE ADD CONSTRAINT statement",
    ),
    ("SELECT ctid FROM t", "system column ctid not supported"),
    ("SELECT (t).ctid FROM t", "system column ctid not supported"),
    ("DELETE FROM t WHERE t.CTID = '(0,1)'", "system column ctid not supported"),
    (
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ctid::text FROM t'",
        "system column ctid not supported",
    ),
    # Domains.
    ("DROP DOMAIN d CASCADE", "DROP DOMAIN with CASCADE unsupported"),
    ("DROP DOMAIN IF EXISTS d, e CASCADE", "DROP DOMAIN with CASCADE unsupported"),
    ("ALTER DOMAIN d SET NOT NULL", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d DROP DEFAULT", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d ADD CHECK (VALUE <> '')", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d DROP CONSTRAINT c", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d RENAME TO e", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d RENAME CONSTRAINT a TO b", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d OWNER TO u", "unsupported statement: AlterDomain"),
    ("ALTER DOMAIN d SET SCHEMA s", "unsupported statement: AlterDomain"),
    # Indexes.
    ("CREATE INDEX i ON t USING btree (a)", "USING not supported for CREATE INDEX"),
    ("CREATE UNIQUE INDEX i ON t USING hash (a)", "USING not supported for CREATE INDEX"),
    (
        "CREATE INDEX CONCURRENTLY i ON t USING btree (a)",
        "CONCURRENTLY not supported for CREATE INDEX",
    ),
    (
        "CREATE INDEX ASYNC i ON t (a) INCLUDE (lower(b))",
        "expressions are not supported in included columns",
    ),
    ("CREATE INDEX ASYNC i ON t USING btree (a)", "USING not supported for CREATE INDEX"),
    ("CREATE INDEX ASYNC i ON t USING gin (a)", "USING not supported for CREATE INDEX"),
    ("CREATE INDEX ASYNC i ON t (a) TABLESPACE x", "TABLESPACE not supported for CREATE INDEX"),
    ("CREATE INDEX ASYNC i ON t (a DESC)", "specifying sort order not supported for index keys"),
    ("CREATE INDEX ASYNC i ON t (a text_ops)", "opclass not supported for index keys"),
    ("DROP INDEX CONCURRENTLY i", "CONCURRENTLY not supported for DROP INDEX"),
    # Sequences and identity.
    (
        "CREATE TEMP SEQUENCE s CACHE 1",
        "TEMPORARY or TEMP sequence not supported for CREATE SEQUENCE",
    ),
    (
        "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY",
        "identity column is not supported without an explicit cache size. "
        "please define CACHE greater than or equal to 65536 or equal to 1",
    ),
    ("ALTER TABLE t DISABLE RULE r", "unsupported ALTER TABLE DISABLE RULE statement"),
    # Functions.
    (
        "CREATE FUNCTION f() RETURNS int4range LANGUAGE sql AS 'SELECT NULL::int4range'",
        "datatype int4range not supported",
    ),
    (
        "CREATE FUNCTION f() RETURNS SETOF tsmultirange LANGUAGE sql AS 'SELECT NULL'",
        "datatype tsmultirange not supported",
    ),
    (
        "CREATE FUNCTION f(OUT a int, OUT b daterange) LANGUAGE sql AS 'SELECT 1, NULL'",
        "datatype daterange not supported",
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT pg_backend_pid()'",
        "function pg_backend_pid not supported",
    ),
    ("GRANT CONNECT ON DATABASE postgres TO r", "unsupported object type in GRANT"),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT 1; CREATE TABLE t AS SELECT 1'",
        "unsupported statement: CreateTableAs",
    ),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ TRUNCATE t $$",
        "unsupported statement: Truncate",
    ),
    (
        "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC SELECT 1 INTO t; END",
        "unsupported statement: CreateTableAs",
    ),
    # Views.
    ("CREATE TEMP VIEW v AS SELECT 1", "TEMPORARY or TEMP view not supported for CREATE VIEW"),
    (
        "CREATE VIEW v AS SELECT 1 WITH CHECK OPTION",
        "WITH CHECK OPTION not supported for CREATE VIEW",
    ),
    # What belongs to the system.
    ("DROP SCHEMA public CASCADE", "feature not supported on system entity"),
    ("ALTER SCHEMA public RENAME TO x", "feature not supported on system entity"),
    # Sessions.
    ("COMMIT AND CHAIN", "unsupported transaction statement: COMMIT AND CHAIN"),
    ("ROLLBACK AND CHAIN", "unsupported transaction statement: ROLLBACK AND CHAIN"),
    ("PREPARE q AS SELECT 1", "unsupported statement: Prepare"),
    ("EXECUTE q", "unsupported statement: Execute"),
    ("DISCARD ALL", "unsupported statement: Discard"),
    (
        "SET TRANSACTION SNAPSHOT 'x'",
        'setting configuration parameter "TRANSACTION SNAPSHOT" not supported',
    ),
    # Functions that may not be called.
    ("SELECT pg_advisory_lock(1)", "function pg_advisory_lock not supported"),
    (
        "SELECT PG_TRY_ADVISORY_XACT_LOCK_SHARED(1, 2)",
        "function pg_try_advisory_xact_lock_shared not supported",
    ),
    (
        "SELECT * FROM pg_catalog.pg_advisory_unlock_all()",
        "function pg_advisory_unlock_all not supported",
    ),
    (
        'UPDATE t SET a = b WHERE pg_catalog."pg_backend_pid"() = 1',
        "function pg_backend_pid not supported",
    ),
    ('SELECT U&"pg\\005fbackend_pid"()', "function pg_backend_pid not supported"),
    ("CREATE VIEW v AS SELECT pg_backend_pid()", "function pg_backend_pid not supported"),
    ("CREATE TABLE t (a int DEFAULT pg_backend_pid())", "function pg_backend_pid not supported"),
    # Objects that DSQL does not have.
    ("CREATE AGGREGATE g (int) (SFUNC = f, STYPE = int)", "unsupported statement: Define"),
    ("CREATE TYPE t", "CREATE TYPE not supported"),
    ("ALTER TYPE t OWNER TO u", "unsupported object in ALTER statement"),
    ("ALTER MATERIALIZED VIEW v RENAME TO w", "unsupported object in ALTER statement"),
    ("COMMENT ON EXTENSION x IS 'y'", "unsupported object in COMMENT statement"),
    ("DROP TRIGGER g ON t", "unsupported object in DROP statement"),
    ("DROP PROCEDURE p", "unsupported object in DROP statement"),
    ("CREATE ROLE r PASSWORD 'x'", "PASSWORD not supported for CREATE ROLE"),
    ("REASSIGN OWNED BY a TO b", "unsupported statement: ReassignOwned"),
    (
        "EXPLAIN MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "unsupported statement type: MERGE",
    ),
]

LET_THROUGH = [
    "CREATE TABLE t (LIKE u INCLUDING ALL)",
    "CREATE TABLE t (a int GENERATED ALWAYS AS (1) STORED) WITHOUT OIDS",
    "CREATE TABLE t (a int REFERENCES u (b) MATCH FULL ON DELETE SET NULL DEFERRABLE)",
    "CREATE TABLE t (a int, b text, UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b))",
    "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE 65536) PRIMARY KEY)",
    "CREATE SEQUENCE s AS bigint INCREMENT 2 CACHE 1",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1'",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN a + 1",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a; END",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELEC 1'",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "CREATE ROLE r WITH LOGIN",
    "ALTER TABLE t ADD COLUMN a text STORAGE PLAIN",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "ALTER INDEX i RENAME TO j",
    "ALTER SCHEMA s RENAME TO r",
    "COMMIT AND NO CHAIN",
    "COMMENT ON COLUMN t.a IS 'x'",
    "DEALLOCATE ALL",
    # Not recorded: see analysis.py.
    "DEALLOCATE q",
    "DEALLOCATE PREPARE q",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT 'into' FROM t",
    "WITH x AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM x",
    "ALTER ROLE r RESET work_mem",
    "DROP TRIGGER IF EXISTS g ON t",
    "DROP VIEW IF EXISTS v CASCADE",
    "SET CONSTRAINTS ALL DEFERRED",
    "DROP DOMAIN d",
    "DROP DOMAIN d RESTRICT",
    "COMMENT ON DOMAIN d IS 'x'",
    "ALTER TABLE t ALTER COLUMN n ADD GENERATED BY DEFAULT AS IDENTITY (CACHE 1)",
    "ALTER TABLE t ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (CACHE 65536)",
    "ALTER TABLE t ALTER COLUMN n DROP EXPRESSION IF EXISTS",
    "ALTER TABLE t ALTER CONSTRAINT fk DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE t ALTER CONSTRAINT fk NOT DEFERRABLE",
    "CREATE TABLE t (a int PRIMARY KEY REFERENCES u DEFERRABLE)",
    "CREATE TABLE t (a int UNIQUE NOT DEFERRABLE)",
    "CREATE STATISTICS IF NOT EXISTS s (ndistinct, dependencies) ON a, b FROM t",
    "ALTER STATISTICS s SET STATISTICS 50",
    "ALTER STATISTICS s RENAME TO r",
    "DROP STATISTICS IF EXISTS s",
    "CREATE FUNCTION f(a int4range) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT mine.pg_backend_pid(), pg_advisory, 'pg_advisory_lock(1)'",
]


RUN = {
    # Reading and writing rows, and what is told of them.
    *("insert", "update", "delete", "copy", "fetch", "close_portal", "call", "variable_show"),
    # Rights, statistics, sessions.
    *("grant_role", "create_stats", "constraints_set", "deallocate"),
    # Not recorded, and of no effect where what they name cannot be there.
    *("alter_table_move_all", "alter_extension_contents", "alter_object_depends"),
}
WITHIN = {"raw", "set_operation", "return", "plassign", "replica_identity"}
"""What the parser calls statements, and are parts of others."""


def test_every_statement_of_postgresql_is_refused_run_or_looked_at() -> None:
    """So a rule that goes, or a statement that a new parser knows, is missed here."""
    known = {field.name for field in tree.Node.DESCRIPTOR.fields if field.name.endswith("_stmt")}
    passed = {f"{name}_stmt" for name in RUN | WITHIN}
    assert known == STATEMENTS.keys() | passed
    assert not STATEMENTS.keys() & passed


@pytest.mark.parametrize(("sql", "message"), REFUSED)
def test_a_statement_is_refused(sql: str, message: str) -> None:
    found = refusal(sql)
    assert found is not None
    assert (found.sqlstate, found.message) == ("0A000", message)


@pytest.mark.parametrize("sql", LET_THROUGH)
def test_a_statement_is_let_through(sql: str) -> None:
    assert read(sql.encode()).run == sql.encode()


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        (
            "CREATE TABLE t (a varchar(1001), b char(1000), PRIMARY KEY (a, b))",
            "54000",
            "key size greater than 2000 bytes not supported",
        ),
        (
            "CREATE TABLE t (a varchar(65536))",
            "54000",
            "Datatype limit greater than 65535 bytes not supported for varchar",
        ),
        (
            "CREATE TABLE t (a char(4097))",
            "54000",
            "Datatype limit greater than 4096 bytes not supported for char",
        ),
        (
            f"CREATE TABLE t ({', '.join(f'c{n} int' for n in range(257))})",
            "54011",
            "tables can have at most 255 columns",
        ),
        (
            f"CREATE TABLE t ({', '.join(f'c{n} int' for n in range(257))}, PRIMARY KEY (c1))",
            "54011",
            "cannot use more than 256 columns in an index",
        ),
        (
            "CREATE INDEX ASYNC i ON t (a, b, c, d, e, f, g, h, i)",
            "54011",
            "more than 8 column keys in an index are not supported",
        ),
        (
            "CREATE SEQUENCE s AS integer CACHE 1",
            "22023",
            "datatype integer not supported, sequence type must be bigint",
        ),
        (
            "CREATE SEQUENCE s AS decimal(10,0)",
            "22023",
            "datatype numeric not supported, sequence type must be bigint",
        ),
        *(
            (
                sql.format(size),
                "22023",
                f"CACHE ({size}) must be greater than or equal to 65536 or equal to 1",
            )
            for size in (0, 2, 100, 65535)
            for sql in (
                "CREATE SEQUENCE s CACHE {}",
                "ALTER SEQUENCE s CACHE {}",
                "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (CACHE {}))",
                "ALTER TABLE t ALTER a ADD GENERATED BY DEFAULT AS IDENTITY (CACHE {})",
                "ALTER TABLE t ALTER a SET CACHE {}",
            )
        ),
        ("CREATE TABLE t (a bigserial)", "42704", 'type "bigserial" does not exist'),
    ],
)
def test_a_declaration_is_too_large(sql: str, sqlstate: str, message: str) -> None:
    found = refusal(sql)
    assert found is not None
    assert (found.sqlstate, found.message) == (sqlstate, message)
