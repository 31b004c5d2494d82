-- Overlays of tables (see occ/overlay_ddl.py): what they are made from, what a transaction puts in them and how it
-- takes that out again. Run with catalog.sql, by its rules.

-- What the overlay of a table was made from; it is made anew when the table is no longer that.
CREATE TABLE IF NOT EXISTS dsqlkit.overlaid (relation oid PRIMARY KEY, made_from text NOT NULL);

-- The rows of overlays, by the number of their table: a name has no room for more than itself.
CREATE SCHEMA IF NOT EXISTS dsqlkit_rows;

GRANT USAGE ON SCHEMA dsqlkit_rows TO PUBLIC;

CREATE OR REPLACE FUNCTION dsqlkit.names_of(relation oid, numbers int2[]) RETURNS json LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(numbers) WITH ORDINALITY AS u (number, place)
    JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = u.number
$$;

CREATE OR REPLACE FUNCTION dsqlkit.named(relation oid) RETURNS json LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT json_build_array(n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

CREATE OR REPLACE FUNCTION dsqlkit.references_of(condition text, relation oid) RETURNS json LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog AS $$
DECLARE
    found json;
BEGIN
    EXECUTE format($q$
        SELECT json_agg(json_build_object('name', k.conname, 'child', dsqlkit.named(k.conrelid),
            'columns', dsqlkit.names_of(k.conrelid, k.conkey), 'parent', dsqlkit.named(k.confrelid),
            'targets', dsqlkit.names_of(k.confrelid, k.confkey), 'on_delete', k.confdeltype, 'on_update', k.confupdtype,
            'deferred', k.condeferred) ORDER BY k.oid)
        FROM pg_constraint k WHERE k.contype = 'f' AND %s = $1
    $q$, condition) INTO found USING relation;
    RETURN found;
END
$$;

-- A view's query, with the names of what it reads as they lead there from the search path of all schemas: so they lead to
-- overlays where those come first.
CREATE OR REPLACE FUNCTION dsqlkit.view_text(relation oid) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM dsqlkit.assign('search_path', dsqlkit.all_schemas(''), true);
    RETURN pg_get_viewdef(relation);
END
$$;

CREATE OR REPLACE FUNCTION dsqlkit.all_schemas(before text) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT string_agg(concat(CASE WHEN before <> '' THEN quote_ident(before || nspname) || ', ' END, quote_ident(nspname)), ', ' ORDER BY oid)
    FROM pg_namespace WHERE nspname !~ '^(pg_|dsqlkit)' AND nspname NOT IN ('information_schema', 'sys')
$$;

-- All that the overlay of a table or view is made from, as occ/overlay_ddl.py reads it.
CREATE OR REPLACE FUNCTION dsqlkit.shape_of(relation oid) RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT json_build_object(
        'form', 10, -- of overlays: another one has those made anew that are there
        'relation', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'owner', c.relowner, 'acl', c.relacl,
        'definition', CASE WHEN c.relkind = 'v' THEN dsqlkit.view_text(c.oid) END,
        'columns', (SELECT json_agg(json_build_object(
                'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'acl', a.attacl, 'not_null', a.attnotnull,
                'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
                'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END,
                'identity', a.attidentity, 'sequence', CASE WHEN a.attidentity <> '' THEN pg_get_serial_sequence(c.oid::regclass::text, a.attname) END)
                ORDER BY a.attnum)
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'checks', (SELECT json_agg(pg_get_constraintdef(k.oid) ORDER BY k.oid) FROM pg_constraint k
            WHERE k.conrelid = c.oid AND k.contype = 'c'),
        'constraints', (SELECT json_agg(json_build_array(k.conname, k.contype, dsqlkit.names_of(c.oid, k.conkey)) ORDER BY k.oid)
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u')),
        'keys', (SELECT json_agg(json_build_object(
                'name', i.relname, 'primary', x.indisprimary, 'nulls_equal', x.indnullsnotdistinct,
                'condition', pg_get_expr(x.indpred, x.indrelid),
                'columns', (SELECT json_agg(dsqlkit.indexdef(x.indexrelid, k, true) ORDER BY k)
                            FROM generate_series(1, x.indnkeyatts) AS k))
                ORDER BY x.indisprimary DESC, i.relname)
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            WHERE x.indrelid = c.oid AND x.indisunique AND x.indisready),
        'references', dsqlkit.references_of('k.conrelid', c.oid),
        'referenced', dsqlkit.references_of('k.confrelid', c.oid))::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

-- How many views stand between a relation and its tables: 0 for a table.
CREATE OR REPLACE FUNCTION dsqlkit.height(relation oid) RETURNS int LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH RECURSIVE below (relation, height) AS (
        SELECT height.relation, 0
        UNION
        SELECT d.refobjid, b.height + 1
        FROM below b JOIN pg_rewrite r ON r.ev_class = b.relation JOIN pg_depend d ON d.objid = r.oid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> b.relation
    )
    SELECT max(b.height) FROM below b
$$;

-- What a view reads, itself and the views between included; of a table itself alone.
CREATE OR REPLACE FUNCTION dsqlkit.read_by(relation oid) RETURNS SETOF oid LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH RECURSIVE below (relation) AS (
        SELECT read_by.relation
        UNION
        SELECT d.refobjid FROM below b JOIN pg_rewrite r ON r.ev_class = b.relation JOIN pg_depend d ON d.objid = r.oid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    )
    SELECT b.relation FROM below b
$$;

-- These tables and views, and all that a statement at one of them reaches, each view after what it reads; with the shape of
-- those whose overlay is missing or of another shape. A view's overlay reads other overlays: it is made anew with those, and
-- not with others, as a transaction may be at work there.
CREATE OR REPLACE FUNCTION dsqlkit.to_lay_over(wanted oid[]) RETURNS TABLE (relation oid, schema_name name, name name, shape text)
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RETURN QUERY WITH every AS (
        SELECT r.relation, n.nspname, c.relname, s.shape, o.relation IS NULL AS is_missing
        FROM dsqlkit.reached(wanted) AS r (relation)
        JOIN pg_class c ON c.oid = r.relation JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL dsqlkit.shape_of(r.relation) AS s (shape)
        LEFT JOIN dsqlkit.overlaid o ON o.relation = r.relation AND o.made_from = md5(s.shape)
            AND to_regclass(format('%I.%I', 'dsqlkit_view_' || n.nspname, c.relname)) IS NOT NULL
    )
    SELECT e.relation, e.nspname, e.relname, CASE WHEN EXISTS (
            SELECT FROM every m WHERE m.is_missing AND m.relation IN (SELECT dsqlkit.read_by(e.relation))
        ) THEN e.shape END
    FROM every e ORDER BY dsqlkit.height(e.relation), e.relation;
END
$$;

-- An overlay that was made: it belongs to the owner of its table and allows each role what the table does. What it
-- depends on may be dropped as if it were not there: it is made anew, or never used again.
CREATE OR REPLACE FUNCTION dsqlkit.overlay_made(made oid, shape text, parts regclass[], view regclass) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    UPDATE pg_class t SET relowner = c.relowner, relacl = c.relacl FROM pg_class c WHERE c.oid = made AND t.oid = ANY (parts || view);
    UPDATE pg_attribute t SET attacl = a.attacl FROM pg_attribute a
        WHERE a.attrelid = made AND a.attacl IS NOT NULL AND a.attname = t.attname AND t.attrelid = view;
    WITH RECURSIVE own (classid, objid) AS (
        SELECT 'pg_class'::regclass::oid, u.part::oid FROM unnest(parts || view) AS u (part)
        UNION
        SELECT d.classid, d.objid FROM own o JOIN pg_depend d ON (d.refclassid, d.refobjid) = (o.classid, o.objid)
            WHERE d.deptype IN ('a', 'i')
    )
    DELETE FROM pg_depend d USING own o WHERE (d.classid, d.objid) = (o.classid, o.objid)
        AND d.refclassid <> 'pg_namespace'::regclass AND (d.refclassid, d.refobjid) NOT IN (SELECT x.classid, x.objid FROM own x);
    DELETE FROM pg_shdepend d WHERE d.classid = 'pg_class'::regclass AND d.objid = ANY (parts || view)
        AND d.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database());
    UPDATE pg_attribute t SET attgenerated = a.attgenerated FROM pg_attribute a
        WHERE a.attrelid = made AND a.attgenerated <> '' AND a.attname = t.attname AND t.attrelid = view;
    PERFORM dsqlkit.claim_identities(made, view);
    PERFORM dsqlkit.claim_keys(made, view);
    INSERT INTO dsqlkit.overlaid VALUES (made, md5(shape)) ON CONFLICT (relation) DO UPDATE SET made_from = excluded.made_from;
END
$$;

-- Have a view's catalog say that its columns are identities as those of a table, so that PostgreSQL takes and refuses values
-- for them as there. It draws from a sequence of the view's own, so that dropping the view drops no other; what it draws is
-- replaced by the overlay's trigger.
CREATE OR REPLACE FUNCTION dsqlkit.claim_identities(of_table oid, view regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    its record;
    sequence text;
BEGIN
    FOR its IN SELECT t.attnum, a.attidentity FROM pg_attribute a JOIN pg_attribute t ON t.attrelid = view AND t.attname = a.attname
        WHERE a.attrelid = of_table AND a.attidentity <> ''
    LOOP
        sequence := dsqlkit.overlay_part(view, format(' drawn %s', its.attnum));
        EXECUTE format('CREATE UNLOGGED SEQUENCE %s MINVALUE %s MAXVALUE %s CYCLE', sequence, -9223372036854775808, dsqlkit.last_drawn());
        INSERT INTO pg_depend VALUES ('pg_class'::regclass, sequence::regclass, 0, 'pg_class'::regclass, view, its.attnum, 'i');
        UPDATE pg_attribute t SET attidentity = its.attidentity WHERE t.attrelid = view AND t.attnum = its.attnum;
    END LOOP;
END
$$;

-- The last number that stands at an overlay for one that is still to be drawn.
CREATE OR REPLACE FUNCTION dsqlkit.last_drawn() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT -9223372036854000000
$$;

-- Have a view's catalog say that it has the keys of a table, so that PostgreSQL takes what it takes only where it knows of
-- them: GROUP BY a primary key with other columns beside it, in a view of a view too, and ON CONFLICT ON CONSTRAINT.
CREATE OR REPLACE FUNCTION dsqlkit.claim_keys(of_table oid, view regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    claimed pg_constraint;
BEGIN
    FOR claimed IN SELECT k.* FROM pg_constraint k WHERE k.conrelid = of_table AND k.contype IN ('p', 'u') LOOP
        claimed.conkey := ARRAY(SELECT its.attnum FROM unnest(claimed.conkey) WITH ORDINALITY AS u (number, place)
            JOIN pg_attribute a ON a.attrelid = of_table AND a.attnum = u.number
            JOIN pg_attribute its ON its.attrelid = view AND its.attname = a.attname ORDER BY u.place);
        claimed.oid := pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index');
        claimed.connamespace := (SELECT c.relnamespace FROM pg_class c WHERE c.oid = view);
        claimed.conrelid := view;
        claimed.conindid := 0;
        INSERT INTO pg_constraint SELECT claimed.*;
        -- It goes with the view.
        INSERT INTO pg_depend VALUES ('pg_constraint'::regclass, claimed.oid, 0, 'pg_class'::regclass, view, 0, 'a');
    END LOOP;
END
$$;

-- A part of a table's overlay, as SQL writes its name.
CREATE OR REPLACE FUNCTION dsqlkit.overlay_part(relation oid, suffix text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT format('dsqlkit_rows.%I', relation || suffix)
$$;

-- An overlay goes with its table.
CREATE OR REPLACE FUNCTION dsqlkit.drop_overlays() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog SET client_min_messages = 'warning' AS $$
DECLARE
    gone record;
    part text;
BEGIN
    FOR gone IN
        SELECT d.object_type, d.schema_name, d.object_name, d.objid FROM pg_event_trigger_dropped_objects() d
        WHERE d.object_type IN ('table', 'view', 'schema') AND coalesce(d.schema_name, d.object_name) !~ '^(pg_|dsqlkit)'
    LOOP
        IF gone.object_type = 'schema' THEN
            IF to_regnamespace(quote_ident('dsqlkit_view_' || gone.object_name)) IS NOT NULL THEN
                EXECUTE format('DROP SCHEMA %I CASCADE', 'dsqlkit_view_' || gone.object_name);
            END IF;
            CONTINUE;
        END IF;
        IF to_regclass(format('%I.%I', 'dsqlkit_view_' || gone.schema_name, gone.object_name)) IS NOT NULL THEN
            EXECUTE format('DROP VIEW %I.%I CASCADE', 'dsqlkit_view_' || gone.schema_name, gone.object_name);
        END IF;
        IF to_regclass(dsqlkit.overlay_part(gone.objid, '')) IS NOT NULL THEN
            -- What is due has rows of the first. The view may have a name that the table had.
            FOREACH part IN ARRAY ARRAY[' due', '', ' hidden'] LOOP
                IF to_regclass(dsqlkit.overlay_part(gone.objid, part)) IS NOT NULL THEN
                    EXECUTE format('DROP TABLE %s CASCADE', dsqlkit.overlay_part(gone.objid, part));
                END IF;
            END LOOP;
            FOREACH part IN ARRAY ARRAY[' find', ' write', ' settle', ' upsert', ' upsert row'] LOOP
                IF to_regproc(dsqlkit.overlay_part(gone.objid, part)) IS NOT NULL THEN
                    EXECUTE format('DROP FUNCTION %s()', dsqlkit.overlay_part(gone.objid, part));
                END IF;
            END LOOP;
        END IF;
    END LOOP;
END
$$;

DROP EVENT TRIGGER IF EXISTS drop_overlays;

CREATE EVENT TRIGGER drop_overlays ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP SCHEMA')
    EXECUTE FUNCTION dsqlkit.drop_overlays();

-- A search path on which the names of tables lead to their overlays.
CREATE OR REPLACE FUNCTION dsqlkit.to_overlays() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN dsqlkit.assign('search_path', pg_catalog.string_agg(pg_catalog.format('%I, %I', 'dsqlkit_view_' || s, s), ', ' ORDER BY place), true)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS u (s, place) WHERE s !~ '^dsqlkit_view_';
END
$$;

-- Put into a table's overlay what a transaction did: the places of rows that it removed, the content of those it made.
CREATE OR REPLACE FUNCTION dsqlkit.lay_over(key text, relation regclass, removed tid[], images text[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
BEGIN
    PERFORM dsqlkit.admit(key);
    EXECUTE format('INSERT INTO %s SELECT pg_catalog.unnest($1)', dsqlkit.overlay_part(relation, ' hidden')) USING removed;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %3$s FROM (SELECT u.image::%4$s AS r FROM pg_catalog.unnest($1) AS u (image)) AS i',
        dsqlkit.overlay_part(relation, ''), dsqlkit.columns_of(relation, ''), dsqlkit.columns_of(relation, '(i.r).'), relation)
        USING images;
END
$$;

-- The rows that an overlay removed from its table and has another version of: their places, and those of the new versions,
-- which have the same primary key, or the same of another key to which foreign keys lead. For these the row is still there, so
-- that no action of theirs is due. In all, or where it is not updated in those that keep each such key. Where a row is gone
-- that is still there for one foreign key, but not for another, its actions cannot be told apart: that is refused.
CREATE OR REPLACE FUNCTION dsqlkit.replaced(relation regclass, removed tid[], updated boolean, OUT places tid[], OUT made tid[])
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    rows text := dsqlkit.overlay_part(relation, '');
    keeps text := coalesce((
        SELECT string_agg(DISTINCT format('t.%1$I IS NOT DISTINCT FROM r.%1$I', a.attname), ' AND ')
        FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = ANY (k.confkey)
        WHERE k.contype = 'f' AND k.confrelid = relation), 'true');
    -- What nobody may write, no update can change.
    stays text := (SELECT string_agg(format(' AND t.%1$I = r.%1$I', a.attname), '')
        FROM pg_attribute a WHERE a.attrelid = relation AND a.attidentity = 'a');
    keys record;
    more record;
    is_left boolean;
BEGIN
    places := '{}';
    made := '{}';
    FOR keys IN
        SELECT string_agg(format('t.%1$I = r.%1$I', a.attname), ' AND ') AS same, k.place = 1 AS is_primary
        FROM (
            SELECT 1 AS place, x.indkey::int2[] AS columns, x.indnkeyatts AS number FROM pg_index x WHERE x.indrelid = relation AND x.indisprimary
            UNION ALL
            (SELECT row_number() OVER () + 1, d.confkey, cardinality(d.confkey) FROM (
                SELECT DISTINCT f.confkey FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = relation) AS d)
        ) AS k, LATERAL unnest(k.columns) WITH ORDINALITY AS u (number, place)
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = u.number
        WHERE u.place <= k.number GROUP BY k.place ORDER BY k.place
    LOOP
        EXECUTE concat(format('SELECT coalesce(array_agg(t.ctid), ''{}'') AS places, coalesce(array_agg(r.ctid), ''{}'') AS made'
            ' FROM ONLY %s AS t JOIN %s AS r ON %s WHERE t.ctid = ANY ($1) AND t.ctid <> ALL ($2) AND r.ctid <> ALL ($3)',
            relation, rows, keys.same), stays, CASE WHEN NOT (keys.is_primary AND updated) THEN ' AND ' || keeps END)
            INTO more USING removed, places, made;
        places := places || more.places;
        made := made || more.made;
    END LOOP;
    FOR keys IN
        SELECT string_agg(format('t.%1$I = r.%1$I', a.attname), ' AND ') AS same
        FROM (SELECT DISTINCT f.confkey FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = relation) AS k
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = ANY (k.confkey) GROUP BY k.confkey
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s AS t JOIN %s AS r ON %s'
            ' WHERE t.ctid = ANY ($1) AND t.ctid <> ALL ($2) AND r.ctid <> ALL ($3))', relation, rows, keys.same)
            INTO is_left USING removed, places, made;
        IF is_left THEN
            RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'a row is gone for some foreign keys alone';
        END IF;
    END LOOP;
END
$$;

-- Do at a table what its overlay holds: update rows that it has another version of, insert the others, and empty the
-- overlay. The places of rows to delete are returned, as deletions come after all tables' rows are back.
CREATE OR REPLACE FUNCTION dsqlkit.carry_out_one(relation regclass, deletions_first boolean) RETURNS tid[] LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    made text := dsqlkit.overlay_part(relation, '');
    hidden text := dsqlkit.overlay_part(relation, ' hidden');
    assignments text;
    removed tid[];
    replaced record;
    done bigint;
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM %s RETURNING place) SELECT coalesce(array_agg(place), ''{}'') FROM gone', hidden)
        INTO removed;
    IF deletions_first THEN
        removed := '{}'; -- they are gone already
    END IF;
    replaced := dsqlkit.replaced(relation, removed, true);
    IF cardinality(replaced.places) > 0 THEN
        SELECT string_agg(format('%1$I = r.%1$I', a.attname), ', ') INTO assignments FROM pg_attribute a
            WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a' AND a.attgenerated = '';
        EXECUTE format('UPDATE ONLY %s AS t SET %s FROM %s AS r JOIN unnest($1, $2) AS u (place, made) ON u.made = r.ctid'
            ' WHERE t.ctid = ANY ($1) AND t.ctid = u.place', relation, assignments, made) USING replaced.places, replaced.made;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> cardinality(replaced.places) THEN
            RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'a changed row is gone';
        END IF;
    END IF;
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS r WHERE r.ctid <> ALL ($1)',
        relation, dsqlkit.columns_of(relation, ''), dsqlkit.columns_of(relation, 'r.'), made) USING replaced.made;
    EXECUTE format('DELETE FROM %s', made);
    RETURN ARRAY(SELECT u.place FROM unnest(removed) AS u (place) WHERE u.place <> ALL (replaced.places));
END
$$;

-- Delete what an overlay removed from its table. Of rows that it has another version of nothing follows.
CREATE OR REPLACE FUNCTION dsqlkit.delete_removed(relation regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    removed tid[];
    replaced tid[];
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(place), ''{}'') FROM %s', dsqlkit.overlay_part(relation, ' hidden')) INTO removed;
    replaced := (dsqlkit.replaced(relation, removed, false)).places;
    PERFORM dsqlkit.assign('session_replication_role', 'replica', true);
    EXECUTE format('DELETE FROM ONLY %s WHERE ctid = ANY ($1)', relation) USING replaced;
    PERFORM dsqlkit.assign('session_replication_role', 'origin', true);
    EXECUTE format('DELETE FROM ONLY %s WHERE ctid = ANY ($1)', relation)
        USING ARRAY(SELECT u.place FROM unnest(removed) AS u (place) WHERE u.place <> ALL (replaced));
END
$$;

-- These tables and all that a statement at one of them reaches, each after those that it references as far as that is possible.
CREATE OR REPLACE FUNCTION dsqlkit.reached_in_order(wanted oid[]) RETURNS SETOF oid LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    ahead oid[] := ARRAY(SELECT r FROM dsqlkit.reached(wanted) AS r JOIN pg_class c ON c.oid = r WHERE c.relkind = 'r');
    ready oid[];
BEGIN
    WHILE cardinality(ahead) > 0 LOOP
        ready := ARRAY(SELECT a FROM unnest(ahead) AS u (a) WHERE NOT EXISTS (SELECT FROM pg_constraint k
            WHERE k.contype = 'f' AND k.conrelid = a AND k.confrelid <> a AND k.confrelid = ANY (ahead)));
        IF ready = '{}' THEN
            ready := ahead; -- they reference each other
        END IF;
        RETURN QUERY SELECT unnest(ready);
        ahead := ARRAY(SELECT a FROM unnest(ahead) AS u (a) WHERE a <> ALL (ready));
    END LOOP;
END
$$;

-- Do at the tables what this transaction did at their overlays, and empty these; the tables in order of reference. Raises 40001, 23505 or 23503 where another
-- was first. Where rows followed others under a key that is unique, or lost their parents, one order of doing it may be
-- impossible although the other is not.
CREATE OR REPLACE FUNCTION dsqlkit.carry_out(key text, reached oid[], deletions_first boolean) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    -- Those whose overlay it has written in. That may have been made after its snapshot: no query finds it.
    relations oid[] := ARRAY(
        SELECT r FROM unnest(reached) WITH ORDINALITY AS u (r, place) WHERE EXISTS (
            SELECT FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
                AND l.relation IN (to_regclass(dsqlkit.overlay_part(r, '')), to_regclass(dsqlkit.overlay_part(r, ' hidden'))))
        ORDER BY place);
    relation oid;
    deletions text[] := '{}';
BEGIN
    PERFORM dsqlkit.admit(key);
    IF deletions_first THEN
        FOREACH relation IN ARRAY ARRAY(SELECT r FROM unnest(relations) WITH ORDINALITY AS u (r, place) ORDER BY place DESC) LOOP
            PERFORM dsqlkit.delete_removed(relation);
        END LOOP;
    END IF;
    FOREACH relation IN ARRAY relations LOOP
        deletions := deletions || dsqlkit.carry_out_one(relation, deletions_first)::text;
    END LOOP;
    FOR place IN REVERSE cardinality(relations)..1 LOOP
        IF deletions[place] <> '{}' THEN
            EXECUTE format('DELETE FROM ONLY %s WHERE ctid = ANY ($1)', relations[place]::regclass) USING deletions[place]::tid[];
        END IF;
    END LOOP;
END
$$;

-- Names without the schemas of overlays on the search path, as they were before.
CREATE OR REPLACE FUNCTION dsqlkit.from_overlays() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN dsqlkit.assign('search_path', coalesce(pg_catalog.string_agg(pg_catalog.quote_ident(s), ', ' ORDER BY place), ''), true)
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS u (s, place) WHERE s !~ '^dsqlkit_view_';
END
$$;

-- The table that a name, as SQL writes it, leads to where no overlay is in the way.
CREATE OR REPLACE FUNCTION dsqlkit.behind(name text) RETURNS oid LANGUAGE plpgsql STABLE AS $$
DECLARE
    schema_name text;
    found oid;
BEGIN
    IF pg_catalog.strpos(name, '"."') > 0 THEN
        RETURN pg_catalog.to_regclass(name);
    END IF;
    FOREACH schema_name IN ARRAY pg_catalog.current_schemas(false) LOOP
        IF schema_name !~ '^dsqlkit_view_' THEN
            found := pg_catalog.to_regclass(pg_catalog.quote_ident(schema_name) || '.' || name);
            IF found IS NOT NULL THEN
                RETURN found;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- The tables that these names lead to, and whether they are named themselves, not a view of them. What is named may also be
-- part of a WITH.
CREATE OR REPLACE FUNCTION dsqlkit.tables_behind(key text, names text[]) RETURNS TABLE (relation oid, is_named boolean)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE below (relation, is_named) AS (
        SELECT dsqlkit.behind(u.name), true FROM pg_catalog.unnest(names) AS u (name)
        UNION
        SELECT d.refobjid, false FROM below b JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.relation
            JOIN pg_catalog.pg_depend d ON d.objid = r.oid AND d.refobjid <> b.relation
            WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    )
    SELECT b.relation, pg_catalog.bool_and(b.is_named) FROM below b
    JOIN pg_catalog.pg_class c ON c.oid = b.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|dsqlkit)' GROUP BY b.relation ORDER BY b.relation
$$;

-- Whether statements that call these functions, in a transaction that calls all of those, and insert into these tables, giving values for these columns, may do
-- something else when they are run again with the same snapshot. Filling a column by itself counts.
CREATE OR REPLACE FUNCTION dsqlkit.differs_again(calls text[], all_calls text[], inserts jsonb) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM pg_proc WHERE proname = ANY (calls) AND (provolatile = 'v' OR proname = 'statement_timestamp'))
        -- A query may call a function that writes.
        OR EXISTS (SELECT FROM pg_proc WHERE proname = ANY (all_calls) AND provolatile = 'v' AND oid >= 16384)
        OR EXISTS (
            SELECT FROM jsonb_to_recordset(inserts) AS i (relation oid, columns text[])
            LEFT JOIN pg_class c ON c.oid = i.relation
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                AND (a.attname <> ALL (i.columns)) IS NOT false
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE (c.relkind = 'r') IS NOT true OR a.attidentity <> '' OR EXISTS (
                SELECT FROM regexp_matches(pg_get_expr(d.adbin, d.adrelid), '([a-z0-9_]+)"?\(', 'g') AS m (found)
                JOIN pg_proc p ON p.proname = m.found[1]
                WHERE p.provolatile = 'v' OR p.proname = 'statement_timestamp'))
$$;

-- The overlay of a table is to leave out rows to insert that meet one of these keys: that of a constraint, those on just these
-- columns, or all where both are null. False, where there is no such key, the role may not read it, or it is a view.
CREATE OR REPLACE FUNCTION dsqlkit.begin_skipping(relation regclass, constraint_name text, columns text[]) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    keys text[] := ARRAY(
        SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text) AS columns, bool_and(has_column_privilege(relation, a.attnum, 'SELECT')) AS may_read
            FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])
        ) AS its
        WHERE x.indrelid = relation AND x.indisunique AND x.indisready AND (
            constraint_name IS NULL AND begin_skipping.columns IS NULL
            OR x.indisvalid AND its.may_read AND i.relname = constraint_name
                AND EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u'))
            OR x.indisvalid AND its.may_read AND x.indpred IS NULL AND x.indexprs IS NULL
                AND its.columns @> begin_skipping.columns AND its.columns <@ begin_skipping.columns));
