-- The system catalog as clients see it: as a real cluster's, and without what is the endpoint's own. The endpoint
-- names these views in place of PostgreSQL's relations (see dialect/catalog.py). Run after dialect.sql, by the rules of
-- catalog.sql.
--
-- The endpoint's own are the schemas that belong to the superuser, but for PostgreSQL's and sys, and what is in them. Clients' schemas belong
-- to clients' roles.
--
-- The views use no function of the schema dsqlkit, nor its table job: catalog.sql drops those with CASCADE when it is run over data that
-- there are, and a view of PostgreSQL's own that is built on one of these would go too.

CREATE SCHEMA IF NOT EXISTS dsqlkit_seen;

-- The same with system columns, for statements that name one.
CREATE SCHEMA IF NOT EXISTS dsqlkit_seen_whole;

-- The same for PostgreSQL's own views that show no index, and join what is in a relation with that: without indexes that are still to
-- come, and with what is in the endpoint's relations. PostgreSQL plans joins of many such views by what it expects: it knows nothing
-- of how the columns of a UNION ALL are spread, and takes a look-up for each row for dearer than all else.
CREATE SCHEMA IF NOT EXISTS dsqlkit_seen_there;

GRANT USAGE ON SCHEMA dsqlkit_seen, dsqlkit_seen_whole, dsqlkit_seen_there TO PUBLIC;

-- Makes the views of a relation of pg_catalog, called t. changed has expressions for some of its columns, each after the
-- column's name.
-- coming has, in the same way, what a row about an index is that is still to come (c), beside that of another index; an
-- index that was dropped before its build has ended is left out then.
-- there is what the view in dsqlkit_seen_there has after t, if there is to be one.
--
-- Clients join many of these views, and PostgreSQL plans that by the rows it expects of each. So conditions are such that it
-- takes nearly always for true: a number that is not 1. Of NOT EXISTS and <> ALL (ARRAY(...)) it expects next to nothing here. And
-- the condition stands around a UNION ALL, not in it: what has one of its own is read whole for each row that it is joined with.
CREATE OR REPLACE FUNCTION dsqlkit.see(relation text, condition text, changed text[] DEFAULT '{}', coming text[] DEFAULT '{}',
    there text DEFAULT NULL) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    plain text;
    columns text;
    others text;
    system_columns text := ', t.tableoid, t.xmin, t.cmin, t.xmax, t.cmax, t.ctid';
    own CONSTANT text := $q$
        (SELECT n.oid FROM pg_catalog.pg_namespace n
            WHERE n.nspowner = 10 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'sys'))$q$;
    of_index text := CASE relation WHEN 'pg_class' THEN 'oid' ELSE 'indexrelid' END;
    source text := format('pg_catalog.%I', relation);
    is_table boolean := (SELECT c.relkind = 'r' FROM pg_class c WHERE c.oid = relation::regclass);
BEGIN
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum),
            string_agg(coalesce(changed[array_position(changed, a.attname::text) + 1], format('t.%I', a.attname)) || format(' AS %I', a.attname), ', '
                ORDER BY a.attnum),
            string_agg(coalesce(coming[array_position(coming, a.attname::text) + 1], format('t.%I', a.attname)), ', ' ORDER BY a.attnum)
        INTO plain, columns, others
        FROM pg_attribute a WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    IF there IS NOT NULL THEN
        EXECUTE format('CREATE OR REPLACE VIEW dsqlkit_seen_there.%I AS SELECT %s FROM %s AS t %s', relation, columns, source, replace(there, '@own', own));
        EXECUTE format('GRANT SELECT ON dsqlkit_seen_there.%I TO PUBLIC', relation);
    END IF;
    IF coming <> '{}' THEN
        source := format('(SELECT %2$s@system FROM pg_catalog.%1$I AS t UNION ALL SELECT %3$s@system FROM pg_catalog.%1$I AS t, dsqlkit.coming AS c'
            ' WHERE t.%4$I = ''pg_catalog.pg_class_oid_index''::pg_catalog.regclass)', relation, columns, others, of_index);
        columns := plain;
        condition := condition || format(' AND t.%I <> ALL (ARRAY(SELECT d.index_oid FROM dsqlkit.dropped_build AS d'
            ' WHERE d.index_oid IS NOT NULL))', of_index);
    END IF;
    condition := replace(condition, '@own', own);
    EXECUTE format('CREATE OR REPLACE VIEW dsqlkit_seen.%I AS SELECT %s FROM %s AS t WHERE %s',
        relation, columns, replace(source, '@system', ''), condition);
    EXECUTE format('CREATE OR REPLACE VIEW dsqlkit_seen_whole.%I AS SELECT %s%s FROM %s AS t WHERE %s',
        relation, columns, CASE WHEN is_table THEN system_columns ELSE '' END, replace(source, '@system', system_columns), condition);
    EXECUTE format('GRANT SELECT ON dsqlkit_seen.%1$I, dsqlkit_seen_whole.%1$I TO PUBLIC', relation);
