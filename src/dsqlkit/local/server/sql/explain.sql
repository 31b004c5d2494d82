-- What is asked of the catalog, and measured, to print a plan as DSQL does. Run with catalog.sql, by its rules.
-- In PL/pgSQL, which keeps the plans of its queries for the session.
-- All of it runs as the client: who may not read a table learns nothing of its rows.

-- What the rows that a transaction sees depend on, and how it reads constants and names: as current_setting() takes its
-- time, by how it writes some. NULL once it has written.
CREATE OR REPLACE FUNCTION dsqlkit.plan_state() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN pg_catalog.concat_ws(' ', pg_catalog.pg_current_snapshot(), timestamptz '2001-02-03 00:00:00+00',
        interval '1 day -2 hours', pg_catalog.current_schemas(true));
END
$$;

-- The tables of a plan, named by schema and name in turn: columns, primary key, indexes, and what measures an entry
-- of each, in SQL. As JSON.
CREATE OR REPLACE FUNCTION dsqlkit.plan_tables(names text[]) RETURNS json LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog AS $$
BEGIN
    RETURN (
    SELECT coalesce(json_agg(json_build_object(
        'schema', n.nspname,
        'name', c.relname,
        'entry', dsqlkit.bytes_of_entry(c.oid, 0),
        'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'texts', (SELECT coalesce(json_agg(a.attname), '[]') FROM pg_attribute a
            JOIN pg_type own ON own.oid = a.atttypid
            JOIN pg_type t ON t.oid = coalesce(nullif(own.typbasetype, 0), own.oid)
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND t.typname IN ('text', 'varchar', 'bpchar')),
        'primary', (SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            WHERE x.indrelid = c.oid AND x.indisprimary),
        'indexes', (SELECT coalesce(json_agg(json_build_object(
                'name', i.relname,
                'entry', dsqlkit.bytes_of_entry(c.oid, i.oid),
                'key', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(x.indkey[0:x.indnkeyatts - 1])
                    WITH ORDINALITY AS k (attnum, place)
                    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0),
                'included', (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
                    FROM unnest(x.indkey[x.indnkeyatts:x.indnatts - 1]) WITH ORDINALITY AS k (attnum, place)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum))), '[]')
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid))), '[]')
    FROM generate_series(1, cardinality(names), 2) AS place
    JOIN pg_namespace n ON n.nspname = names[place]
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = names[place + 1]
    );
END
$$;

-- The bytes that DSQL counts of a column's value, as SQL: those of fixed length as they are, all others
-- with four bytes for their length. Of numeric, what PostgreSQL stores of it; NULL counts nothing (both guesses).
CREATE OR REPLACE FUNCTION dsqlkit.bytes_of(attribute pg_catalog.pg_attribute) RETURNS text LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog AS $$
BEGIN
    RETURN (
    SELECT CASE
        WHEN t.typlen > 0 AND attribute.attnotnull THEN t.typlen::text
        WHEN t.typlen > 0 THEN format('CASE WHEN %I IS NULL THEN 0 ELSE %s END', attribute.attname, t.typlen)
        WHEN t.typname = 'numeric' THEN
            format('coalesce(pg_catalog.octet_length(pg_catalog.numeric_send(%I)) - 2, 0)', attribute.attname)
        WHEN t.typname IN ('text', 'varchar', 'bpchar') THEN
            format('coalesce(pg_catalog.octet_length(%I) + 4, 0)', attribute.attname)
        ELSE format('coalesce(pg_catalog.octet_length(pg_catalog.%s(%I)) + 4, 0)', t.typsend, attribute.attname) END
    FROM pg_type AS own JOIN pg_type AS t ON t.oid = coalesce(nullif(own.typbasetype, 0), own.oid)
    WHERE own.oid = attribute.atttypid
    );
END
$$;

