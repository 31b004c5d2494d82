-- What DSQL's dialect needs of the catalog: run with catalog.sql, by its rules.

-- What version() was recorded to answer.
SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT 'PostgreSQL 16' $$;

-- What SHOW answers of its version, current_setting() does too.
CREATE OR REPLACE FUNCTION dsqlkit.setting(text) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE
    AS 'show_config_by_name';

-- Not STRICT: PostgreSQL calls a built-in function by its number unless it can be inlined.
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT CASE pg_catalog.lower($1) WHEN 'server_version' THEN '16.15' WHEN 'server_version_num' THEN '160015'
        WHEN 'max_connections' THEN '20' ELSE dsqlkit.setting($1) END $$;

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

