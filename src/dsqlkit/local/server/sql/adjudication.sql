-- What the adjudicator asks of PostgreSQL, inside the transaction that it is about (see occ/changes.py).
-- Run when it has changed, in single-user mode, where a statement ends at a semicolon before an empty line.

-- The row versions that some transaction deleted, replaced or locked and that are not gone yet. Asked on
-- a connection outside that transaction, which itself no longer sees what it deleted.
CREATE OR REPLACE FUNCTION dsqlkit.marked(relation regclass) RETURNS tid[] LANGUAGE plpgsql AS $$
DECLARE
    found tid[];
BEGIN
    EXECUTE pg_catalog.format('SELECT pg_catalog.array_agg(ctid) FROM ONLY %s WHERE xmax <> 0', relation)
        INTO found;
    RETURN coalesce(found, '{}');
END
$$;

-- Who calls the functions below with this key is the endpoint. They may do more than the client's role may,
-- whose session they run in, so a client must not be able to call them.
CREATE TABLE IF NOT EXISTS dsqlkit.key (value text NOT NULL);

INSERT INTO dsqlkit.key SELECT pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text
    WHERE NOT EXISTS (SELECT FROM dsqlkit.key);

CREATE OR REPLACE FUNCTION dsqlkit.admit(key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dsqlkit.key k WHERE k.value = admit.key) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied';
    END IF;
END
$$;

