"""The shapes of recorded plans, told of tables of our own.

Each is a statement, and the lines that a cluster answered to one of its form: nodes and kinds of
lines as recorded, names and figures ours. The numbers are those of the recordings:
AWS's user guide (1 to 4, 10), a re:Invent workshop of 2025 (5, 6), plan records of 2026 (7, 9,
11 to 13), and github.com/faridnsh/aurora-dsql-pricing, 2026-04 (14 to 19 and all that follow).
"""

from typing import Final, NamedTuple

SET_UP: Final = (
    "CREATE SCHEMA shapes",
    "SET search_path = shapes",
    "CREATE TABLE bare (data text)",
    "INSERT INTO bare VALUES ('x')",
    "CREATE TABLE keyed (id int PRIMARY KEY, data text)",
    "INSERT INTO keyed SELECT n, 'x' FROM generate_series(1, 2000) AS n",
    "CREATE TABLE worded (id text PRIMARY KEY, data text)",
    "INSERT INTO worded VALUES ('k', 'x')",
    "CREATE TABLE few (id int, word text)",
    "INSERT INTO few SELECT n, 'w' || n FROM generate_series(1, 20) AS n",
    "CREATE TABLE moves (payer int, description text, made_on timestamp)",
    "INSERT INTO moves SELECT n % 3, 'external ' || n, timestamp '2025-02-01' + n * interval '1 h'"
    " FROM generate_series(1, 2000) AS n",
    "CREATE TABLE owners (id int PRIMARY KEY, owner uuid, balance numeric, status varchar(10))",
    "CREATE INDEX ASYNC by_owner ON owners (owner) INCLUDE (balance, status)",
    "INSERT INTO owners SELECT n, md5((n / 5)::text)::uuid, n, 'pending'"
    " FROM generate_series(1, 2000) AS n",
    "CREATE TABLE paid (id int PRIMARY KEY, payer int, amount numeric, made_at timestamp)",
    "CREATE INDEX ASYNC by_payer ON paid (payer, made_at)",
    "CREATE INDEX ASYNC by_amount ON paid (amount)",
    "INSERT INTO paid SELECT n, n % 40, n * 10, timestamp '2026-01-01' + n * interval '1 h'"
    " FROM generate_series(1, 2000) AS n",
    "CREATE TABLE queued (run uuid PRIMARY KEY, shard int, queue text, priority int,"
    " due timestamp)",
    "CREATE INDEX ASYNC by_queue ON queued (queue, shard, priority, due, run)",
    "CREATE INDEX ASYNC by_shard ON queued (shard, run)",
    "INSERT INTO queued SELECT md5(n::text)::uuid, n % 5, 'q' || n % 4, n,"
    " timestamp '2026-01-01' + n * interval '1 h' FROM generate_series(1, 2500) AS n",
    "ANALYZE moves",
    "ANALYZE owners",
    "ANALYZE paid",
    "ANALYZE queued",
    "ANALYZE keyed",
)
TEAR_DOWN: Final = "DROP SCHEMA shapes CASCADE"

_OWNER: Final = "c81e728d-9d4c-2f63-6f06-7f89cc14862c"
"""md5 of '2': owner 2's."""


class Shape(NamedTuple):
    """A recorded plan's shape: `sql` asks for one of our own, `plan` are its lines."""

    name: str
    sql: str
    plan: str


