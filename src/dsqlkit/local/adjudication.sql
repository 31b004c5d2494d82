-- What the adjudicator asks of PostgreSQL, inside the transaction that it is about (see parking.py).
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

-- What this transaction did to a table: rows that it made ('a', with their content) and those of the
-- marked ones that it no longer sees ('r').
CREATE OR REPLACE FUNCTION dsqlkit.changes(relation regclass, marked tid[])
RETURNS TABLE (what text, place tid, image text) LANGUAGE plpgsql AS $$
BEGIN
    -- A row that this transaction sees and whose maker has not committed is its own.
    RETURN QUERY EXECUTE pg_catalog.format($q$
        SELECT 'a', t.ctid, (t.*)::text FROM ONLY %1$s AS t
        WHERE CASE WHEN t.xmin::text::bigint >= pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint
                   THEN pg_catalog.pg_xact_status(t.xmin::text::xid8) = 'in progress' END
        UNION ALL
        SELECT 'r', m.place, NULL FROM pg_catalog.unnest($1) AS m (place)
        WHERE NOT EXISTS (SELECT FROM ONLY %1$s AS t WHERE t.ctid = m.place)
    $q$, relation) USING marked;
END
$$;

-- Make rows again as they were: update those whose primary key was there before, insert the others.
-- The places of rows to delete are returned, as deletions come after all tables' rows are back.
CREATE OR REPLACE FUNCTION dsqlkit.put_back(relation regclass, removed tid[], images text[])
RETURNS tid[] LANGUAGE plpgsql AS $$
DECLARE
    same_key text;
    assignments text;
    old_places tid[] := '{}';
    new_images text[] := '{}';
    expected bigint;
    done bigint;
BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.format('t.%1$I = (i.r).%1$I', a.attname), ' AND ') INTO same_key
        FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])
        WHERE x.indrelid = relation AND x.indisprimary;
    SELECT pg_catalog.string_agg(pg_catalog.format('%1$I = (i.r).%1$I', a.attname), ', ') INTO assignments
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a';
    IF same_key IS NOT NULL THEN
        EXECUTE pg_catalog.format(
            'SELECT coalesce(pg_catalog.array_agg(t.ctid), ''{}''), coalesce(pg_catalog.array_agg(i.image), ''{}'')'
            ' FROM ONLY %1$s AS t JOIN (SELECT u.image, u.image::%1$s AS r FROM pg_catalog.unnest($1) AS u (image)) AS i'
            ' ON %2$s WHERE t.ctid = ANY ($2)', relation, same_key)
            INTO old_places, new_images USING images, removed;
        expected := pg_catalog.cardinality(old_places);
        IF expected > 0 THEN
            EXECUTE pg_catalog.format(
                'UPDATE ONLY %1$s AS t SET %2$s FROM (SELECT u.place, u.image::%1$s AS r'
                ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u (place, image)) AS i WHERE t.ctid = i.place',
                relation, assignments) USING old_places, new_images;
            GET DIAGNOSTICS done = ROW_COUNT;
            IF done <> expected THEN
                RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'a changed row is gone';
            END IF;
        END IF;
    END IF;
    -- A role that may only update needs no right to insert, nor to delete further down.
    IF NOT images <@ new_images THEN
        EXECUTE pg_catalog.format(
            'INSERT INTO %1$s OVERRIDING SYSTEM VALUE SELECT ((u.image::%1$s)).*'
            ' FROM pg_catalog.unnest($1) AS u (image) WHERE u.image <> ALL ($2)', relation)
            USING images, new_images;
    END IF;
    RETURN ARRAY(SELECT u.place FROM pg_catalog.unnest(removed) AS u (place) WHERE u.place <> ALL (old_places));
END
$$;

-- Delete rows again. Some may have gone already with a parent's ON DELETE CASCADE.
CREATE OR REPLACE FUNCTION dsqlkit.remove_again(relation regclass, places tid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.cardinality(places) > 0 THEN
        EXECUTE pg_catalog.format('DELETE FROM ONLY %s WHERE ctid = ANY ($1)', relation) USING places;
    END IF;
END
$$;

-- A private copy of a table as this transaction saw it, its own changes included. It hides the table
-- from unqualified names, as temporary tables do.
CREATE OR REPLACE FUNCTION dsqlkit.shadow(relation regclass, removed tid[], images text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
    target text;
    identity record;
BEGIN
    SELECT c.relname INTO name FROM pg_catalog.pg_class c WHERE c.oid = relation;
    target := pg_catalog.format('pg_temp.%I', name);
    EXECUTE pg_catalog.format('CREATE TEMPORARY TABLE %I (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)', name, relation);
    FOR identity IN
        SELECT a.attname, pg_catalog.pg_get_serial_sequence(relation::text, a.attname) AS sequence
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attidentity <> ''
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ALTER %I SET DEFAULT pg_catalog.nextval(%L)',
            target, identity.attname, identity.sequence);
    END LOOP;
    EXECUTE pg_catalog.format('INSERT INTO %s SELECT * FROM ONLY %s WHERE ctid <> ALL ($1)', target, relation)
        USING removed;
    EXECUTE pg_catalog.format('INSERT INTO %1$s SELECT ((u.image::%2$s)).* FROM pg_catalog.unnest($1) AS u (image)',
        target, relation) USING images;
END
$$;

-- Turn this transaction's row locks into writes that change nothing, so that whoever writes such a row
-- from an older snapshot finds it changed. Rows are locked under the ids that the transaction itself holds.
CREATE OR REPLACE FUNCTION dsqlkit.claim_locked(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
    own xid[] := ARRAY(
        SELECT l.transactionid FROM pg_catalog.pg_locks l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock');
BEGIN
    SELECT a.attname INTO name FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a'
        ORDER BY a.attnum LIMIT 1;
    EXECUTE pg_catalog.format('UPDATE ONLY %1$s SET %2$I = %2$I WHERE xmax = ANY ($1)', relation, name) USING own;
END
$$;

-- Whether this transaction made a row whose primary key another row that it sees has too.
CREATE OR REPLACE FUNCTION dsqlkit.has_twins(relation regclass) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    same_key text;
    found boolean := false;
    own xid[] := ARRAY(
        SELECT l.transactionid FROM pg_catalog.pg_locks l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock');
BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.format('made.%1$I = other.%1$I', a.attname), ' AND ') INTO same_key
        FROM pg_catalog.pg_index x
        JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])
        WHERE x.indrelid = relation AND x.indisprimary;
    IF same_key IS NOT NULL THEN
        EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM ONLY %1$s AS made JOIN %1$s AS other ON %2$s'
            ' WHERE made.xmin = ANY ($1) AND made.ctid <> other.ctid)', relation, same_key) INTO found USING own;
    END IF;
    RETURN found;
END
$$;

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
