-- The role that a cluster is born with. Run once, in single-user mode (see catalog.sql).

CREATE ROLE admin LOGIN CREATEROLE;

ALTER DATABASE postgres OWNER TO admin;

ALTER SCHEMA public OWNER TO admin;

-- DSQL has one database. The files of the others are gone already (see new_data.py): two thirds of what there was to copy.
DELETE FROM pg_catalog.pg_database WHERE datname <> 'postgres';

DELETE FROM pg_catalog.pg_shdescription d WHERE d.classoid = 'pg_catalog.pg_database'::regclass
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_database b WHERE b.oid = d.objoid);