END
$$;

-- What is in a relation of the endpoint's.
CREATE OR REPLACE FUNCTION dsqlkit.see_of_relation(
    relation text, of_column text, changed text[] DEFAULT '{}', coming text[] DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    SELECT dsqlkit.see(relation, pg_catalog.format('EXISTS (SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = t.%I AND c.relnamespace IN @own)::pg_catalog.int4 <> 1', of_column), changed, coming, '')
$$;

-- Columns of the catalog may be of the type anyarray.
SET allow_system_table_mods = on;

-- PostgreSQL takes all schemas for as large as each other, and tables of one with a column of one value for less than one. Then it joins
-- all others anew for each of them. So it is to expect a hundred where there is one.
SELECT dsqlkit.see('pg_namespace', c.condition, there => $$ , pg_catalog.jsonb_object_keys('{"": 0}') WHERE $$ || c.condition)
FROM (VALUES ($$ (t.nspowner <> 10 OR t.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'sys')) $$)) AS c (condition);

SELECT dsqlkit.see(relation, pg_catalog.format('(t.%I IN @own)::pg_catalog.int4 <> 1', of_column))
FROM (VALUES ('pg_type', 'typnamespace'), ('pg_constraint', 'connamespace'), ('pg_statistic_ext', 'stxnamespace'))
    AS of_schema (relation, of_column);

SELECT dsqlkit.see_of_relation(relation, of_column)
FROM (VALUES ('pg_attrdef', 'adrelid'), ('pg_inherits', 'inhrelid'), ('pg_rewrite', 'ev_class'), ('pg_sequence', 'seqrelid'))
    AS of_relation (relation, of_column);

-- Indexes are stored by btree_index (10003, by AWS's skill), tables by btree_table, whose oid was not recorded.
-- Foreign keys have triggers; others are the endpoint's. AWS IAM GRANT gives privileges on a view of sys for its own ends.
SELECT dsqlkit.see('pg_class', '(t.relnamespace IN @own)::pg_catalog.int4 <> 1', ARRAY['relam', $e$ CASE t.relam WHEN 403 THEN 10003::pg_catalog.oid ELSE t.relam END $e$,
    'relhastriggers', $e$ (t.relhastriggers AND EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid AND g.tgconstraint <> 0)) $e$,
    'relacl', $e$ CASE WHEN t.relkind = 'v' THEN coalesce((SELECT i.initprivs FROM pg_catalog.pg_init_privs i
        WHERE i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objoid = t.oid AND i.privtype = 'e'), t.relacl) ELSE t.relacl END $e$],
    ARRAY['oid', 'c.oid', 'relname', 'c.name', 'relnamespace', 'c.namespace', 'relowner', 'c.owner', 'relam', '10003::pg_catalog.oid',
        'relfilenode', '0::pg_catalog.oid', 'relpages', '0', 'reltuples', '0::pg_catalog.float4',
        'relnatts', 'pg_catalog.cardinality(c.key_columns || c.included)::pg_catalog.int2'], 'WHERE (t.relnamespace IN @own)::pg_catalog.int4 <> 1');

SELECT dsqlkit.see('pg_am', 't.oid IN (2, 403)', ARRAY['oid', $e$ CASE t.oid WHEN 403 THEN 10003::pg_catalog.oid ELSE t.oid END $e$,
    'amname', $e$ CASE t.oid WHEN 403 THEN 'btree_index' ELSE 'btree_table' END::pg_catalog.name $e$]);

