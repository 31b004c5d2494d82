-- Statements whose plans are recorded: every kind of node and of line that matters.
-- Each runs in a transaction of its own, which is rolled back. A server may refuse some.

-- name: select_1
EXPLAIN (COSTS) SELECT 1;

-- name: seq_scan_filter
EXPLAIN (ANALYZE) SELECT * FROM orders WHERE note LIKE '%99' AND status <> 'x: (y) -> z';

-- name: index_scan_backward_limit
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM orders ORDER BY id DESC LIMIT 3;

-- name: index_only_scan
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off;
EXPLAIN (ANALYZE, BUFFERS) SELECT status, placed FROM orders WHERE status='open' AND placed >
'2025-10-01';

-- name: bitmap_and_or
SET LOCAL enable_seqscan = off;
EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM orders WHERE (customer_id = 7 OR customer_id = 9) AND
status='open';

-- name: hash_join_aggregate
SET LOCAL work_mem = '1MB';
SET LOCAL max_parallel_workers_per_gather = 0;
EXPLAIN (ANALYZE, BUFFERS, WAL, SETTINGS) SELECT c.region, count(*), sum(o.total) FROM orders o JOIN
customers c ON c.id=o.customer_id GROUP BY 1 ORDER BY 2 DESC;

-- name: nested_loop_memoize
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
EXPLAIN (ANALYZE) SELECT o.id, c.name FROM orders o JOIN customers c ON c.id=o.customer_id WHERE
o.placed='2025-03-03';

-- name: merge_join
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_nestloop = off;
EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM orders o LEFT JOIN customers c ON c.id=o.customer_id
WHERE o.customer_id<20 ORDER BY o.customer_id;

-- name: cte_initplan_subplan
EXPLAIN (ANALYZE, VERBOSE) WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE placed >
'2025-10-01'), top AS MATERIALIZED (SELECT max(total) m FROM recent) SELECT r.id, (SELECT name FROM
customers c WHERE c.id=r.customer_id), (SELECT m FROM top) FROM recent r WHERE r.total > (SELECT
avg(total) FROM orders) AND r.customer_id NOT IN (SELECT id FROM customers WHERE region='US');

-- name: append_partitions
EXPLAIN (ANALYZE) SELECT * FROM parts WHERE id = 5 UNION ALL SELECT id, 1, name FROM customers WHERE
id < 3;

-- name: update_partitions
EXPLAIN (ANALYZE, VERBOSE) UPDATE parts SET v='x' WHERE id < 10;

-- name: insert_on_conflict
EXPLAIN (ANALYZE) INSERT INTO customers VALUES (1,'a','US'),(9999,'b','DE') ON CONFLICT (id) DO
UPDATE SET name=excluded.name WHERE customers.region='US';

-- name: update_triggers
SET LOCAL enable_bitmapscan = off;
EXPLAIN (ANALYZE) UPDATE customers SET name = 'x' WHERE id < 4;

-- name: delete_fk
EXPLAIN (ANALYZE) DELETE FROM customers c USING orders o WHERE false;

-- name: insert_fk_trigger
EXPLAIN (ANALYZE) INSERT INTO orders VALUES (30001, 5, 1, 'open', now(), 'x');

-- name: merge
EXPLAIN (ANALYZE) MERGE INTO customers t USING (VALUES (1,'z'),(8888,'y')) s(id,name) ON t.id=s.id
WHEN MATCHED THEN UPDATE SET name=s.name WHEN NOT MATCHED THEN INSERT VALUES (s.id,s.name,'US');

-- name: recursive
EXPLAIN (ANALYZE, VERBOSE) WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n+1 FROM t WHERE n <
10) SELECT sum(n) FROM t;

-- name: grouping_sets
SET LOCAL enable_hashagg = off;
EXPLAIN (ANALYZE) SELECT status, customer_id%3, placed, count(*) FROM orders GROUP BY GROUPING SETS
((status),(customer_id%3),(placed, status),());

-- name: mixed_aggregate
EXPLAIN (ANALYZE) SELECT status, placed, count(*) FROM orders GROUP BY CUBE (status, placed);

-- name: window
EXPLAIN (ANALYZE, VERBOSE) SELECT id, row_number() OVER (PARTITION BY status ORDER BY placed) FROM
orders WHERE id < 50;

-- name: incremental_sort
EXPLAIN (ANALYZE) SELECT * FROM orders ORDER BY customer_id, placed LIMIT 50;

-- name: quoted_names
EXPLAIN (ANALYZE, VERBOSE) SELECT "My Alias"."it's", j -> 'a' ->> 'b' FROM "My Table" "My Alias"
WHERE "it's" = 'x''5: (cost=1)' OR j -> 'a' = '{"b": "->"}';

-- name: quoted_index
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
EXPLAIN (ANALYZE) SELECT * FROM "My Table" WHERE "it's" = 'x5';

-- name: string_with_newline
EXPLAIN (ANALYZE) SELECT * FROM customers WHERE name = E'two
lines
  -> Seq Scan on x' AND region <> E'a\\b''c
d';

-- name: parallel
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (ANALYZE, VERBOSE) SELECT count(*), k FROM big WHERE pad <> 'y' GROUP BY k ORDER BY 1 LIMIT
5;

-- name: parallel_hash
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (ANALYZE) SELECT count(*) FROM big a JOIN big b USING (id) WHERE a.k < 500;

-- name: parallel_sort_verbose
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM big ORDER BY pad, id LIMIT 5;

