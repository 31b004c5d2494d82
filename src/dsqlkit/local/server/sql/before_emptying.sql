-- All but the schema public goes with the roles that own it.

ALTER SCHEMA public OWNER TO pg_superuser;

