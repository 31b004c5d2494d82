-- What ANALYZE found in the columns of some tables, with each column's declared length in bytes.
\if :{?schemas} \else \set schemas '{public}' \endif
\if :{?tables} \else \set tables '{accounts7}' \endif

SELECT n.nspname AS schema,
       t.relname AS table,
       a.attname AS column,
       CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4
            THEN a.atttypmod - 4 END AS declared_bytes,
       s.avg_width AS average_bytes,
       s.null_frac AS null_fraction,
       s.n_distinct AS distinct_values,
       s.most_common_vals::text::text[] AS common_values,
       s.most_common_freqs AS common_fractions,
       s.histogram_bounds::text::text[] AS bounds
FROM unnest(:'schemas'::text[], :'tables'::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = wanted.name
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_stats AS s
    ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = a.attname
ORDER BY n.nspname, t.relname, a.attnum;
