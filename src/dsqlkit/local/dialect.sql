-- What DSQL's dialect needs of the catalog: run with catalog.sql, by its rules.

-- What version() was recorded to answer.
SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT 'PostgreSQL 16' $$;

-- DSQL has no text search configuration: to_tsvector('english', ...) was recorded to say so.
DELETE FROM pg_catalog.pg_ts_config;

RESET allow_system_table_mods;

CREATE OR REPLACE FUNCTION sys.dsql_major_version() RETURNS integer LANGUAGE sql IMMUTABLE
    AS $$ SELECT 1 $$;

-- SHOW of a setting that PostgreSQL does not let anybody set: `answer`, reported as SHOW.
CREATE OR REPLACE FUNCTION dsqlkit.show(answer text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'SHOW';
    RETURN answer;
END
$$;

-- ALTER TABLE ... DROP COLUMN takes a primary key with it in PostgreSQL; DSQL refuses that.
CREATE OR REPLACE FUNCTION dsqlkit.refuse_key_drop() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    lost text;
BEGIN
    SELECT c.address_names[array_upper(c.address_names, 1)] INTO lost
        FROM pg_event_trigger_dropped_objects() c
        WHERE c.original AND c.object_type = 'table column' AND EXISTS (
            SELECT FROM pg_event_trigger_dropped_objects() k
            WHERE k.object_type = 'table constraint' AND NOT k.original
                AND k.object_identity LIKE '%\_pkey on ' || c.schema_name || '.%')
        LIMIT 1;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '0A000',
            MESSAGE = format('cannot drop primary key column %s', lost);
    END IF;
END
$$;

DROP EVENT TRIGGER IF EXISTS refuse_key_drop;

CREATE EVENT TRIGGER refuse_key_drop ON sql_drop WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION dsqlkit.refuse_key_drop();

-- How many schemas and tables a database may have (quotas page).
CREATE OR REPLACE FUNCTION dsqlkit.count_objects() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF tg_tag = 'CREATE SCHEMA' AND (SELECT count(*) FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\_%'
                AND nspname NOT IN ('public', 'sys', 'dsqlkit', 'information_schema')) > 10 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'more than 10 schemas not allowed';
    END IF;
    IF tg_tag = 'CREATE TABLE' AND (SELECT count(*) FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE relkind = 'r' AND nspname NOT LIKE 'pg\_%'
                AND nspname NOT IN ('sys', 'dsqlkit', 'information_schema')) > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = '54000',
            MESSAGE = 'creating more than 1000 tables not allowed';
    END IF;
END
$$;

DROP EVENT TRIGGER IF EXISTS count_objects;

CREATE EVENT TRIGGER count_objects ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE')
    EXECUTE FUNCTION dsqlkit.count_objects();

