-- The foreign keys that lead to some tables or from them, a row for each of their columns, in order.
\if :{?schemas} \else \set schemas '{public}' \endif
\if :{?tables} \else \set tables '{accounts7}' \endif

SELECT f.conname AS name,
       pn.nspname AS parent_schema,
       p.relname AS parent,
       cn.nspname AS child_schema,
       c.relname AS child,
       a.attname AS column
FROM pg_constraint AS f
JOIN pg_class AS p ON p.oid = f.confrelid
JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
JOIN pg_class AS c ON c.oid = f.conrelid
JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
JOIN unnest(f.conkey) WITH ORDINALITY AS k (number, place) ON true
JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.number
WHERE f.contype = 'f' AND EXISTS (
    SELECT FROM unnest(:'schemas'::text[], :'tables'::text[]) AS wanted (schema, name)
    WHERE (wanted.schema, wanted.name) IN ((pn.nspname, p.relname), (cn.nspname, c.relname))
)
ORDER BY f.conname, cn.nspname, c.relname, k.place;
