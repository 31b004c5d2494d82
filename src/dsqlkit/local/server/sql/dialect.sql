-- What DSQL's dialect needs of the catalog: run with catalog.sql, by its rules.

-- What version() was recorded to answer.
SET allow_system_table_mods = on;

CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT 'PostgreSQL 16' $$;

-- DSQL has one text search configuration, simple, and four templates (live run of 2026-08).
INSERT INTO pg_catalog.pg_ts_config SELECT 3748, 'simple', 'pg_catalog'::regnamespace, 10, p.oid
    FROM pg_catalog.pg_ts_parser p WHERE p.prsname = 'default'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_config c WHERE c.oid = 3748);

DELETE FROM pg_catalog.pg_ts_config WHERE cfgname <> 'simple' AND oid < 16384;

DELETE FROM pg_catalog.pg_ts_config_map WHERE mapcfg <> 3748 AND mapcfg < 16384;

DELETE FROM pg_catalog.pg_ts_dict WHERE dicttemplate IN (SELECT oid FROM pg_catalog.pg_ts_template WHERE tmplname = 'snowball');

DELETE FROM pg_catalog.pg_ts_template WHERE tmplname = 'snowball';

-- Index definitions read USING btree_index, and a primary key has all columns of its table, those
-- beyond the key INCLUDEd (user guide, sample output).
CREATE OR REPLACE FUNCTION dsqlkit.indexdef(oid, integer, boolean) RETURNS text
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_indexdef_ext';

CREATE OR REPLACE FUNCTION dsqlkit.whole_row_indexdef(index_oid oid, pretty boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT coalesce((SELECT replace(dsqlkit.indexdef(index_oid, 0, pretty), ' USING btree (', ' USING btree_index (')
        || CASE WHEN x.indisprimary THEN coalesce((
            SELECT format(' INCLUDE (%s)', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
            FROM pg_attribute a
            WHERE a.attrelid = x.indrelid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attnum <> ALL (x.indkey::int2[])
            HAVING count(*) > 0), '') ELSE '' END
    FROM pg_index x WHERE x.indexrelid = index_oid), (SELECT c.definition FROM dsqlkit.coming c WHERE c.oid = index_oid))
$$;

-- Of a primary key's index, a column beyond its key.
CREATE OR REPLACE FUNCTION dsqlkit.included_column(index_oid oid, column_number integer) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT quote_ident(a.attname) FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid
    WHERE x.indexrelid = index_oid AND x.indisprimary AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attnum <> ALL (x.indkey::int2[])
    ORDER BY a.attnum OFFSET greatest(column_number - 1 - (SELECT indnatts FROM pg_index WHERE indexrelid = index_oid), 0) LIMIT 1
$$;

-- PostgreSQL's functions are replaced by ones of a form that its planner puts in their callers' place:
-- it would otherwise run the built-in ones.
CREATE OR REPLACE FUNCTION dsqlkit.column_or_indexdef(index_oid oid, column_number integer, pretty boolean)
    RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE column_number WHEN 0 THEN dsqlkit.whole_row_indexdef(index_oid, pretty)
        ELSE coalesce(nullif(dsqlkit.indexdef(index_oid, column_number, pretty), ''),
            dsqlkit.included_column(index_oid, column_number), '') END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.whole_row_indexdef($1, false) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(oid, integer, boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.column_or_indexdef($1, $2, $3) $$;

-- PostgreSQL's own, which is replaced below (see seen.sql).
CREATE OR REPLACE FUNCTION dsqlkit.viewdef(oid) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_viewdef';

-- Views of the catalog without what is the endpoint's own, or with other values; a view that was changed so before is changed anew.
CREATE OR REPLACE FUNCTION dsqlkit.restrict_view(view oid, columns text, condition text)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    definition text := pg_catalog.rtrim(dsqlkit.viewdef(view), ';');
    name text := (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = view);
BEGIN
    EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s AS SELECT %s FROM (%s) AS v WHERE %s', name, columns,
        coalesce(pg_catalog.substring(definition, 'FROM \( (.*)\) v\s+WHERE'), definition), condition);
END
$$;

SELECT dsqlkit.restrict_view('pg_catalog.pg_settings'::regclass, 'name, coalesce((SELECT a.setting
        FROM dsqlkit.answer a WHERE a.name = v.name), setting) AS setting, unit, category,
        short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals, boot_val,
        reset_val, sourcefile, sourceline, pending_restart', 'true');

-- Every owner is found there, as pg_dump asks for (data of earlier versions leave one out).
SELECT dsqlkit.restrict_view('pg_catalog.pg_roles'::regclass, '*', 'true');

SELECT dsqlkit.restrict_view('pg_catalog.pg_user'::regclass, '*', 'v.usesysid <> 10');

DROP VIEW IF EXISTS dsqlkit.pg_namespace, dsqlkit.pg_class;

RESET allow_system_table_mods;

-- SHOW of such a setting, reported as SHOW.
CREATE OR REPLACE FUNCTION dsqlkit.show(setting text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'SHOW';
    RETURN pg_catalog.current_setting(setting);
END
$$;

-- ALTER TABLE ... DROP COLUMN takes a primary key with it in PostgreSQL; DSQL refuses that, and DROP CONSTRAINT of a primary
-- key (live run of 2026-07).
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
            MESSAGE = CASE WHEN lost LIKE 'column %' THEN format('cannot drop primary key %s', lost)
                ELSE 'unsupported ALTER TABLE DROP CONSTRAINT statement' END;
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

