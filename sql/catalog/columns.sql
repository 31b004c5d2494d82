-- The columns of some tables, in order, and what fills each where a program gives no value; with
-- each the rows that its table had when it was last analyzed.
\if :{?schemas} \else \set schemas '{public}' \endif
\if :{?tables} \else \set tables '{accounts7}' \endif

SELECT n.nspname AS schema,
       t.relname AS table,
       CASE WHEN t.reltuples >= 0 THEN t.reltuples END AS rows,
       a.attname AS column,
       format_type(a.atttypid, NULL) AS type,
       CASE WHEN a.attidentity = '' THEN pg_get_expr(d.adbin, d.adrelid) ELSE 'identity' END AS filled_by
FROM unnest(:'schemas'::text[], :'tables'::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = wanted.name
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
ORDER BY n.nspname, t.relname, a.attnum;
