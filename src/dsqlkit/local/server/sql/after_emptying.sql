-- As roles.sql and catalog.sql leave a new cluster.

ALTER SCHEMA public OWNER TO admin;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO PUBLIC;

UPDATE pg_catalog.pg_database SET datacl = NULL WHERE datname = 'postgres';

ALTER ROLE admin RESET ALL;

ALTER ROLE admin IN DATABASE postgres RESET ALL;

ALTER DATABASE postgres RESET ALL;

DELETE FROM dsqlkit.job;

DELETE FROM dsqlkit.dropped_build;

DELETE FROM dsqlkit.role_mapping;

DELETE FROM dsqlkit.coming_index;

DELETE FROM dsqlkit.overlaid;
