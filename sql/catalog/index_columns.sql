-- The indexes of some tables, a row for each of their columns; an expression has no column's name.
\if :{?schemas} \else \set schemas '{public}' \endif
\if :{?tables} \else \set tables '{accounts7}' \endif

SELECT n.nspname AS schema,
       t.relname AS table,
       c.relname AS index,
       k.place <= i.indnkeyatts AS in_key,
       (SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = t.oid AND a.attnum = i.indkey[k.place - 1]) AS column,
       i.indisvalid AS valid,
       i.indisprimary AS primary_key,
       i.indisunique AS unique,
       pg_get_expr(i.indpred, i.indrelid) AS condition,
       CASE WHEN k.place <= i.indnkeyatts THEN
           pg_get_indexdef(i.indexrelid, k.place, false)
           || CASE WHEN i.indoption[k.place - 1] & 2 <> 0 THEN ' NULLS FIRST' ELSE '' END
       END AS part
FROM unnest(:'schemas'::text[], :'tables'::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = wanted.name
JOIN pg_index AS i ON i.indrelid = t.oid
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN generate_series(1, i.indnatts) AS k (place) ON true
ORDER BY n.nspname, t.relname, c.relname, k.place;
