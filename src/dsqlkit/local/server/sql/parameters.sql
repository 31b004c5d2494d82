-- Which parameters set_config() may set (see dialect/parameters.py, whose rows these tables get). Run with
-- catalog.sql, by its rules.

-- What SHOW, current_setting() and pg_settings say of settings that nobody can set.
CREATE TABLE IF NOT EXISTS dsqlkit.answer (name text PRIMARY KEY, setting text NOT NULL);

-- The parameters that a session may set, and under which name PostgreSQL keeps them.
CREATE TABLE IF NOT EXISTS dsqlkit.parameter (name text PRIMARY KEY, kept_as text NOT NULL);

GRANT SELECT ON dsqlkit.answer, dsqlkit.parameter TO PUBLIC;

-- What set_config() does by itself, for functions of the endpoint's.
CREATE OR REPLACE FUNCTION dsqlkit.assign(text, text, boolean) RETURNS text
    LANGUAGE internal VOLATILE AS 'set_config_by_name';

CREATE OR REPLACE FUNCTION dsqlkit.set_config(name text, value text, is_local boolean) RETURNS text
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept text := (SELECT p.kept_as FROM dsqlkit.parameter p WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.lower(set_config.name));
BEGIN
    IF set_config.name IS NOT NULL AND kept IS NULL AND NOT (pg_catalog.lower(set_config.name) OPERATOR(pg_catalog.=) 'role' AND is_local) THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE =
            pg_catalog.format('setting configuration parameter "%s" not supported', set_config.name);
    END IF;
    IF kept OPERATOR(pg_catalog.=) 'client_encoding' AND pg_catalog.regexp_replace(pg_catalog.lower(value), '[^a-z0-9]', '', 'g')
            OPERATOR(pg_catalog.<>) ALL ('{utf8,unicode,sqlascii}') THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE =
            pg_catalog.format('invalid value for parameter "client_encoding": "%s"', value);
    END IF;
    IF kept OPERATOR(pg_catalog.=) 'search_path' AND value OPERATOR(pg_catalog.~*) '(^|,)\s*"?dsqlkit(_seen|_rows|_view|"?\s*(,|$))' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = pg_catalog.format('invalid value for parameter "search_path": "%s"', value);
    END IF;
    RETURN dsqlkit.assign(coalesce(kept, set_config.name), value, is_local);
END
$$;

-- Each argument is named once: so the planner puts this in the place of every call, and never runs the built-in one.
SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.set_config(setting_name text, new_value text, is_local boolean) RETURNS text
    LANGUAGE sql VOLATILE AS $$ SELECT dsqlkit.set_config($1, $2, $3) $$;

CREATE OR REPLACE FUNCTION dsqlkit.real_setting(text, boolean) RETURNS text
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'show_config_by_name_missing_ok';

CREATE OR REPLACE FUNCTION dsqlkit.setting(setting text, missing_ok boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(
        (SELECT a.setting FROM dsqlkit.answer a WHERE a.name OPERATOR(pg_catalog.=) pg_catalog.lower($1)),
        dsqlkit.real_setting(coalesce((SELECT p.kept_as FROM dsqlkit.parameter p
            WHERE p.name OPERATOR(pg_catalog.=) pg_catalog.lower($1)), $1), $2))
$$;

CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$ SELECT dsqlkit.setting($1, false) $$;

CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text, boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$ SELECT dsqlkit.setting($1, $2) $$;

RESET allow_system_table_mods;