SELECT dsqlkit.see(relation, 'true', ARRAY[method,
    pg_catalog.format('CASE t.%1$I WHEN 403 THEN 10003::pg_catalog.oid ELSE t.%1$I END', method)])
FROM (VALUES ('pg_opclass', 'opcmethod'), ('pg_opfamily', 'opfmethod'), ('pg_amop', 'amopmethod')) AS of_method (relation, method);

-- Values that may be long are stored as they come here, for their size to be known (see limits.sql). No column of the catalog has
-- privileges of its own (see catalog.sql). A real cluster's dump, in the tests of AWS's dsql-lint, compresses json and not
-- the text of a UNIQUE; that this holds of jsonb and of a PRIMARY KEY is a guess.
SELECT dsqlkit.see_of_relation('pg_attribute', 'attrelid', ARRAY['attacl', 'CASE WHEN t.attrelid >= 16384 THEN t.attacl END',
    'attstorage', $e$ CASE WHEN t.attstorage = 'e' THEN 'x' ELSE t.attstorage END::"char" $e$,
    'attcompression', $e$ CASE WHEN t.attstorage <> 'e' AND t.atttypid NOT IN (114, 3802) THEN t.attcompression
        WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.attrelid AND c.relkind = 'r')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conrelid = t.attrelid AND k.contype IN ('p', 'u') AND t.attnum = ANY (k.conkey)) THEN 'l'
        ELSE '' END::"char" $e$]);

-- A primary key's index has all columns of its table.
SELECT dsqlkit.see_of_relation('pg_index', 'indrelid', ARRAY['indnatts', $e$ CASE WHEN t.indisprimary THEN (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.indrelid AND a.attnum > 0 AND NOT a.attisdropped) ELSE t.indnatts END::pg_catalog.int2 $e$,
    'indkey', $e$ CASE WHEN t.indisprimary THEN (SELECT pg_catalog.concat_ws(' ', t.indkey::pg_catalog.text,
            pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ' ORDER BY a.attnum))::pg_catalog.int2vector
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.indrelid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attnum <> ALL (t.indkey::pg_catalog.int2[])) ELSE t.indkey END $e$],
    ARRAY['indexrelid', 'c.oid', 'indrelid', 'c.target', 'indnatts', 'pg_catalog.cardinality(c.key_columns || c.included)::pg_catalog.int2',
        'indnkeyatts', 'pg_catalog.cardinality(c.key_columns)::pg_catalog.int2', 'indisunique', 'c.is_unique',
        'indisprimary', 'false', 'indisvalid', 'false', 'indisready', 'false', 'indisclustered', 'false', 'indisreplident', 'false',
        'indkey', $e$ pg_catalog.array_to_string(c.key_columns || c.included, ' ')::pg_catalog.int2vector $e$]);

-- PostgreSQL's functions that the endpoint has replaced (see dialect.sql) look as before, and those of sys as what is built into a
-- server too: what a real cluster shows of them was not recorded.
SELECT dsqlkit.see('pg_proc', '(t.pronamespace IN @own)::pg_catalog.int4 <> 1', ARRAY['prolang', pg_catalog.format('CASE WHEN %s THEN 12::pg_catalog.oid ELSE t.prolang END', built_in),
    'prosrc', pg_catalog.format($e$ CASE WHEN %s THEN t.proname::pg_catalog.text
        ELSE pg_catalog.regexp_replace(t.prosrc, '\mdsqlkit\w*\.', '', 'g') END $e$, built_in)])
FROM (VALUES ($$ (t.pronamespace = 'sys'::pg_catalog.regnamespace OR t.pronamespace = 11 AND t.prosrc ~ 'dsqlkit') $$)) AS b (built_in);

SELECT dsqlkit.see('pg_trigger', $$ t.tgconstraint <> 0 AND EXISTS (SELECT FROM pg_catalog.pg_class c
    WHERE c.oid = t.tgrelid AND c.relnamespace IN @own)::pg_catalog.int4 <> 1 $$);

SELECT dsqlkit.see('pg_event_trigger', 'false');

-- What an ANALYZE of everything has found in the catalog itself.
SELECT dsqlkit.see('pg_stats', $$ EXISTS (SELECT FROM pg_catalog.pg_namespace s WHERE s.nspname = t.schemaname AND s.oid IN @own)::pg_catalog.int4 <> 1
    AND (t.schemaname <> 'pg_catalog' OR pg_catalog.concat(t.most_common_vals, t.most_common_elems, t.histogram_bounds) !~ 'dsqlkit') $$);

-- Every object of the endpoint's, as pg_depend names it. Each relation is read once: what is asked of pg_depend waits for this.
CREATE OR REPLACE VIEW dsqlkit.own_object AS
    WITH own_schema AS MATERIALIZED (SELECT n.oid FROM pg_catalog.pg_namespace n
        WHERE n.nspowner = 10 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'sys')),
    own_class AS MATERIALIZED (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = ANY (ARRAY(SELECT s.oid FROM own_schema s)))
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid AS classid, oid AS objid FROM own_schema
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid FROM own_class
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
        FROM pg_catalog.pg_type t WHERE t.typnamespace = ANY (ARRAY(SELECT s.oid FROM own_schema s))
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
        FROM pg_catalog.pg_proc p WHERE p.pronamespace = ANY (ARRAY(SELECT s.oid FROM own_schema s))
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
        FROM pg_catalog.pg_constraint k WHERE k.connamespace = ANY (ARRAY(SELECT s.oid FROM own_schema s))
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid
        FROM pg_catalog.pg_rewrite r JOIN own_class c ON c.oid = r.ev_class
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid
        FROM pg_catalog.pg_attrdef d JOIN own_class c ON c.oid = d.adrelid
    UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid
        FROM pg_catalog.pg_trigger g WHERE g.tgconstraint = 0
    UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, e.oid FROM pg_catalog.pg_event_trigger e;