BEGIN
    IF keys = '{}' AND NOT (constraint_name IS NULL AND columns IS NULL AND EXISTS (
        SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'r'))
    THEN
        RETURN false;
    END IF;
    PERFORM dsqlkit.assign('dsqlkit.skipping', (relation::oid::text || keys)::text, true);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION dsqlkit.end_skipping() RETURNS void LANGUAGE sql AS $$
    SELECT dsqlkit.assign('dsqlkit.skipping', '', true)
$$;

-- An INSERT ... ON CONFLICT DO UPDATE cannot go to a view. It goes to a private table with the rows that the overlay has and with those of
-- the table that it meets: a first run at the view brings these to the overlay.
CREATE OR REPLACE FUNCTION dsqlkit.begin_upsert(key text, relation regclass) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog SET client_min_messages = 'error' AS $$
DECLARE
    index record;
BEGIN
    PERFORM dsqlkit.admit(key);
    EXECUTE format('CREATE TEMPORARY TABLE "dsqlkit upsert" (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY) ON COMMIT DROP', relation);
    FOR index IN
        SELECT i.relname, regexp_replace(dsqlkit.indexdef(x.indexrelid, 0, false), ' ON .*? USING ', ' ON pg_temp."dsqlkit upsert" USING ') AS definition,
            k.contype
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u')
        WHERE x.indrelid = relation AND x.indisunique AND x.indisready
    LOOP
        EXECUTE index.definition;
        IF index.contype IS NOT NULL THEN
            EXECUTE format('ALTER TABLE pg_temp."dsqlkit upsert" ADD CONSTRAINT %1$I %2$s USING INDEX %1$I', index.relname,
                CASE index.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END);
        END IF;
    END LOOP;
    FOR index IN
        SELECT a.attname, pg_get_serial_sequence(relation::text, a.attname) AS sequence
        FROM pg_attribute a WHERE a.attrelid = relation AND a.attidentity <> ''
    LOOP
        EXECUTE format('ALTER TABLE pg_temp."dsqlkit upsert" ALTER %I SET DEFAULT dsqlkit.next_identity(%L::pg_catalog.regclass)',
            index.attname, index.sequence);
    END LOOP;
    UPDATE pg_class t SET relowner = c.relowner, relacl = c.relacl FROM pg_class c
        WHERE c.oid = relation AND t.oid = 'pg_temp."dsqlkit upsert"'::regclass;
    PERFORM dsqlkit.assign('dsqlkit.meeting', 'on', true);
