-- How much a transaction may write, and a row, a value or a key may hold. Run with catalog.sql, by its rules.
-- Sources: AWS's quotas page and list of observed errors.

-- The bytes of a column as DSQL is taken to count them: uncompressed. As SQL, for a row called t.
CREATE OR REPLACE FUNCTION dsqlkit.size_of(attribute pg_catalog.pg_attribute) RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT format(CASE
        WHEN base IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype)
            THEN 'coalesce(octet_length(t.%I), 0)'
        WHEN base IN ('json'::regtype, 'jsonb'::regtype)
            THEN 'coalesce(octet_length(t.%I::text), 0)'
        ELSE 'coalesce(pg_column_size(t.%I), 0)' END, attribute.attname)
    FROM dsqlkit.declared(attribute.atttypid, -1)
$$;

-- The bytes of an index entry's columns: its own, and the primary key that it leads to.
CREATE OR REPLACE FUNCTION dsqlkit.size_of_entry(index oid, keys_only boolean) RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT concat_ws(' + ', coalesce(string_agg(dsqlkit.size_of(a), ' + '), '0'), (
        SELECT string_agg(format('coalesce(pg_column_size(%s), 0)', dsqlkit.indexdef(index, k, false)), ' + ')
            FROM pg_index e, generate_series(1, e.indnkeyatts) AS k WHERE e.indexrelid = index AND e.indkey[k - 1] = 0))
    FROM pg_index x
    LEFT JOIN pg_index p ON p.indrelid = x.indrelid AND p.indisprimary
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum > 0
        AND (a.attnum = ANY (x.indkey[0:CASE WHEN keys_only THEN x.indnkeyatts ELSE x.indnatts END - 1])
            OR a.attnum = ANY (p.indkey[0:p.indnkeyatts - 1]))
    WHERE x.indexrelid = index
$$;

-- What a row of a table weighs in a transaction, as SQL: its columns, an entry in each secondary
-- index, and 147 bytes more for each of them. That was fitted to one observation of AWS's (500 rows of
-- 9.93 MiB pass with no index); how DSQL counts was not recorded.
CREATE OR REPLACE FUNCTION dsqlkit.weight_of(relation oid) RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT concat_ws(' + ', '147',
        (SELECT string_agg(dsqlkit.size_of(a), ' + ') FROM pg_attribute a
            WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT string_agg('147 + ' || dsqlkit.size_of_entry(x.indexrelid, false), ' + ') FROM pg_index x
            WHERE x.indrelid = relation AND NOT x.indisprimary))
$$;

-- Whether a column's values may be of some size. Without a setting of its own, for it to become part of the queries that ask.
CREATE OR REPLACE FUNCTION dsqlkit.is_wide(attribute pg_catalog.pg_attribute) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT attribute.attisdropped AND attribute.attlen = -1 AND attribute.atttypid <> 'pg_catalog.numeric'::pg_catalog.regtype
        AND NOT (attribute.atttypid IN ('pg_catalog.varchar'::pg_catalog.regtype, 'pg_catalog.bpchar'::pg_catalog.regtype)
            AND attribute.atttypmod BETWEEN 5 AND 100)
$$;

-- Whether a value counts as it is stored, compressed.
CREATE OR REPLACE FUNCTION dsqlkit.is_document(attribute pg_catalog.pg_attribute) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (dsqlkit.declared(attribute.atttypid, -1)).base IN ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.jsonb'::pg_catalog.regtype)
$$;

-- A transaction that has written much: its row makes COMMIT weigh what it wrote.
CREATE UNLOGGED TABLE IF NOT EXISTS dsqlkit.heavy (id uuid PRIMARY KEY);

-- What the rows of a table weigh that this transaction made, and how many they are: those in some of its pages, or in the
-- whole of it where these are null. `oldest` is the age of the oldest transaction whose rows may not be committed yet.
CREATE OR REPLACE FUNCTION dsqlkit.weigh_own(relation regclass, pages bigint[], oldest int, OUT weight bigint, OUT many bigint)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    -- A row that this transaction sees and whose maker has not committed is its own.
    own text := format('SELECT %s AS w FROM ONLY %s AS t WHERE'
        ' CASE WHEN age(t.xmin) <= $1 THEN pg_xact_status(t.xmin::text::xid8) = ''in progress'' END',
        dsqlkit.weight_of(relation), relation);