SHAPES: Final = (
    Shape(
        "1 and 15: a filter of storage, and a pattern that is left to the query processor",
        "EXPLAIN SELECT payer FROM moves WHERE made_on > '2025-01-01' AND description LIKE '%x%'",
        """\
Full Scan (btree-table) on moves
  Filter: (description ~~ '%x%'::text)
  -> Storage Scan on moves
      Projections: payer, description
      Filters: (made_on > '2025-01-01 00:00:00'::timestamp without time zone)
      -> B-Tree Scan on moves""",
    ),
    Shape(
        "2: all three layers of filters",
        "EXPLAIN SELECT balance FROM owners"
        f" WHERE owner = '{_OWNER}' AND status = 'pending' AND balance > 100",
        f"""\
Index Only Scan using by_owner on owners
  Index Cond: (owner = '{_OWNER}'::uuid)
  Filter: (balance > '100'::numeric)
  -> Storage Scan on by_owner
      Projections: balance
      Filters: ((status)::text = 'pending'::text)
      -> B-Tree Scan on by_owner
          Index Cond: (owner = '{_OWNER}'::uuid)""",
    ),
    Shape(
        "3 and 16: a table with a primary key, read whole",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM worded",
        """\
Index Only Scan using worded_pkey on shapes.worded
  Output: id, data
  -> Storage Scan on worded_pkey
      Projections: id, data
      -> B-Tree Scan on worded_pkey""",
    ),
    Shape(
        "4 and 19: an INSERT of several rows",
        "EXPLAIN (ANALYZE, VERBOSE) INSERT INTO keyed VALUES (-1, 'x'), (-2, 'y'), (-3, 'z')",
        """\
Insert on shapes.keyed
  ->  Values Scan on "*VALUES*"
        Output: "*VALUES*".column1, "*VALUES*".column2""",
    ),
    Shape(
        "4 without a primary key",
        "EXPLAIN (ANALYZE, VERBOSE) INSERT INTO bare VALUES ('x'), ('y')",
        """\
Insert on shapes.bare
  ->  Values Scan on "*VALUES*"
        Output: "*VALUES*".column1""",
    ),
    Shape(
        "5: a small table is read whole and sorted",
        "EXPLAIN ANALYZE SELECT * FROM few WHERE id = 1 ORDER BY word DESC LIMIT 5",
        """\
Limit
  ->  Sort
        Sort Key: word DESC
        Sort Method: quicksort  Memory: 25kB
        ->  Full Scan (btree-table) on few
              -> Storage Scan on few
                  Projections: id, word
                  Filters: (id = 1)
                  Rows Filtered: 19
                  -> B-Tree Scan on few""",
    ),
    Shape(
        "6: an index in its order, backward, and look-ups in the table",
        "EXPLAIN ANALYZE SELECT * FROM paid WHERE payer = 1 ORDER BY made_at DESC LIMIT 5",
        """\
Limit
  ->  Index Scan Backward using by_payer on paid
        Index Cond: (payer = 1)
        -> Storage Scan on by_payer
            -> B-Tree Scan on by_payer
                Index Cond: (payer = 1)
        -> Storage Lookup on paid
            Projections: id, payer, amount, made_at
            -> B-Tree Lookup on paid""",
    ),
    Shape(
        "7: a page of an index, joined back by primary key in batches",
        "EXPLAIN WITH page AS MATERIALIZED (SELECT * FROM (SELECT priority, due, run FROM queued"
        " WHERE queue = 'q1' AND shard = 1 ORDER BY priority, due, run LIMIT 64) AS first LIMIT 64)"
        " SELECT whole.* FROM page JOIN queued whole ON whole.run = page.run"
        " ORDER BY page.priority, page.due, whole.run",
        """\
Sort
  Sort Key: page.priority, page.due, whole.run
  CTE page
    ->  Limit
          ->  Limit
                ->  Index Only Scan using by_queue on queued
                      Index Cond: ((queue = 'q1'::text) AND (shard = 1))
                      -> Storage Scan on by_queue
                          Projections: priority, due, run
                          -> B-Tree Scan on by_queue
                              Index Cond: ((queue = 'q1'::text) AND (shard = 1))
  ->  Nested Loop (Batched Join)
        Recheck Cond: (run = page.run)
        ->  CTE Scan on page
        ->  Index Only Scan using queued_pkey on queued whole
              Index Cond: (run = page.run)
              -> Storage Scan on queued_pkey
                  Projections: run, shard, queue, priority, due
                  -> B-Tree Scan on queued_pkey
                      Index Cond: (run = page.run)""",
    ),
    Shape(
        "8: an INSERT of one row",
        "EXPLAIN (ANALYZE, VERBOSE) INSERT INTO keyed VALUES (-4, 'test')",
        """\
Insert on shapes.keyed
  ->  Result
        Output: '-4'::integer, 'test'::text""",
    ),
    Shape(
        "9: a range of numeric under a LIMIT",
        "EXPLAIN ANALYZE SELECT amount FROM paid WHERE amount >= 19000.00 LIMIT 10000",
        """\
Limit
  ->  Index Only Scan using by_amount on paid
        Index Cond: (amount >= 19000.00)
        -> Storage Scan on by_amount
            Projections: amount
            -> B-Tree Scan on by_amount
                Index Cond: (amount >= 19000.00)""",
    ),
    Shape(
        "10: an outer join in batches, with conditions at every place",
        "EXPLAIN SELECT m.description, o.balance FROM moves m"
        " LEFT JOIN owners o ON o.id = m.payer AND o.balance > CASE WHEN m.description LIKE 'fee%'"
        " THEN 0::numeric ELSE 100::numeric END"
        " WHERE m.made_on >= '2025-04-24' AND (o.status = 'active' OR o.id IS NULL)"
        " ORDER BY m.payer",
        """\
Sort
  Sort Key: m.payer
  ->  Nested Loop (Batched Join)
        Filter: (((o.status)::text = 'active'::text) OR (o.id IS NULL))
        Join Type: Left
        Recheck Cond: (id = m.payer)
        Join Filter: (o.balance > CASE WHEN (m.description ~~ 'fee%'::text) THEN '0'::numeric \
ELSE '100'::numeric END)
        ->  Full Scan (btree-table) on moves m
              -> Storage Scan on moves m
                  Projections: payer, description
                  Filters: (made_on >= '2025-04-24 00:00:00'::timestamp without time zone)
                  -> B-Tree Scan on moves m
        ->  Index Only Scan using owners_pkey on owners o
              Index Cond: (id = m.payer)
              -> Storage Scan on owners_pkey
                  Projections: id, balance, status
                  -> B-Tree Scan on owners_pkey
                      Index Cond: (id = m.payer)""",
    ),
    Shape(
        "11: a LIMIT over an index and look-ups",
        "EXPLAIN SELECT * FROM paid WHERE payer = 3 LIMIT 64",
        """\
Limit
  ->  Index Scan using by_payer on paid
        Index Cond: (payer = 3)
        -> Storage Scan on by_payer
            -> B-Tree Scan on by_payer
                Index Cond: (payer = 3)
        -> Storage Lookup on paid
            Projections: id, payer, amount, made_at
            -> B-Tree Lookup on paid""",
    ),
    Shape(
        "12: a LIMIT over an index that covers",
        "EXPLAIN SELECT run FROM queued WHERE shard = 1 LIMIT 64",
        """\
Limit
  ->  Index Only Scan using by_shard on queued
        Index Cond: (shard = 1)
        -> Storage Scan on by_shard
            Projections: run
            -> B-Tree Scan on by_shard
                Index Cond: (shard = 1)""",
    ),
    Shape(
        "13: the same with two conditions of the key",
        f"EXPLAIN SELECT run FROM queued WHERE shard = 1 AND run > '{_OWNER}' LIMIT 64",
        f"""\
Limit
  ->  Index Only Scan using by_shard on queued
        Index Cond: ((shard = 1) AND (run > '{_OWNER}'::uuid))
        -> Storage Scan on by_shard
            Projections: run
            -> B-Tree Scan on by_shard
                Index Cond: ((shard = 1) AND (run > '{_OWNER}'::uuid))""",
    ),
    Shape(
        "14: a cross join of four",
        "EXPLAIN (VERBOSE) SELECT sum(t1.id + t2.id + t3.id + t4.id)"
        " FROM few t1, few t2, few t3, few t4",
        """\
Aggregate
  Output: sum((((t1.id + t2.id) + t3.id) + t4.id))
  ->  Nested Loop
        Output: t1.id, t2.id, t3.id, t4.id
        ->  Nested Loop
              Output: t1.id, t2.id, t3.id
              ->  Nested Loop
                    Output: t1.id, t2.id
                    ->  Full Scan (btree-table) on shapes.few t1
                          Output: t1.id
                          -> Storage Scan on shapes.few t1
                              Projections: id
                              -> B-Tree Scan on shapes.few t1
                    ->  Materialize
                          Output: t2.id
                          ->  Full Scan (btree-table) on shapes.few t2
                                Output: t2.id
                                -> Storage Scan on shapes.few t2
                                    Projections: id
                                    -> B-Tree Scan on shapes.few t2
              ->  Materialize
                    Output: t3.id
                    ->  Full Scan (btree-table) on shapes.few t3
                          Output: t3.id
                          -> Storage Scan on shapes.few t3
                              Projections: id
                              -> B-Tree Scan on shapes.few t3
        ->  Materialize
              Output: t4.id
              ->  Full Scan (btree-table) on shapes.few t4
                    Output: t4.id
                    -> Storage Scan on shapes.few t4
                        Projections: id
                        -> B-Tree Scan on shapes.few t4""",
    ),
    Shape(
        "15: a regular expression",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT id, word FROM few WHERE word ~ '^[A-Za-z0-9]'",
        """\
Full Scan (btree-table) on shapes.few
  Output: id, word
  Filter: (few.word ~ '^[A-Za-z0-9]'::text)
  -> Storage Scan on shapes.few
      Projections: id, word
      -> B-Tree Scan on shapes.few""",
    ),
    Shape(
        "17: a row by its key",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM keyed WHERE id = 12",
        """\
Index Only Scan using keyed_pkey on shapes.keyed
  Output: id, data
  Index Cond: (keyed.id = 12)
  -> Storage Scan on keyed_pkey
      Projections: id, data
      -> B-Tree Scan on keyed_pkey
          Index Cond: (keyed.id = 12)""",
    ),
    Shape(
        "18: a LIMIT that storage heeds",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT data FROM bare LIMIT 1",
        """\
Limit
  Output: data
  ->  Full Scan (btree-table) on shapes.bare
        Output: data
        -> Storage Scan on shapes.bare
            Projections: data
            Limit: 1
            -> B-Tree Scan on shapes.bare""",
    ),
    Shape(
        "a LIMIT with an OFFSET, of a table with a key",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM worded LIMIT 1 OFFSET 12",
        """\
Limit
  Output: id, data
  ->  Index Only Scan using worded_pkey on shapes.worded
        Output: id, data
        -> Storage Scan on worded_pkey
            Projections: id, data
            Limit: 13
            -> B-Tree Scan on worded_pkey""",
    ),
    Shape(
        "a range of the key, open at one side",
        "EXPLAIN ANALYZE SELECT * FROM keyed WHERE id <= 21",
        """\
Index Only Scan using keyed_pkey on keyed
  Index Cond: (id <= 21)
  -> Storage Scan on keyed_pkey
      Projections: id, data
      -> B-Tree Scan on keyed_pkey
          Index Cond: (id <= 21)""",
    ),
    Shape(
        "a range of the key, closed at both",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM keyed WHERE id >= 22 AND id <= 23",
        """\
Index Only Scan using keyed_pkey on shapes.keyed
  Output: id, data
  Index Cond: ((keyed.id >= 22) AND (keyed.id <= 23))
  -> Storage Scan on keyed_pkey
      Projections: id, data
      -> B-Tree Scan on keyed_pkey
          Index Cond: ((keyed.id >= 22) AND (keyed.id <= 23))""",
    ),
    Shape(
        "a sort of a cross join",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT t1.id, t2.id, t3.id FROM few t1, few t2, few t3"
        " ORDER BY t1.id, t2.id, t3.id",
        """\
Sort
  Output: t1.id, t2.id, t3.id
  Sort Key: t1.id, t2.id, t3.id
  Sort Method: quicksort  Memory: 25kB
  ->  Nested Loop
        Output: t1.id, t2.id, t3.id
        ->  Nested Loop
              Output: t1.id, t2.id
              ->  Full Scan (btree-table) on shapes.few t1
                    Output: t1.id
                    -> Storage Scan on shapes.few t1
                        Projections: id
                        -> B-Tree Scan on shapes.few t1
              ->  Materialize
                    Output: t2.id
                    ->  Full Scan (btree-table) on shapes.few t2
                          Output: t2.id
                          -> Storage Scan on shapes.few t2
                              Projections: id
                              -> B-Tree Scan on shapes.few t2
        ->  Materialize
              Output: t3.id
              ->  Full Scan (btree-table) on shapes.few t3
                    Output: t3.id
                    -> Storage Scan on shapes.few t3
                        Projections: id
                        -> B-Tree Scan on shapes.few t3""",
    ),
)

FOOTER: Final = (
    "Settings: work_mem = '128MB'",
    "Query Identifier: ",
    "Planning Time: ",
    "Execution Time: ",
    "Statement DPU Estimate:",
    "  Compute: ",
    "  Read: ",
    "  Write: ",
    "  Total: ",
)
"""What stands below a plan with ANALYZE, VERBOSE and SETTINGS."""
