-- What DSQL's dialect needs of the catalog: run with catalog.sql, by its rules.

-- What version() was recorded to answer.
SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT 'PostgreSQL 16' $$;

-- DSQL has no text search configuration: to_tsvector('english', ...) was recorded to say so.
DELETE FROM pg_catalog.pg_ts_config;

-- Index definitions read USING btree_index, and a primary key has all columns of its table, those
-- beyond the key INCLUDEd (user guide, sample output).
CREATE OR REPLACE FUNCTION dsqlkit.indexdef(oid, integer, boolean) RETURNS text
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_indexdef_ext';

CREATE OR REPLACE FUNCTION dsqlkit.whole_row_indexdef(index_oid oid, pretty boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT replace(dsqlkit.indexdef(index_oid, 0, pretty), ' USING btree (', ' USING btree_index (')
        || CASE WHEN x.indisprimary THEN coalesce((
            SELECT format(' INCLUDE (%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
            FROM pg_attribute a
            WHERE a.attrelid = x.indrelid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attnum <> ALL (x.indkey::int2[])
            HAVING count(*) > 0), '') ELSE '' END
    FROM pg_index x WHERE x.indexrelid = index_oid
$$;

-- PostgreSQL's functions are replaced by ones of a form that its planner puts in their callers' place:
-- it would otherwise run the built-in ones.
CREATE OR REPLACE FUNCTION dsqlkit.column_or_indexdef(index_oid oid, column_number integer, pretty boolean)
    RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE column_number WHEN 0 THEN dsqlkit.whole_row_indexdef(index_oid, pretty)
        ELSE dsqlkit.indexdef(index_oid, column_number, pretty) END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.whole_row_indexdef($1, false) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid, integer, boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.column_or_indexdef($1, $2, $3) $$;

-- Views of the catalog without what is the endpoint's own. Each is changed once.
CREATE OR REPLACE FUNCTION dsqlkit.restrict_view(view oid, columns text, condition text)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    definition text := pg_catalog.rtrim(pg_catalog.pg_get_viewdef(view), ';');
    name text := (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = view);
BEGIN
    IF pg_catalog.strpos(definition, 'dsqlkit') = 0 THEN
        EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s AS SELECT %s FROM (%s) AS v WHERE %s',
            name, columns, definition, condition);
    END IF;
END
$$;

SELECT dsqlkit.restrict_view('pg_catalog.pg_settings'::regclass, 'name, coalesce((SELECT a.setting
        FROM dsqlkit.answer a WHERE a.name = v.name), setting) AS setting, unit, category,
        short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals, boot_val,
        reset_val, sourcefile, sourceline, pending_restart', 'true');

SELECT dsqlkit.restrict_view(found.view, '*', found.name || $$ IS DISTINCT FROM 'dsqlkit'$$)
FROM (SELECT DISTINCT ON (c.oid) c.oid AS view, a.attname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'v' AND (
        c.relnamespace = 'information_schema'::regnamespace AND a.attname IN (
            'constraint_schema', 'routine_schema', 'schema_name', 'specific_schema', 'table_schema',
            'view_schema')
        OR c.relnamespace = 'pg_catalog'::regnamespace AND (
            c.relname IN ('pg_indexes', 'pg_stats', 'pg_tables', 'pg_views')
                AND a.attname = 'schemaname'
            OR c.relname = 'pg_roles' AND a.attname = 'rolname'
            OR c.relname = 'pg_user' AND a.attname = 'usename'))
    ORDER BY c.oid, a.attname = 'table_schema' DESC, a.attnum) AS found;

-- The same for two relations, which the endpoint names in place of PostgreSQL's.
CREATE OR REPLACE VIEW dsqlkit.pg_namespace AS
    SELECT * FROM pg_catalog.pg_namespace WHERE nspname <> 'dsqlkit';

CREATE OR REPLACE VIEW dsqlkit.pg_class AS
    SELECT c.* FROM pg_catalog.pg_class c WHERE c.relnamespace <> 'dsqlkit'::regnamespace;