BEGIN
    IF pages IS NOT NULL THEN  -- neighbours at once: their numbers grow as their places do
        own := format('SELECT w FROM (SELECT format(''(%%s,0)'', min(page))::tid AS first, format(''(%%s,0)'', max(page) + 1)::tid AS last'
            ' FROM (SELECT DISTINCT page, page - dense_rank() OVER (ORDER BY page) AS run FROM unnest($2) AS u (page)) AS runs'
            ' GROUP BY run) AS r, LATERAL (%s AND t.ctid >= r.first AND t.ctid < r.last OFFSET 0) AS o', own);
    END IF;
    EXECUTE format('SELECT coalesce(sum(w), 0), count(*) FROM (%s) AS own', own) INTO weight, many USING oldest, pages;
END
$$;

-- The most bytes of a column whose values are never of some size; NULL for any other.
CREATE OR REPLACE FUNCTION dsqlkit.most_of(attribute pg_catalog.pg_attribute) RETURNS int LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT CASE WHEN dsqlkit.is_wide(attribute) THEN NULL
        WHEN attribute.attlen > 0 THEN attribute.attlen
        WHEN attribute.atttypid = 'numeric'::regtype THEN 40  -- of at most 38 digits
        ELSE 4 * attribute.atttypmod END
$$;

-- The most that a row of a table weighs for which weigh_row is not called: what is compressed so well counts as stored.
CREATE OR REPLACE FUNCTION dsqlkit.most_of_light_row(relation oid) RETURNS bigint LANGUAGE sql STABLE
    SET search_path = pg_catalog AS $$
    SELECT 147 + size + (147 + 2 * size) * (SELECT count(*) FROM pg_index x WHERE x.indrelid = relation AND NOT x.indisprimary)
    FROM (SELECT CASE WHEN bool_or(dsqlkit.is_wide(a)) THEN 500 ELSE sum(dsqlkit.most_of(a)) END AS size
        FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped) AS row
$$;

CREATE OR REPLACE FUNCTION dsqlkit.weigh_transaction() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    most CONSTANT bigint := 10485760;  -- 10 MiB
    most_rows CONSTANT bigint := 3000;
    written oid[] := ARRAY(
        SELECT c.oid FROM pg_locks l
        JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
            AND c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('dsqlkit', 'sys'));
    oldest int := age(pg_snapshot_xmin(pg_current_snapshot())::xid);
    total bigint;
    many bigint;
    light bigint;
    counted bigint;
BEGIN
    DELETE FROM dsqlkit.heavy WHERE id = NEW.id;
    -- Heavy rows are where weigh_row says. Light ones are looked for in whole tables, but only where they could matter.
    SELECT coalesce(sum(w.weight), 0), coalesce(sum(w.many), 0) INTO total, many
    FROM (SELECT split_part(place, '.', 1)::oid AS relation, array_agg(split_part(place, '.', 2)::bigint) AS pages
        FROM string_to_table(trim(dsqlkit.real_setting('dsqlkit.pages', true)), ' ') AS place GROUP BY 1) AS p,
        LATERAL dsqlkit.weigh_own(p.relation, p.pages, oldest) AS w
    WHERE p.relation = ANY (written);
    -- These count what the session did a moment before, too.
    SELECT max(dsqlkit.most_of_light_row(r)), sum(pg_stat_get_xact_tuples_inserted(r) + pg_stat_get_xact_tuples_updated(r))
        INTO light, counted FROM unnest(written) AS r;
    IF total + light * greatest(least(most_rows, counted) - many, 0) > most THEN
        SELECT sum(w.weight) INTO total FROM unnest(written) AS r, LATERAL dsqlkit.weigh_own(r, NULL, oldest) AS w;
    END IF;
    IF total > most THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'transaction size limit 10mb exceeded',
            DETAIL = format('Current transaction size %smb > 10mb', ceil(total / 1048576.0));
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS weigh_transaction ON dsqlkit.heavy;

CREATE CONSTRAINT TRIGGER weigh_transaction AFTER INSERT ON dsqlkit.heavy
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dsqlkit.weigh_transaction();

-- Called for rows of some size only. Adds them up in a setting of the transaction, which ROLLBACK TO takes back, and notes
-- their pages in another; from a quarter of the limit on, as index entries may be more than the rows, COMMIT weighs.
CREATE OR REPLACE FUNCTION dsqlkit.weigh_row() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    enough CONSTANT bigint := 10 * 1024 * 1024 / 4;
    size bigint := pg_column_size(NEW.*);
    before bigint := coalesce(nullif(dsqlkit.real_setting('dsqlkit.written', true), ''), '0');
    pages text := coalesce(dsqlkit.real_setting('dsqlkit.pages', true), '');
    page text := tg_relid || '.' || split_part(ltrim(NEW.ctid::text, '('), ',', 1) || ' ';
