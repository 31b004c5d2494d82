-- Whether a schema has a table or an index of that name: they share their names.
\if :{?schema} \else \set schema public \endif
\if :{?name} \else \set name idx_accounts7_type \endif

SELECT EXISTS (
    SELECT FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name'
);
