-- A table's indexes, and whether each is ready for queries.
\if :{?table} \else \set table accounts7 \endif

SELECT c.relname AS index, i.indisvalid AS valid
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND t.relname = :'table'
ORDER BY c.relname;