BEGIN
    IF size > 1048576 THEN
        PERFORM dsqlkit.check_values(tg_relid, to_jsonb(NEW), NEW.ctid);
    END IF;
    PERFORM dsqlkit.assign('dsqlkit.written', (before + size)::text, true);
    IF NOT starts_with(pages, page) THEN
        PERFORM dsqlkit.assign('dsqlkit.pages', page || pages, true);
    END IF;
    IF before <= enough AND before + size > enough THEN
        INSERT INTO dsqlkit.heavy VALUES (gen_random_uuid());
    END IF;
    RETURN NULL;
END
$$;

-- A value of more than 1 MiB, and a row of more than 2 MiB. Of json and jsonb counts what is stored, which is compressed:
-- in a live run 2 MiB of one repeated letter went in, and 1.6 MiB of random text did not. A row that is handed on is not
-- compressed any more: it is read where it is stored.
CREATE OR REPLACE FUNCTION dsqlkit.check_values(relation oid, made jsonb, place tid) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
DECLARE
    attribute record;
    size bigint;
    total bigint := 0;
BEGIN
    FOR attribute IN
        SELECT a.attname, (dsqlkit.declared(a.atttypid, -1)).base FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    LOOP
        size := coalesce(octet_length(made ->> attribute.attname), 0);
        IF attribute.base = 'bytea'::regtype THEN
            size := greatest(size / 2 - 1, 0);  -- written as \x and two digits a byte
        ELSIF attribute.base IN ('json'::regtype, 'jsonb'::regtype) THEN
            EXECUTE format('SELECT coalesce(pg_column_size(t.%I), 0) FROM ONLY %s AS t WHERE t.ctid = $1',
                attribute.attname, relation::regclass) INTO size USING place;
            size := coalesce(size, 0);
        END IF;
        IF size > 1048576 THEN
            RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = format(
                'datatype limit greater than 1048576 bytes not supported for %s', format_type(attribute.base, NULL));
        END IF;
        total := total + size;
    END LOOP;
    IF total > 2097152 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'maximum row size exceeded';
    END IF;
END
$$;

-- Whether rows of a table have entries in an index that are too large for DSQL, 1,981 bytes being the most. None is looked
-- at where its columns cannot hold as much.
CREATE OR REPLACE FUNCTION dsqlkit.has_large_keys(index regclass) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
DECLARE
    found boolean;
BEGIN
    IF (SELECT bool_and(k <> 0) AND sum(coalesce(dsqlkit.most_of(a), 1982)) <= 1981
        FROM pg_index x LEFT JOIN pg_index p ON p.indrelid = x.indrelid AND p.indisprimary, unnest(x.indkey || p.indkey) AS k
        LEFT JOIN pg_attribute a ON a.attrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = index) AND a.attnum = k
        WHERE x.indexrelid = index)
    THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s AS t WHERE %s > 1981 AND %s)',
            (SELECT indrelid::regclass FROM pg_index WHERE indexrelid = index), dsqlkit.size_of_entry(index, true),
            coalesce((SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = index), 'true'))
        INTO found;
    RETURN found;
END
$$;

-- Called for rows of some size. 1,981 bytes were observed to pass.
CREATE OR REPLACE FUNCTION dsqlkit.check_keys() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    index oid;
    size bigint;
BEGIN
    FOR index IN SELECT indexrelid FROM pg_index WHERE indrelid = tg_relid LOOP
        EXECUTE format('SELECT %s FROM (SELECT ($1).*) AS t WHERE %s', dsqlkit.size_of_entry(index, true),
                coalesce((SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = index), 'true'))
            INTO size USING NEW;
        IF size > 1981 THEN
            RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'key size too large';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- Rows that a foreign key's action changes are rows that the transaction changes: the endpoint is told how many,
-- as the statement's tag counts its own alone.
CREATE OR REPLACE FUNCTION dsqlkit.tell_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO USING ERRCODE = 'DSQ02', MESSAGE = (SELECT pg_catalog.count(*) FROM gone);
    RETURN NULL;
END
$$;

-- How many rows this session has written in its tables, whoever did it: a WITH, a function, an action of a foreign key. It
-- counts on from transaction to transaction, and starts over between two of them now and then.
CREATE OR REPLACE FUNCTION dsqlkit.rows_written() RETURNS bigint LANGUAGE sql VOLATILE
    SET search_path = pg_catalog AS $$
    SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
        + pg_stat_get_xact_tuples_deleted(c.oid)), 0)::bigint
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspowner <> 10
$$;