GRANT SELECT ON dsqlkit.pg_namespace, dsqlkit.pg_class TO PUBLIC;

RESET allow_system_table_mods;

CREATE OR REPLACE FUNCTION sys.dsql_major_version() RETURNS integer LANGUAGE sql IMMUTABLE
    AS $$ SELECT 1 $$;

-- SHOW of such a setting, reported as SHOW.
CREATE OR REPLACE FUNCTION dsqlkit.show(setting text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'SHOW';
    RETURN pg_catalog.current_setting(setting);
END
$$;

-- ALTER TABLE ... DROP COLUMN takes a primary key with it in PostgreSQL; DSQL refuses that. DROP CONSTRAINT
-- of a primary key, by which DSQL stores its table, was not recorded; the words follow those of the column.
-- A function that is STABLE still sees in the catalog what its statement has just dropped.
CREATE OR REPLACE FUNCTION dsqlkit.refuse_key_drop() RETURNS event_trigger LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    lost text;
BEGIN
    SELECT concat_ws(' ', CASE c.object_type WHEN 'table column' THEN 'column' ELSE 'constraint' END,
            c.address_names[array_upper(c.address_names, 1)]) INTO lost
        FROM pg_event_trigger_dropped_objects() c
        JOIN pg_constraint k ON k.contype = 'p' AND (
            c.object_type = 'table column' AND k.conrelid = c.objid AND c.objsubid = ANY (k.conkey)
            OR c.object_type = 'table constraint' AND k.oid = c.objid)
        WHERE c.original LIMIT 1;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '0A000',
            MESSAGE = format('cannot drop primary key %s', lost);
    END IF;
END
$$;

DROP EVENT TRIGGER IF EXISTS refuse_key_drop;

CREATE EVENT TRIGGER refuse_key_drop ON sql_drop WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION dsqlkit.refuse_key_drop();

-- Tells the endpoint of tables that a DROP changes without naming them: of a dropped index, of what
-- goes with a schema or by CASCADE. STABLE for the same reason.
CREATE OR REPLACE FUNCTION dsqlkit.tell_dropped() RETURNS event_trigger LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    changed text;
BEGIN
    FOR changed IN
        SELECT DISTINCT CASE d.object_type WHEN 'table' THEN d.object_name
            WHEN 'index' THEN (SELECT t.relname::text FROM pg_index x
                JOIN pg_class t ON t.oid = x.indrelid WHERE x.indexrelid = d.objid)
            ELSE d.address_names[2] END
        FROM pg_event_trigger_dropped_objects() d
        WHERE d.object_type IN ('table', 'index', 'table column', 'table constraint')
            AND NOT d.is_temporary
    LOOP
        IF changed IS NOT NULL THEN
            RAISE INFO USING ERRCODE = 'DSQ03', MESSAGE = changed;
        END IF;
    END LOOP;
END
$$;

DROP EVENT TRIGGER IF EXISTS tell_dropped;

CREATE EVENT TRIGGER tell_dropped ON sql_drop EXECUTE FUNCTION dsqlkit.tell_dropped();

-- An index that is still to be built is not valid.
CREATE OR REPLACE FUNCTION dsqlkit.refuse_pending_index() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    named text := substring(current_query() FROM '(?i)\susing\s+index\s+("(?:[^"]|"")+"|\w+)');
BEGIN
    IF named IS NOT NULL THEN
        named := CASE WHEN named LIKE '"%' THEN replace(btrim(named, '"'), '""', '"')
            ELSE lower(named) END;
        IF EXISTS (SELECT FROM dsqlkit.pending_index p
                JOIN pg_class c ON c.oid = p.target JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE p.object_name = format('%I.%I', n.nspname, named)) THEN
            RAISE EXCEPTION USING ERRCODE = '55000',
                MESSAGE = format('index "%s" is not valid', named);
        END IF;
    END IF;
END
$$;

DROP EVENT TRIGGER IF EXISTS refuse_pending_index;

CREATE EVENT TRIGGER refuse_pending_index ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION dsqlkit.refuse_pending_index();