END
$$;

CREATE OR REPLACE FUNCTION dsqlkit.fill_upsert(key text, relation regclass) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM dsqlkit.admit(key);
    PERFORM dsqlkit.assign('dsqlkit.meeting', '', true);
    -- They stay there, as the statement may read the overlay.
    EXECUTE format('INSERT INTO pg_temp."dsqlkit upsert" (%2$s) SELECT %2$s FROM %1$s',
        dsqlkit.overlay_part(relation, ''), dsqlkit.columns_of(relation, ''));
    IF dsqlkit.has_references(relation) THEN
        EXECUTE format('CREATE TRIGGER "dsqlkit row" AFTER INSERT OR UPDATE ON pg_temp."dsqlkit upsert" FOR EACH ROW EXECUTE FUNCTION %s()',
            dsqlkit.overlay_part(relation, ' upsert row'));
        EXECUTE format('CREATE TRIGGER "dsqlkit end" AFTER INSERT ON pg_temp."dsqlkit upsert" FOR EACH STATEMENT EXECUTE FUNCTION %s()',
            dsqlkit.overlay_part(relation, ' upsert'));
    END IF;
END
$$;

-- Whether the overlay of a table looks at foreign keys.
CREATE OR REPLACE FUNCTION dsqlkit.has_references(relation oid) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT to_regclass(dsqlkit.overlay_part(relation, ' due')) IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION dsqlkit.end_upsert(key text, relation regclass) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM dsqlkit.admit(key);
    IF NOT dsqlkit.has_references(relation) THEN -- else the statement itself has done so
        EXECUTE format('DELETE FROM %s', dsqlkit.overlay_part(relation, ''));
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM pg_temp."dsqlkit upsert"',
            dsqlkit.overlay_part(relation, ''), dsqlkit.columns_of(relation, ''));
    END IF;
    DROP TABLE pg_temp."dsqlkit upsert";
END
$$;