-- Has the rows of a table looked at that a limit might concern. Nothing but json is compressed, for a value to be as large
-- as it was sent wherever it is looked at, and nothing has to fit into a page. The triggers pass for internal ones, as those of
-- foreign keys: no client sees them. AFTER and WHEN leave COPY its speed, and the whole row in WHEN leaves every
-- column free to be dropped.
CREATE OR REPLACE FUNCTION dsqlkit.watch(relation oid) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog SET allow_system_table_mods = on AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        WITH needed AS MATERIALIZED (
            SELECT EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = relation AND a.attnum > 0 AND dsqlkit.is_wide(a)) AS weighing,
                coalesce(bool_or(confdeltype = 'c'), false) AS telling_deletes,
                coalesce(bool_or(confdeltype IN ('n', 'd') OR confupdtype IN ('c', 'n', 'd')), false) AS telling_updates
            FROM pg_constraint WHERE conrelid = relation AND contype = 'f'
        )
        SELECT v.name, v.of_what, v.called FROM needed, LATERAL (VALUES
            (weighing, 'dsqlkit_weigh', 'AFTER INSERT OR UPDATE',
                'FOR EACH ROW WHEN (pg_catalog.pg_column_size(NEW.*) > 500) EXECUTE FUNCTION dsqlkit.weigh_row()'),
            (weighing, 'dsqlkit_keys', 'AFTER INSERT OR UPDATE',  -- whatever is indexed later is a key too
                'FOR EACH ROW WHEN (pg_catalog.pg_column_size(NEW.*) > 1981) EXECUTE FUNCTION dsqlkit.check_keys()'),
            (telling_deletes, 'dsqlkit_delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS gone FOR EACH STATEMENT'
                ' WHEN (pg_catalog.pg_trigger_depth() > 0) EXECUTE FUNCTION dsqlkit.tell_rows()'),
            (telling_updates, 'dsqlkit_update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS gone FOR EACH STATEMENT'
                ' WHEN (pg_catalog.pg_trigger_depth() > 0) EXECUTE FUNCTION dsqlkit.tell_rows()')
        ) AS v (is_needed, name, of_what, called)
        WHERE v.is_needed AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = relation AND t.tgname = v.name)
    LOOP
        EXECUTE format('CREATE TRIGGER %I %s ON %s %s', made.name, made.of_what, relation::regclass, made.called);
    END LOOP;
    UPDATE pg_attribute a
        SET attstorage = CASE WHEN dsqlkit.is_document(a) THEN 'x' ELSE 'e' END
        WHERE a.attrelid = relation AND a.attnum > 0 AND dsqlkit.is_wide(a)
            AND (a.attstorage = 'e') = dsqlkit.is_document(a);
    UPDATE pg_trigger SET tgisinternal = true
        WHERE tgrelid = relation AND tgname LIKE 'dsqlkit\_%' AND NOT tgisinternal;
END
$$;

-- One query asks all that there is to know of a new table: a session's first takes most of what CREATE TABLE costs.
CREATE OR REPLACE FUNCTION dsqlkit.watch_tables() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT c.oid, count(*) AS columns, min(t.typname) FILTER (WHERE t.typtype = 'c') AS composite,
            bool_or(t.typtype = 'd') AS has_domains,
            min(format_type(a.atttypid, NULL)) FILTER (WHERE a.attidentity <> '' AND a.atttypid <> 'bigint'::regtype) AS identity,
            bool_or(dsqlkit.is_wide(a)) OR EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f')
                AS is_limited
        FROM (SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass) AS d
        JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r' AND c.relpersistence = 'p'
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('dsqlkit', 'sys')
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        GROUP BY c.oid
    LOOP
        IF made.columns > 256 THEN  -- 255 are documented, 256 were accepted
            RAISE EXCEPTION USING ERRCODE = '54011', MESSAGE =
                CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = made.oid AND k.contype = 'p')
                THEN 'cannot use more than 256 columns in an index'  -- that of its key has all of them
                ELSE 'tables can have at most 255 columns' END;
        END IF;
        IF made.composite IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('datatype %s not supported', made.composite);
        END IF;
        IF made.identity IS NOT NULL THEN  -- one that ALTER TABLE has made so: a CREATE TABLE says what type it has
            RAISE EXCEPTION USING ERRCODE = '0A000',
                MESSAGE = format('datatype %s not supported, identity column type must be bigint', made.identity);
        END IF;
        IF made.has_domains THEN  -- of the types of other keys the statement tells
            PERFORM dsqlkit.require_keys(x.indexrelid) FROM pg_index x WHERE x.indrelid = made.oid;
        END IF;
        IF made.is_limited THEN
            PERFORM dsqlkit.watch(made.oid);
        END IF;
    END LOOP;
END
$$;

DROP EVENT TRIGGER IF EXISTS watch_tables;

CREATE EVENT TRIGGER watch_tables ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE SCHEMA')
    EXECUTE FUNCTION dsqlkit.watch_tables();

-- Tables that were made before this file had all that is in it.
SELECT dsqlkit.watch(c.oid) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_'
        AND n.nspname NOT IN ('dsqlkit', 'sys', 'information_schema');