-- The bytes of an entry, as SQL: its key, and all its columns, so that those of the key count twice. An entry of
-- the table (index 0) has its primary key, or a hidden row id of 16 bytes; one of an index leads to that too.
CREATE OR REPLACE FUNCTION dsqlkit.bytes_of_entry(relation oid, index oid) RETURNS text LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog AS $$
BEGIN
    RETURN (
    WITH own AS (SELECT x.* FROM pg_index x WHERE x.indexrelid = index),
    identity AS (SELECT x.* FROM pg_index x WHERE x.indrelid = relation AND x.indisprimary),
    part AS (
        SELECT dsqlkit.bytes_of(a) AS bytes,
            a.attnum = ANY (coalesce(identity.indkey[0:identity.indnkeyatts - 1], '{}'))
                OR a.attnum = ANY (coalesce(own.indkey[0:own.indnkeyatts - 1], '{}')) AS is_key,
            own.indexrelid IS NULL OR a.attnum = ANY (own.indkey) AS is_held
        FROM pg_attribute a LEFT JOIN own ON true LEFT JOIN identity ON true
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT concat_ws(' + ',
        CASE WHEN NOT EXISTS (SELECT FROM identity) THEN '16' ELSE '0' END,
        string_agg(CASE WHEN is_key THEN '2 * (' || bytes || ')' ELSE bytes END, ' + ') FILTER (WHERE is_held OR is_key))
    FROM part
    );
END
$$;

DROP FUNCTION IF EXISTS dsqlkit.read_by(text, text, text, text, boolean, text, text, bigint, bigint);
DROP FUNCTION IF EXISTS dsqlkit.read_by(text, text, text, text, text, text, text, bigint, bigint);
DROP FUNCTION IF EXISTS dsqlkit.read_by(text, text, text, text, text, text, text, bigint, boolean);
DROP FUNCTION IF EXISTS dsqlkit.read_by(text, text, text, text, text, text, text, text, bigint, boolean);

-- What a scan has read, as JSON: the bytes of the entries of rows that meet its condition (`entry` says in SQL how many
-- one has), those of the rows themselves with 128 each at least (`whole`; NULL without look-ups), and of how many rows
-- that is: a thousand at most. Then how many rows meet `filters` too, how many those that come `first`, and of how many,
-- which is NULL where it is of all (`rows` is NULL, or no more than so many are looked at). Where the scan's rows
-- were `changed`, by Update or Delete, those that this transaction has written are not counted, and any rows stand for
-- those that are gone. Where the condition names rows of another scan, all rows stand for those that it met. NULL where
-- nothing can be measured.
CREATE OR REPLACE FUNCTION dsqlkit.read_by(
    schema text, name text, alias text, entry text, whole text, condition text, filters text, first text, rows bigint,
    changed text
) RETURNS json LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    source text := pg_catalog.format(' FROM %I.%I AS %I WHERE ', schema, name, alias);
    met text;
    old text := CASE changed WHEN 'Update' THEN pg_catalog.format(
        ' AND pg_catalog.pg_visible_in_snapshot(%I.xmin::text::xid8, pg_catalog.pg_current_snapshot())', alias) ELSE '' END;
    entries bigint := 0;
    lookups bigint := 0;
    sampled bigint := 0;
    kept bigint := 0;
    held bigint := 0;
    counted bigint;
    measured text := 'SELECT coalesce(sum(entry), 0), coalesce(sum(greatest(whole, 128)), 0), count(*) FROM (SELECT (' || entry
        || ')::bigint AS entry, (' || coalesce(whole, '0') || ')::bigint AS whole' || source;
    sample text := ' LIMIT ' || least(rows, 1000) || ') AS read';
BEGIN
    FOREACH met IN ARRAY ARRAY[coalesce(nullif(condition, ''), 'true'), 'true'] LOOP
        BEGIN
            IF entry IS NOT NULL THEN
                EXECUTE measured || met || sample INTO entries, lookups, sampled;
                IF sampled = 0 AND changed <> '' THEN
                    EXECUTE measured || 'true' || sample INTO entries, lookups, sampled;
                END IF;
            END IF;
            IF filters IS NOT NULL AND first IS NULL AND rows IS NULL THEN
                EXECUTE 'SELECT count(*)' || source || met || ' AND ' || filters || old INTO kept;
            ELSIF filters IS NOT NULL THEN
                EXECUTE 'SELECT count(*) FILTER (WHERE kept), count(*) FILTER (WHERE held), count(*) FROM (SELECT ('
                    || filters || ') AS kept, (' || coalesce(first, 'true') || ') AS held' || source || met || old
                    || ' LIMIT ' || coalesce(rows::text, 'ALL') || ') AS read' INTO kept, held, counted;
            END IF;
            EXIT;
        EXCEPTION WHEN undefined_table OR undefined_column OR undefined_parameter OR syntax_error OR undefined_function THEN
            CONTINUE;
        END;
    END LOOP;
    RETURN pg_catalog.json_build_array(entries, lookups, sampled, kept, held, counted);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

-- The number of the next command of this transaction that writes. The row that it takes to learn that is taken back.
CREATE OR REPLACE FUNCTION dsqlkit.next_command_number() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog AS $$
DECLARE
    number bigint;
BEGIN
    INSERT INTO dsqlkit.next_command DEFAULT VALUES RETURNING cmin::text::bigint INTO number;
    RAISE EXCEPTION USING ERRCODE = 'DSQ04';
EXCEPTION WHEN SQLSTATE 'DSQ04' THEN
    RETURN number;
END
$$;

DROP FUNCTION IF EXISTS dsqlkit.written_by(text, text, text, text[], bigint);

-- The bytes of the entries that a table's last statement has written, each with 128 at least. `rows` is how many rows
-- it changed, which a scan by this alias met, with this condition of its key if it has one. Of an UPDATE, an index that
-- holds one of the columns assigned to has one entry more, and one less, which is written too; a DELETE writes as many
-- entries as it removes. Those that are removed count 128 bytes (recorded of small rows; of large ones a guess).
CREATE OR REPLACE FUNCTION dsqlkit.written_by(
    schema text, name text, operation text, assigned text[], rows bigint, alias text, condition text
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    relation oid := pg_catalog.to_regclass(pg_catalog.format('%I.%I', schema, name));
    added text;
    removed bigint;
    own text;
    last_of CONSTANT text := ') AS own GROUP BY turn ORDER BY turn DESC LIMIT 1';
    total bigint := 0;
    many bigint := 0;
    turn bigint := -1;
    last_turn bigint;
    until_page bigint;
    from_page bigint;
    pages bigint := 64;
    part record;
BEGIN
    SELECT coalesce(pg_catalog.string_agg(pg_catalog.format(
                CASE WHEN x.indpred IS NULL THEN ' + greatest(128, %s)'
                    ELSE ' + CASE WHEN %2$s THEN greatest(128, %1$s) ELSE 0 END' END,
                dsqlkit.bytes_of_entry(relation, x.indexrelid), pg_catalog.pg_get_expr(x.indpred, relation)), ''), ''),
            pg_catalog.count(*)
        INTO added, removed
        FROM pg_catalog.pg_index x
        WHERE x.indrelid = relation AND NOT x.indisprimary AND (operation <> 'Update' OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = relation AND a.attnum = ANY (x.indkey) AND a.attname = ANY (assigned)));
    IF operation = 'Delete' THEN
        RETURN rows * 128 * (1 + removed);
    ELSIF operation <> 'Update' THEN
        removed := 0;
    END IF;
    -- The rows that only this transaction sees, and of them those of its last statement that wrote.
    own := pg_catalog.format('SELECT sum(size)::bigint AS total, count(*) AS many, turn FROM (SELECT (greatest(128, %1$s)%2$s)::bigint AS size, '
            '%3$I.cmin::text::bigint AS turn FROM %4$I.%5$I AS %3$I WHERE %6$s AND ',
            dsqlkit.bytes_of_entry(relation, 0), added, alias, schema, name, dsqlkit.is_own(pg_catalog.quote_ident(alias)));
    -- They are where the statement found those that they replace, if it left the columns as they were by which it did.
    IF condition <> '' AND NOT EXISTS (
        SELECT FROM pg_catalog.unnest(assigned) AS a (name) WHERE pg_catalog.strpos(condition, a.name) > 0)
    THEN
        BEGIN
            EXECUTE own || condition || last_of INTO part;
            IF part.many = rows THEN
                RETURN part.total + rows * 128 * removed;
            END IF;
        EXCEPTION WHEN undefined_table OR undefined_column OR undefined_parameter OR syntax_error OR undefined_function THEN
            NULL;  -- it names another scan's rows
        END;
    END IF;
    -- They are looked for from the table's end on, where they mostly are. Triggers that write have commands of their own.
    last_turn := dsqlkit.next_command_number() - 1;
    until_page := pg_catalog.pg_relation_size(relation) / dsqlkit.real_setting('block_size', true)::int;
    WHILE until_page > 0 AND NOT (turn = last_turn AND many >= rows) LOOP
        from_page := greatest(until_page - pages, 0);
        EXECUTE own || pg_catalog.format('%1$I.ctid >= $1 AND %1$I.ctid < $2', alias) || last_of INTO part
            USING pg_catalog.format('(%s,0)', from_page)::tid, pg_catalog.format('(%s,0)', until_page)::tid;
        IF part.turn > turn THEN
            turn := part.turn;
            total := part.total;
            many := part.many;
        ELSIF part.turn = turn THEN
            total := total + part.total;
            many := many + part.many;
        END IF;
        until_page := from_page;
        pages := 2 * pages;
    END LOOP;
    RETURN total + rows * 128 * removed;
EXCEPTION WHEN OTHERS THEN
    RETURN rows * 128 * (1 + coalesce(removed, 0));
END
$$;