-- name: jit
SET LOCAL jit = on;
SET LOCAL jit_above_cost = 0;
SET LOCAL jit_inline_above_cost = 0;
SET LOCAL jit_optimize_above_cost = 0;
SET LOCAL max_parallel_workers_per_gather = 0;
EXPLAIN (ANALYZE) SELECT sum(k) FROM big WHERE id % 7 = 3;

-- name: never_executed
SET LOCAL enable_hashjoin = off;
EXPLAIN (ANALYZE) SELECT * FROM customers c JOIN orders o ON o.customer_id=c.id WHERE
c.name='nobody';

-- name: one_time_filter
EXPLAIN (ANALYZE) SELECT * FROM orders WHERE current_user = 'nobody';

-- name: set_op
EXPLAIN (ANALYZE) SELECT id FROM customers EXCEPT SELECT customer_id FROM orders;

-- name: intersect_all
EXPLAIN (COSTS) SELECT region FROM customers INTERSECT ALL SELECT status FROM orders;

-- name: function_scans
EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM generate_series(1,5) g, ROWS FROM (generate_series(1,2),
generate_series(1,3)) AS r(a,b), unnest(ARRAY[1,2]) WITH ORDINALITY u;

-- name: project_set
EXPLAIN (ANALYZE) SELECT generate_series(1, 3), id FROM customers WHERE id < 3;

-- name: table_sample
EXPLAIN (ANALYZE) SELECT * FROM orders TABLESAMPLE system (10) REPEATABLE (3);

-- name: tid_scan
EXPLAIN (ANALYZE) SELECT * FROM customers WHERE ctid = '(0,1)';

-- name: lock_rows
EXPLAIN (ANALYZE) SELECT * FROM customers WHERE id=3 FOR UPDATE;

-- name: xmltable
EXPLAIN (COSTS) SELECT * FROM json_to_record('{"a":1}') AS x(a int);

-- name: costs_off
EXPLAIN (COSTS OFF) SELECT * FROM orders o JOIN customers c ON c.id=o.customer_id WHERE o.id < 10
ORDER BY c.name;

-- name: costs_off_analyze
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM orders o JOIN customers c
ON c.id=o.customer_id WHERE o.id < 10;

-- name: modifying_cte
EXPLAIN (ANALYZE) WITH gone AS (DELETE FROM orders WHERE id < 4 RETURNING *) SELECT count(*) FROM
gone;

-- name: semi_anti
EXPLAIN (ANALYZE) SELECT * FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE
o.customer_id=c.id AND o.total>95) AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id=c.id
AND o.status='sent');

-- name: full_join
EXPLAIN (ANALYZE) SELECT * FROM customers c FULL JOIN parts p ON p.id=c.id WHERE c.id IS NULL;

-- name: unique_distinct_on
EXPLAIN (ANALYZE) SELECT DISTINCT ON (customer_id) * FROM orders ORDER BY customer_id, placed DESC;

-- name: subquery_scan
EXPLAIN (ANALYZE) SELECT * FROM (SELECT id, row_number() OVER () rn FROM orders LIMIT 100) sub WHERE
rn > 90;

-- name: values
EXPLAIN (VERBOSE) SELECT * FROM (VALUES (1,'a:b'),(2,'c')) v(x,y) WHERE x > 1;

-- name: hashed_subplan
EXPLAIN (ANALYZE) SELECT * FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE
total > 90) OR region='US';

-- name: correlated_exists
EXPLAIN (ANALYZE, SUMMARY OFF) SELECT id, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id=c.id
AND o.total=3) FROM customers c WHERE id<20;

-- name: index_recheck_lossy
SET LOCAL work_mem = '64kB';
SET LOCAL enable_seqscan = off;
SET LOCAL max_parallel_workers_per_gather = 0;
EXPLAIN (ANALYZE) SELECT count(*) FROM big WHERE k BETWEEN 5 AND 900;

-- name: disk_sort
SET LOCAL work_mem = '64kB';
SET LOCAL max_parallel_workers_per_gather = 0;
EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM big ORDER BY pad, id DESC;

-- name: disabled
SET LOCAL enable_seqscan = off;
EXPLAIN (ANALYZE) SELECT * FROM parts;

-- name: serialize
EXPLAIN (ANALYZE, SERIALIZE, MEMORY) SELECT * FROM customers;

-- name: generic
EXPLAIN (GENERIC_PLAN) SELECT * FROM customers WHERE id = $1;

-- name: query_id
SET LOCAL compute_query_id = on;
SET LOCAL track_io_timing = on;
EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM customers;

-- name: jit_parallel_verbose
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL jit = on;
SET LOCAL jit_above_cost = 0;
SET LOCAL jit_inline_above_cost = 0;
SET LOCAL jit_optimize_above_cost = 0;
EXPLAIN (ANALYZE, VERBOSE) SELECT sum(k) FROM big WHERE id % 7 = 3;

-- name: bitmap_recheck
SET LOCAL enable_seqscan = off;
SET LOCAL enable_indexscan = off;
SET LOCAL work_mem = '64kB';
EXPLAIN (ANALYZE) SELECT count(*) FROM orders WHERE status = 'open' AND note <> 'n3';

-- name: union_distinct
EXPLAIN (ANALYZE) SELECT region FROM customers UNION SELECT status FROM orders;

-- name: initplan_in_scan_below
EXPLAIN (ANALYZE) SELECT count(*) FROM orders WHERE total > (SELECT avg(total) FROM orders o);

-- name: limit_offset
EXPLAIN (ANALYZE, WAL, BUFFERS) SELECT * FROM orders ORDER BY total, id LIMIT 5 OFFSET 10;

-- name: gather_merge
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (ANALYZE) SELECT * FROM big ORDER BY pad, id;
