-- Whether a role has a privilege on a table of schema public; no row where there is no such table.
\if :{?role} \else \set role admin \endif
\if :{?table} \else \set table accounts \endif
\if :{?privilege} \else \set privilege SELECT \endif

SELECT has_table_privilege(:'role', c.oid, :'privilege')
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relname = :'table';
