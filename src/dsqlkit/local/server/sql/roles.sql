-- The role that a cluster is born with. Run once, in single-user mode (see catalog.sql).

CREATE ROLE admin LOGIN CREATEROLE;

ALTER DATABASE postgres OWNER TO admin;

ALTER SCHEMA public OWNER TO admin;

