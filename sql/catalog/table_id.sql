-- A table's number in the catalog: one that is dropped and made anew gets another.
\if :{?table} \else \set table accounts2 \endif

SELECT c.oid::bigint AS table_id
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relname = :'table' AND c.relkind = 'r';