SELECT dsqlkit.see('pg_depend', $$ ((t.classid, t.objid) IN (SELECT o.classid, o.objid FROM dsqlkit.own_object o))::pg_catalog.int4 <> 1
    AND ((t.refclassid, t.refobjid) IN (SELECT o.classid, o.objid FROM dsqlkit.own_object o))::pg_catalog.int4 <> 1 $$, there => '');

SELECT dsqlkit.see('pg_shdepend', $$ t.refobjid <> 10
    AND ((t.classid, t.objid) IN (SELECT o.classid, o.objid FROM dsqlkit.own_object o))::pg_catalog.int4 <> 1 $$);

SELECT dsqlkit.see('pg_locks', $$ t.locktype <> 'advisory' AND EXISTS (SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = t.relation AND c.relnamespace IN @own)::pg_catalog.int4 <> 1
    AND EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(t.pid) s WHERE s.usesysid <> 10) $$);

SELECT dsqlkit.see('pg_stat_activity', $$ t.usesysid <> 10 AND t.backend_type = 'client backend' $$,
    ARRAY['query', $e$ pg_catalog.regexp_replace(t.query, '\mdsqlkit\w*\.', '', 'g') $e$]);

-- Every client's connection is TLS, which ends before this server: what it was agreed upon there is not known here.
SELECT dsqlkit.see('pg_stat_ssl', $$ EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(t.pid) s WHERE s.usesysid <> 10) $$,
    ARRAY['ssl', 'true']);

SELECT dsqlkit.see(relation, $$ t.name !~ '^dsqlkit' $$,
    ARRAY['statement', $e$ pg_catalog.regexp_replace(t.statement, '\mdsqlkit\w*\.', '', 'g') $e$])
FROM (VALUES ('pg_prepared_statements'), ('pg_cursors')) AS of_session (relation);

SELECT dsqlkit.see(relation, 'false')
FROM (VALUES ('pg_available_extensions'), ('pg_available_extension_versions')) AS nothing (relation);

