-- End whoever is connected, autovacuum too, which would hold on to a table. Those who hold a lock
-- let go of it as they end: what follows waits for that, and for nothing else.

SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE pid <> pg_catalog.pg_backend_pid() AND backend_type IN ('client backend', 'autovacuum worker');