-- The columns of a table that a row can be written with, each with a prefix.
CREATE OR REPLACE FUNCTION dsqlkit.columns_of(relation regclass, prefix text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.string_agg(prefix || pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

-- A condition that is true of a row, by this alias, that this transaction made: one that it sees and whose maker has not
-- committed. It is cheap where a row's maker is older than this transaction, as it is for almost all rows of a table.
CREATE OR REPLACE FUNCTION dsqlkit.is_own(alias text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.format(
        'CASE WHEN pg_catalog.age(%1$s.xmin) <= 0 THEN pg_catalog.pg_xact_status(%1$s.xmin::text::xid8) = ''in progress'' END', alias)
$$;

-- What this transaction did to a table: rows that it made ('a', with their content) and those of the
-- marked ones that it no longer sees ('r').
CREATE OR REPLACE FUNCTION dsqlkit.changes(key text, relation regclass, marked tid[])
RETURNS TABLE (what text, place tid, image text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
BEGIN
    PERFORM dsqlkit.admit(key);
    RETURN QUERY EXECUTE pg_catalog.format($q$
        SELECT 'a', t.ctid, (t.*)::text FROM ONLY %1$s AS t WHERE %2$s
        UNION ALL
        SELECT 'r', m.place, NULL FROM pg_catalog.unnest($1) AS m (place)
        WHERE NOT EXISTS (SELECT FROM ONLY %1$s AS t WHERE t.ctid = m.place)
    $q$, relation, dsqlkit.is_own('t')) USING marked;
END
$$;

-- It is written to for the number of a transaction's next command: how many of those so far write or lock rows.
CREATE UNLOGGED TABLE IF NOT EXISTS dsqlkit.next_command ();

-- The rows that this transaction inserted into a table, with the number of the command that did. There are so many: they are
-- looked for from the table's end on, where they mostly are, until they are found.
-- If it did more to the table they are told from others by these commands, if so many write or lock rows in all. None are found
-- where there were others, of cascades say. It leaves a row behind, which goes as the transaction lets go of all that it did.
CREATE OR REPLACE FUNCTION dsqlkit.inserted(key text, relation regclass, many bigint, alone boolean, commands bigint[], of_all bigint)
RETURNS TABLE (command bigint, image text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    until_page bigint := pg_relation_size(relation) / current_setting('block_size')::int;
    from_page bigint;
    pages bigint := 4;
    found bigint := 0;
    here bigint;
    wanted text := dsqlkit.is_own('t');
BEGIN
    PERFORM dsqlkit.admit(key);
    -- These count what the session did a moment before, too.
    IF pg_stat_get_xact_tuples_updated(relation) + pg_stat_get_xact_tuples_deleted(relation) > 0
        AND (NOT alone OR EXISTS (
            SELECT FROM pg_constraint k WHERE k.conrelid = relation AND k.contype = 'f'
                AND (k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r'))
            UNION ALL
            SELECT FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = relation))
    THEN
        INSERT INTO dsqlkit.next_command DEFAULT VALUES RETURNING cmin::text::bigint INTO here;
        IF here IS DISTINCT FROM of_all THEN
            RETURN;
        END IF;
        wanted := wanted || ' AND t.cmin::text::bigint = ANY ($3)';
    END IF;
    WHILE until_page > 0 AND found < many LOOP
        from_page := greatest(until_page - pages, 0);
        RETURN QUERY EXECUTE format('SELECT t.cmin::text::bigint, (t.*)::text FROM ONLY %s AS t WHERE %s AND t.ctid >= $1 AND t.ctid < $2',
            relation, wanted) USING format('(%s,0)', from_page)::tid, format('(%s,0)', until_page)::tid, commands;
        GET DIAGNOSTICS here = ROW_COUNT;
        found := found + here;
        until_page := from_page;
        pages := 2 * pages;
    END LOOP;
END
$$;

-- The tables and views that a statement at one of these reaches: by foreign keys, as its parents are looked
-- up and its children changed, and by views. Oldest first, so a view comes after what it reads.
CREATE OR REPLACE FUNCTION dsqlkit.reached(wanted oid[]) RETURNS SETOF oid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE reached (relation) AS (
        SELECT pg_catalog.unnest(wanted)
        UNION
        SELECT n.relation FROM reached g, LATERAL (
            SELECT confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid = g.relation
            UNION ALL
            SELECT conrelid FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = g.relation
            UNION ALL
            SELECT CASE d.refobjid WHEN g.relation THEN r.ev_class ELSE d.refobjid END
            FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
            WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND g.relation IN (r.ev_class, d.refobjid)
        ) AS n (relation)
    )
    SELECT c.oid FROM reached
    JOIN pg_catalog.pg_class c ON c.oid = reached.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'sys') AND n.nspname !~ '^dsqlkit'
    ORDER BY c.oid
$$;

-- The names, without schema, of the tables and views that changes of rows are passed on to by actions of foreign keys, and of
-- all that are linked to them; none if nothing is passed on. A change is a table and one of its columns, or no column where rows
-- are deleted. Of a view's columns nobody knows which they are in its table. Foreign keys that overlays leave alone do not count.
CREATE OR REPLACE FUNCTION dsqlkit.acted_on(tables text[], columns text[]) RETURNS name[] LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH RECURSIVE changed (relation, is_deleted, name) AS (
        SELECT c.oid, u.name = '', u.name
        FROM unnest(tables, columns) AS u (relname, name) JOIN pg_class c ON c.relname = u.relname AND c.relkind IN ('r', 'v')
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|dsqlkit)'
        UNION
        SELECT d.refobjid, b.is_deleted, NULL
        FROM changed b JOIN pg_rewrite r ON r.ev_class = b.relation JOIN pg_depend d ON d.objid = r.oid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> b.relation
    )
    SELECT CASE WHEN EXISTS (
        SELECT FROM changed b JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = b.relation
        WHERE k.conrelid <> k.confrelid AND NOT k.condeferred AND CASE WHEN b.is_deleted THEN k.confdeltype NOT IN ('a', 'r')
            ELSE k.confupdtype NOT IN ('a', 'r') AND (b.name IS NULL OR EXISTS (
                SELECT FROM pg_attribute a WHERE a.attrelid = b.relation AND a.attnum = ANY (k.confkey) AND a.attname = b.name)) END
    ) THEN ARRAY(SELECT c.relname FROM dsqlkit.reached(ARRAY(SELECT b.relation FROM changed b)) AS r JOIN pg_class c ON c.oid = r)
    ELSE '{}' END
$$;

-- The next value of an identity column, for which a role needs no right at the sequence.
CREATE OR REPLACE FUNCTION dsqlkit.next_identity(sequence regclass) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = sequence AND d.deptype = 'i') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied';
    END IF;
    RETURN nextval(sequence);
END
$$;

-- Turn this transaction's row locks into writes that change nothing, so that whoever writes such a row
-- from an older snapshot finds it changed. Rows are locked under the ids that the transaction itself holds. They are among
-- those at these places; where it is null, anywhere in the table.
CREATE OR REPLACE FUNCTION dsqlkit.claim_locked(key text, relation regclass, places tid[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text;
    own xid[] := ARRAY(
        SELECT l.transactionid FROM pg_catalog.pg_locks l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock');
BEGIN
    PERFORM dsqlkit.admit(key);
    SELECT a.attname INTO name FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a' AND a.attgenerated = ''
        ORDER BY a.attnum LIMIT 1;
    EXECUTE pg_catalog.format('UPDATE ONLY %1$s SET %2$I = %2$I WHERE xmax = ANY ($1)', relation, name)
        || CASE WHEN places IS NULL THEN '' ELSE ' AND ctid = ANY ($2)' END USING own, places;
END
$$;

-- The primary key of a row t, as an expression; null for a table without one.
CREATE OR REPLACE FUNCTION dsqlkit.key_of(relation regclass) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.format('ROW(%s)::text', pg_catalog.string_agg(pg_catalog.format('t.%I', a.attname), ', ' ORDER BY a.attnum))
    FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])
    WHERE x.indrelid = relation AND x.indisprimary
    HAVING pg_catalog.count(*) > 0
$$;

-- Whether a row that several transactions lock, under this id for all, is locked by one of these.
CREATE OR REPLACE FUNCTION dsqlkit.is_shared(several xid, own xid[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_catalog.pg_get_multixact_members(several) m WHERE m.xid = ANY (own));
EXCEPTION WHEN OTHERS THEN
    RETURN false; -- it is an ordinary transaction's id
END
$$;

-- The keys of rows that this transaction has locked, with its own id and that of each row's maker: rows at these places;
-- where it is null, of the whole table.
CREATE OR REPLACE FUNCTION dsqlkit.shared_keys(key text, relation regclass, places tid[])
RETURNS TABLE (sharer text, maker text, row_key text, place text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    own xid[] := ARRAY(
        SELECT l.transactionid FROM pg_catalog.pg_locks l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock');
    row_key_of text := dsqlkit.key_of(relation);
BEGIN
    PERFORM dsqlkit.admit(key);
    IF row_key_of IS NOT NULL THEN
        RETURN QUERY EXECUTE pg_catalog.format(
            'SELECT pg_catalog.pg_current_xact_id()::text, t.xmin::text, %s, t.ctid::text FROM ONLY %s AS t'
            -- Rows of its own making nobody can have removed who began before its end.
            ' WHERE t.xmin <> ALL ($1) AND t.xmax <> 0 AND (t.xmax = ANY ($1) OR dsqlkit.is_shared(t.xmax, $1))', row_key_of, relation)
            || CASE WHEN places IS NULL THEN '' ELSE ' AND t.ctid = ANY ($2)' END USING own, places;
    END IF;
END
$$;

-- Whether this transaction removed a row with a key, although one that it does not see had locked that. The row was at this
-- place; while it sees it there, its key is there too.
CREATE OR REPLACE FUNCTION dsqlkit.removed_key(key text, relation regclass, sharer text, maker text, row_key text, place tid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    seen pg_snapshot := pg_catalog.pg_current_snapshot();
    found boolean;
BEGIN
    PERFORM dsqlkit.admit(key);
    IF pg_catalog.pg_visible_in_snapshot(sharer::xid8, seen) OR NOT pg_catalog.pg_visible_in_snapshot(maker::xid8, seen) THEN
        RETURN false;
    END IF;
    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM ONLY %s WHERE ctid = $1)', relation) INTO found USING place;
    IF NOT found THEN
        EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM ONLY %s AS t WHERE %s = $1)', relation, dsqlkit.key_of(relation))
            INTO found USING row_key;
    END IF;
    RETURN NOT found;
END
$$;

-- What earlier versions had.
DROP FUNCTION IF EXISTS dsqlkit.put_back(text, regclass, tid[], text[]), dsqlkit.remove_again(text, regclass, tid[]),
    dsqlkit.shadow(text, oid[], oid[], text[], text[]), dsqlkit.has_twins(text, regclass),
    dsqlkit.claim_locked(text, regclass), dsqlkit.shared_keys(text, regclass),
    dsqlkit.removed_key(text, regclass, text, text, text), dsqlkit.inserted(text, regclass, bigint, boolean);

-- A transaction that has lost: inserting here makes its COMMIT fail, with the words in the row.
CREATE UNLOGGED TABLE IF NOT EXISTS dsqlkit.loser (words text NOT NULL);

CREATE OR REPLACE FUNCTION dsqlkit.fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = NEW.words;
END
$$;

DROP TRIGGER IF EXISTS fail_commit ON dsqlkit.loser;

CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON dsqlkit.loser
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dsqlkit.fail_commit();

CREATE OR REPLACE FUNCTION dsqlkit.lose(words text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    INSERT INTO dsqlkit.loser VALUES (words)
$$;

-- Fail now, and the transaction with it.
CREATE OR REPLACE FUNCTION dsqlkit.fail(state text, words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = words;
END
$$;

-- The rows of an open cursor that are still to come.
CREATE OR REPLACE FUNCTION dsqlkit.rest_of_cursor(name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    cursor_at refcursor := name;
    found_row record;
BEGIN
    LOOP
        FETCH NEXT FROM cursor_at INTO found_row;
        EXIT WHEN NOT FOUND;
        RETURN NEXT found_row::text;
    END LOOP;
END
$$;

-- A private table with rows that were read out, in their order.
CREATE OR REPLACE FUNCTION dsqlkit.keep_rows(name text, types oid[], typmods int[], images text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    columns text;
BEGIN
    SELECT pg_catalog.string_agg(
            pg_catalog.format('c%s %s', u.place, pg_catalog.format_type(u.type, u.typmod)), ', ' ORDER BY u.place)
        INTO columns
        FROM ROWS FROM (pg_catalog.unnest(types), pg_catalog.unnest(typmods)) WITH ORDINALITY AS u (type, typmod, place);
    EXECUTE pg_catalog.format('CREATE TEMPORARY TABLE %I (%s) ON COMMIT DROP', name, columns);
    EXECUTE pg_catalog.format('INSERT INTO pg_temp.%1$I SELECT ((u.image::pg_temp.%1$I)).*'
        ' FROM pg_catalog.unnest($1) WITH ORDINALITY AS u (image, place) ORDER BY u.place', name) USING images;
END
$$;