-- Views of PostgreSQL's over these relations are made anew over the views.
CREATE OR REPLACE FUNCTION dsqlkit.look_through(view oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    definition text;
    found text;
    is_apart boolean;
    made record;
BEGIN
    PERFORM dsqlkit.assign('search_path', 'pg_catalog, information_schema', true);
    definition := pg_catalog.rtrim(dsqlkit.viewdef(view), ';');
    IF definition ~ '''dsqlkit''' THEN -- as earlier versions had it
        definition := coalesce(pg_catalog.substring(definition, 'FROM \( (.*)\) v\s+WHERE'), definition);
    END IF;
    -- What functions of information_schema make of whole rows, which are of another type here.
    definition := pg_catalog.regexp_replace(definition, '_pg_truetypid\((\w+)\.\*, (\w+)\.\*\)',
        '(CASE WHEN \2.typtype = ''d'' THEN \2.typbasetype ELSE \1.atttypid END)', 'g');
    definition := pg_catalog.regexp_replace(definition, '_pg_truetypmod\((\w+)\.\*, (\w+)\.\*\)',
        '(CASE WHEN \2.typtype = ''d'' THEN \2.typtypmod ELSE \1.atttypmod END)', 'g');
    SELECT n.nspname, c.relname, c.reloptions INTO made
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = view;
    -- What is made over views of its own was not in earlier versions.
    found := definition;
    is_apart := definition ~ '\mpg_(class|type|proc|constraint)\M' AND NOT (made.nspname = 'pg_catalog' AND definition ~ '\mpg_index\M');
    IF is_apart THEN
        definition := pg_catalog.regexp_replace(definition, '\mdsqlkit_seen\.', '', 'g');
    END IF;
    -- Constants are the relations that pg_depend names (earlier versions had them be the views).
    definition := pg_catalog.regexp_replace(definition, '''(?:dsqlkit_seen(?:_whole)?\.)?(pg_\w+)''::regclass', '''pg_catalog.\1''::regclass', 'g');
    PERFORM dsqlkit.assign('search_path', CASE WHEN definition ~ '\mtableoid\M' THEN 'dsqlkit_seen_whole'
            WHEN is_apart THEN 'dsqlkit_seen_there, dsqlkit_seen' ELSE 'dsqlkit_seen' END
        || ', pg_catalog, information_schema', true);
    IF definition !~ '\mdsqlkit_seen' OR found ~ '''dsqlkit_seen' OR is_apart AND found ~ '\mdsqlkit_seen\.' THEN
        EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %I.%I %s AS %s', made.nspname, made.relname,
            'WITH (' || pg_catalog.array_to_string(made.reloptions, ', ') || ')', definition);
    END IF;
    PERFORM dsqlkit.assign('search_path', 'pg_catalog', true);
END
$$;

SELECT dsqlkit.look_through(c.oid) FROM pg_catalog.pg_class c, (
    SELECT pg_catalog.format('\m(%s|dsqlkit)\M', pg_catalog.string_agg(s.relname, '|')) FROM pg_catalog.pg_class s
        WHERE s.relnamespace = 'dsqlkit_seen'::regnamespace) AS named (any_of_them)
WHERE c.relkind = 'v' AND c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND c.relname NOT IN (SELECT s.relname FROM pg_catalog.pg_class s WHERE s.relnamespace = 'dsqlkit_seen'::regnamespace)
    AND c.relname NOT IN ('pg_roles', 'pg_user', 'pg_settings')
    AND dsqlkit.viewdef(c.oid) ~ named.any_of_them;

-- What shows a view, a function or a query as it was written names PostgreSQL's relations. PostgreSQL calls the functions
-- of its own that are replaced here only where their bodies are put in line; that of this one, a subquery, is not, so that
-- plans do not show it.
CREATE OR REPLACE FUNCTION dsqlkit.as_written(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (SELECT pg_catalog.regexp_replace(pg_catalog.regexp_replace($1, '("?)\mdsqlkit_view_', '\1', 'g'), '\mdsqlkit\w*\.', '', 'g')) $$;

CREATE OR REPLACE FUNCTION dsqlkit.viewdef(oid, boolean) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_viewdef_ext';

CREATE OR REPLACE FUNCTION dsqlkit.viewdef(oid, integer) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_viewdef_wrap';

CREATE OR REPLACE FUNCTION dsqlkit.viewdef(text) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_viewdef_name';

CREATE OR REPLACE FUNCTION dsqlkit.viewdef(text, boolean) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_viewdef_name_ext';

CREATE OR REPLACE FUNCTION dsqlkit.ruledef(oid) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_ruledef';

CREATE OR REPLACE FUNCTION dsqlkit.ruledef(oid, boolean) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_ruledef_ext';

CREATE OR REPLACE FUNCTION dsqlkit.functiondef(oid) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_functiondef';

CREATE OR REPLACE FUNCTION dsqlkit.sqlbody(oid) RETURNS text LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_function_sqlbody';

-- Of a view over a relation of the endpoint's there is nothing to show.
CREATE OR REPLACE FUNCTION dsqlkit.definition(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (SELECT CASE WHEN $1 !~ '\mdsqlkit\.' THEN dsqlkit.as_written($1) END) $$;

-- As pg_proc shows it (see above).
CREATE OR REPLACE FUNCTION dsqlkit.function_definition(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN p.pronamespace = 'sys'::pg_catalog.regnamespace OR p.pronamespace = 11 AND p.prosrc ~ 'dsqlkit'
        THEN pg_catalog.regexp_replace(pg_catalog.regexp_replace(dsqlkit.functiondef($1), '\n LANGUAGE \w+', E'\n LANGUAGE internal'),
            '\nAS \$(\w+)\$.*', pg_catalog.format(E'\nAS $\\1$%s$\\1$\n', p.proname))
        ELSE dsqlkit.as_written(dsqlkit.functiondef($1)) END
    FROM pg_catalog.pg_proc p WHERE p.oid = $1
$$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.viewdef($1)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(oid, boolean) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.viewdef($1, $2)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(oid, integer) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.viewdef($1, $2)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(text) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.viewdef($1)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_viewdef(text, boolean) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.viewdef($1, $2)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_ruledef(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.ruledef($1)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_ruledef(oid, boolean) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.definition(dsqlkit.ruledef($1, $2)) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_functiondef(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.function_definition($1) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_function_sqlbody(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.as_written(dsqlkit.sqlbody($1)) $$;

CREATE OR REPLACE FUNCTION dsqlkit.query() RETURNS text LANGUAGE internal VOLATILE PARALLEL RESTRICTED AS 'current_query';

CREATE OR REPLACE FUNCTION pg_catalog.current_query() RETURNS text LANGUAGE sql VOLATILE PARALLEL RESTRICTED
    AS $$ SELECT dsqlkit.as_written(dsqlkit.query()) $$;

-- A primary key reads with all columns too.
CREATE OR REPLACE FUNCTION dsqlkit.constraintdef(oid, boolean) RETURNS text
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'pg_get_constraintdef_ext';

CREATE OR REPLACE FUNCTION dsqlkit.whole_constraintdef(constraint_oid oid, pretty boolean) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT dsqlkit.constraintdef(constraint_oid, pretty) || coalesce((
        SELECT pg_catalog.format(' INCLUDE (%s)', pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum))
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid
        WHERE k.oid = constraint_oid AND k.contype = 'p' AND a.attnum > 0 AND NOT a.attisdropped AND a.attnum <> ALL (k.conkey)
        HAVING pg_catalog.count(*) > 0), '')
$$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.whole_constraintdef($1, false) $$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(oid, boolean) RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
    AS $$ SELECT dsqlkit.whole_constraintdef($1, $2) $$;

RESET allow_system_table_mods;

-- Most often there is nothing in these, and PostgreSQL is to plan for that: by the rows that it found on their pages. Of a table
-- without a page it expects a full one as soon as there is a row. So each keeps a page.
ALTER TABLE dsqlkit.coming_index SET (vacuum_truncate = off);

ALTER TABLE dsqlkit.dropped_build SET (vacuum_truncate = off);

INSERT INTO dsqlkit.coming_index VALUES ('', 0, '', 0, 0, 0, false, '{}', '{}', '');

DELETE FROM dsqlkit.coming_index;

INSERT INTO dsqlkit.dropped_build VALUES ('');

DELETE FROM dsqlkit.dropped_build;

VACUUM dsqlkit.coming_index, dsqlkit.dropped_build;

