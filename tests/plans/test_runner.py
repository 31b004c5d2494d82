"""EXPLAIN on the local cluster: what runs is undone, and the connection stays usable."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.pq import TransactionStatus

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed, SqlError, UsageError
from dsqlkit.plans.parse import parse_plan
from dsqlkit.plans.runner import explain, plan_of
from tests.plans import postgres_json

_SET_UP = (
    "DROP TABLE IF EXISTS plan_orders",
    "DROP TABLE IF EXISTS plan_customers",
    "CREATE TABLE plan_customers (id int PRIMARY KEY, name text, region text)",
    "CREATE TABLE plan_orders (id int PRIMARY KEY, customer_id int, total numeric, placed date)",
    "INSERT INTO plan_customers SELECT g, 'c' || g, 'r' || g % 5 FROM generate_series(1, 200) g",
    "INSERT INTO plan_orders SELECT g, 1 + g % 200, g % 97, date '2025-01-01' + g % 300"
    " FROM generate_series(1, 2500) g",
    "ANALYZE plan_customers",
    "ANALYZE plan_orders",
)


@pytest.fixture(scope="module")
def tables(endpoint: Endpoint) -> Iterator[None]:
    with connect(endpoint) as connection:
        for statement in _SET_UP:
            connection.execute(statement.encode())
        yield
        for statement in _SET_UP[:2]:
            connection.execute(statement.encode())


@pytest.fixture(params=[True, False], ids=["autocommit", "no autocommit"])
def connection(
    endpoint: Endpoint, tables: None, request: pytest.FixtureRequest
) -> Iterator[Connection]:
    with connect(endpoint) as connection:
        connection.autocommit = request.param
        yield connection
        assert connection.info.transaction_status is TransactionStatus.IDLE


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    connection.rollback()
    assert row is not None
    count: int = row[0]
    return count


def test_a_query_is_run_and_its_plan_read(connection: Connection) -> None:
    result = explain(connection, "SELECT * FROM plan_orders WHERE total = 3;")
    assert result.plan.analyzed
    assert result.plan.root.rows_total == 26
    assert result.plan.execution_ms is not None
    assert result.sql == "SELECT * FROM plan_orders WHERE total = 3"
    assert not result.rolled_back
    assert [finding.code for finding in result.findings] == ["full_scan", "late_filter"]
    assert parse_plan(result.text) == result.plan


def test_a_plan_alone_is_that_of_explain_and_what_it_runs_is_undone(connection: Connection) -> None:
    sql = "DELETE FROM plan_orders WHERE total = %s"
    judged = explain(connection, sql, [3], analyze=False, verbose=True).plan
    assert plan_of(connection, sql, [3], analyze=False, verbose=True) == judged
    assert plan_of(connection, sql, [3]).analyzed
    assert _count(connection, "plan_orders") == 2500


def test_values_are_bound_and_the_plan_is_made_for_them(connection: Connection) -> None:
    sql = "SELECT * FROM plan_orders WHERE id = %(id)s AND placed > %(day)s"
    result = explain(connection, sql, {"id": 7, "day": "2025-01-02"})
    assert result.plan.root.index == "plan_orders_pkey"
    storage = result.plan.root.children[0]
    assert "2025-01-02" in (storage.value("Filters") or "")
    assert explain(connection, "SELECT %s::text", ["'; DROP TABLE plan_orders; --"]).plan.analyzed


def test_a_percent_sign_is_plain_text_without_values(connection: Connection) -> None:
    result = explain(connection, "SELECT * FROM plan_customers WHERE name LIKE 'c1%'")
    assert result.plan.root.rows_total == 111


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM plan_orders WHERE id < 100",
        "UPDATE plan_orders SET total = 0 WHERE id = 1",
        "INSERT INTO plan_orders VALUES (-1, 1, 1, now())",
        "WITH gone AS (DELETE FROM plan_orders RETURNING id) SELECT count(*) FROM gone",
    ],
)
def test_a_statement_that_writes_is_rolled_back_and_says_so(
    connection: Connection, sql: str
) -> None:
    result = explain(connection, sql)
    assert result.rolled_back
    assert _count(connection, "plan_orders") == 2500


def test_without_analyze_nothing_is_run(connection: Connection) -> None:
    result = explain(connection, "DELETE FROM plan_orders", analyze=False)
    assert not result.rolled_back
    assert not result.plan.analyzed
    assert _count(connection, "plan_orders") == 2500


def test_verbose_adds_the_columns_that_nodes_put_out(connection: Connection) -> None:
    sql = "SELECT id FROM plan_customers"
    assert explain(connection, sql, verbose=True).plan.root.value("Output") == "id"
    assert explain(connection, sql).plan.root.value("Output") is None


def test_a_refused_statement_is_an_error_with_its_sqlstate(connection: Connection) -> None:
    with pytest.raises(SqlError) as error:
        explain(connection, "SELECT * FROM no_such_table")
    assert error.value.sqlstate == "42P01"
    assert explain(connection, "SELECT 1").plan.root.node_type == "Result"


@pytest.mark.parametrize(
    "sql", ["", "-- nothing", "SELECT 1; DELETE FROM plan_orders", "SELECT 1; COMMIT; SELECT 2"]
)
def test_only_one_statement_is_explained(connection: Connection, sql: str) -> None:
    with pytest.raises(UsageError):
        explain(connection, sql)
    assert _count(connection, "plan_orders") == 2500


def test_a_statement_hidden_from_our_eyes_is_refused_by_the_server(connection: Connection) -> None:
    # A nested comment, which ends later for PostgreSQL than for the splitter of statements.
    hidden = "SELECT 1 /* /* */ ' */ ; COMMIT; DELETE FROM plan_orders; SELECT 2 --'"
    with pytest.raises((SqlError, UsageError)):
        explain(connection, hidden)
    assert _count(connection, "plan_orders") == 2500


def test_a_transaction_that_is_open_is_left_alone(endpoint: Endpoint, tables: None) -> None:
    with connect(endpoint) as connection:
        connection.autocommit = False
        connection.execute("DELETE FROM plan_orders WHERE id = 1")
        with pytest.raises(ValueError, match="idle"):
            explain(connection, "SELECT 1")
        assert _count_in_transaction(connection) == 2499
        connection.rollback()


def _count_in_transaction(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM plan_orders").fetchone()
    assert row is not None
    count: int = row[0]
    return count


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT * FROM plan_orders WHERE total > 90 AND id < 2000 ORDER BY placed DESC LIMIT 3",
        "SELECT c.region, sum(o.total) FROM plan_orders o JOIN plan_customers c"
        " ON c.id = o.customer_id GROUP BY c.region HAVING count(*) > 3 ORDER BY 2",
        "WITH late AS MATERIALIZED (SELECT * FROM plan_orders WHERE placed > '2025-10-01')"
        " SELECT *, (SELECT name FROM plan_customers c WHERE c.id = late.customer_id) FROM late"
        " WHERE total > (SELECT avg(total) FROM plan_orders)",
        "SELECT * FROM plan_customers WHERE id NOT IN (SELECT customer_id FROM plan_orders)"
        " AND name <> 'it''s -> (cost=1)'",
        "SELECT id FROM plan_customers UNION ALL SELECT id FROM plan_orders WHERE id < 5",
        "SELECT DISTINCT ON (customer_id) * FROM plan_orders ORDER BY customer_id, placed",
        "SELECT row_number() OVER (PARTITION BY region ORDER BY name) FROM plan_customers",
        "UPDATE plan_orders SET total = 0 WHERE id BETWEEN 5 AND 9",
        "INSERT INTO plan_customers VALUES (1, 'a', 'b') ON CONFLICT (id) DO NOTHING",
    ],
)
def test_our_reading_of_text_agrees_with_format_json_but_for_scans(
    endpoint: Endpoint, tables: None, sql: str
) -> None:
    with connect(endpoint) as connection:
        result = explain(connection, sql, verbose=True)
        with connection.transaction(force_rollback=True):
            command = f"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {sql}"
            row: tuple[Any, ...] | None = connection.execute(command.encode()).fetchone()
    assert row is not None
    [document] = row[0]
    from_json = [postgres_json.from_json(node) for node in postgres_json.walk(document["Plan"])]
    from_text = [postgres_json.from_text(node) for node in result.plan.walk()]
    # Those of tables are DSQL's, which PostgreSQL's document does not have.
    assert _others(from_text) == _others(from_json)


def _others(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    scans = ("Seq Scan", "Index Scan", "Index Only Scan", "Storage Scan", "B-Tree Scan")
    return [node for node in nodes if node["node_type"] not in scans]


def test_a_plan_of_the_local_cluster_reads_as_one_of_a_cluster(
    endpoint: Endpoint, tables: None
) -> None:
    with connect(endpoint) as connection:
        plan = explain(connection, "SELECT * FROM plan_orders WHERE id < 9", verbose=True).plan
    assert [node.node_type for node in plan.walk()] == [
        "Index Only Scan",
        "Storage Scan",
        "B-Tree Scan",
    ]
    assert plan.root.value("Index Cond") == "(plan_orders.id < 9)"
    assert plan.dpu is not None
    assert plan.dpu.parts["write"].dpu == 0


def test_a_lost_connection_is_an_error_of_ours(endpoint: Endpoint, tables: None) -> None:
    with connect(endpoint) as connection:
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionFailed):
            explain(connection, "SELECT 1")
