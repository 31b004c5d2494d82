-- DSQL's system schema, and what the endpoint keeps for itself. Run at the first start, and again
-- over existing data after this file has changed. Single-user mode runs it, where a statement ends
-- at a semicolon before an empty line.

-- What catalogs show as an owner (see new_data.py). initdb, and data of earlier versions, call it otherwise.
SET allow_system_table_mods = on;

UPDATE pg_catalog.pg_authid SET rolname = 'pg_superuser' WHERE oid = 10 AND rolname <> 'pg_superuser';

RESET allow_system_table_mods;

CREATE SCHEMA IF NOT EXISTS sys;

GRANT USAGE ON SCHEMA sys TO PUBLIC;

-- What is in sys, as pg_depend names it.
CREATE SCHEMA IF NOT EXISTS dsqlkit;

CREATE OR REPLACE VIEW dsqlkit.sys_object AS
    SELECT 'pg_catalog.pg_namespace'::regclass::oid AS classid, 'sys'::regnamespace::oid AS objid
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = 'sys'::regnamespace
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'sys'::regnamespace;

-- It belongs to an extension in the end (see sys.sql), which a DROP here would take with it.
SET allow_system_table_mods = on;

DELETE FROM pg_catalog.pg_depend d USING dsqlkit.sys_object o
    WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e';

DELETE FROM pg_catalog.pg_init_privs i USING dsqlkit.sys_object o WHERE i.classoid = o.classid AND i.objoid = o.objid;

-- PostgreSQL grants columns of pg_subscription, for which pg_dump would PREPARE a query (see pg_attribute in seen.sql).
DELETE FROM pg_catalog.pg_init_privs WHERE objsubid <> 0;

RESET allow_system_table_mods;

-- The endpoint's own: its functions are called by the statements that it rewrites.
GRANT USAGE ON SCHEMA dsqlkit TO PUBLIC;

-- Another version's functions may have other parameters, which cannot be replaced.
DO $$
DECLARE
    own regprocedure;
BEGIN
    FOR own IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'dsqlkit'::regnamespace LOOP
        EXECUTE pg_catalog.format('DROP ROUTINE %s CASCADE', own);
    END LOOP;
END
$$;

-- start_time is when the job was submitted; update_time is NULL until its status changes. The columns
-- after update_time are the job runner's. Jobs live for minutes: a new catalog begins without any.
DROP TABLE IF EXISTS dsqlkit.job CASCADE;

CREATE TABLE dsqlkit.job (
    job_id text PRIMARY KEY,
    status text NOT NULL DEFAULT 'submitted',
    details text,
    job_type text NOT NULL,
    class_id oid NOT NULL,
    object_id oid,
    object_name text,
    start_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    update_time timestamptz,
    target oid NOT NULL,
    target_name text NOT NULL,
    owner text NOT NULL,
    search_path text NOT NULL,
    ddl text NOT NULL
);

-- Builds whose index a DROP INDEX has dropped before they ended. Not a column of the job: a transaction
-- that drops then changes no row that the runner may have changed since the transaction began.
CREATE TABLE IF NOT EXISTS dsqlkit.dropped_build (job_id text PRIMARY KEY);

-- What PostgreSQL had of the index then, which the runner drops: on DSQL it is gone (see seen.sql).
ALTER TABLE dsqlkit.dropped_build ADD COLUMN IF NOT EXISTS index_oid oid;

DELETE FROM dsqlkit.dropped_build;

-- What the catalog shows of an index from its CREATE INDEX ASYNC on, until PostgreSQL has it (see seen.sql).
CREATE TABLE IF NOT EXISTS dsqlkit.coming_index (
    job_id text PRIMARY KEY,
    oid oid NOT NULL,
    name name NOT NULL,
    namespace oid NOT NULL,
    owner oid NOT NULL,
    target oid NOT NULL,
    is_unique boolean NOT NULL,
    key_columns int2[] NOT NULL,
    included int2[] NOT NULL,
    definition text NOT NULL
);

DELETE FROM dsqlkit.coming_index;

CREATE SEQUENCE IF NOT EXISTS dsqlkit.coming_oid MINVALUE 4200000000 MAXVALUE 4294967294 CYCLE;

CREATE OR REPLACE VIEW dsqlkit.coming AS
    SELECT c.* FROM dsqlkit.coming_index c
    WHERE NOT EXISTS (SELECT FROM dsqlkit.dropped_build d WHERE d.job_id = c.job_id)
        AND EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.oid = c.target)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class i WHERE i.relname = c.name AND i.relnamespace = c.namespace);

GRANT SELECT ON dsqlkit.coming TO PUBLIC;

-- Indexes that are still to be built. On DSQL they are there, and not valid; here they may not exist yet.
CREATE OR REPLACE VIEW dsqlkit.pending_index AS
    SELECT j.job_id, j.object_name, j.target FROM dsqlkit.job j
    WHERE j.job_type = 'INDEX_BUILD' AND j.status IN ('submitted', 'processing')
        AND NOT EXISTS (SELECT FROM dsqlkit.dropped_build d WHERE d.job_id = j.job_id)
        AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = j.target);

CREATE OR REPLACE VIEW sys.jobs AS
    SELECT job_id, status, details, job_type, class_id, object_id,
        CASE WHEN status IN ('submitted', 'processing')
            OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = object_id)
            OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.oid = object_id)
            THEN object_name END AS object_name,
        start_time, update_time
    FROM dsqlkit.job;

GRANT SELECT ON sys.jobs TO PUBLIC;

-- Which IAM identities may sign in as which role.
CREATE TABLE IF NOT EXISTS dsqlkit.role_mapping (
    iam_oid oid PRIMARY KEY,
    arn text NOT NULL,
    pg_role_oid oid NOT NULL,
    grantor_pg_role_oid oid NOT NULL,
    UNIQUE (arn, pg_role_oid)
);

CREATE OR REPLACE VIEW sys.iam_pg_role_mappings AS
    SELECT m.iam_oid, m.arn, m.pg_role_oid, r.rolname AS pg_role_name,
           m.grantor_pg_role_oid, g.rolname AS grantor_pg_role_name
    FROM dsqlkit.role_mapping m
    JOIN pg_catalog.pg_roles r ON r.oid = m.pg_role_oid
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor_pg_role_oid;

GRANT SELECT ON sys.iam_pg_role_mappings TO PUBLIC;

-- Who is asking, inside a function with other rights: the role that was set, or who signed in.
CREATE OR REPLACE FUNCTION dsqlkit.caller() RETURNS name LANGUAGE sql STABLE AS $$
    SELECT CASE role WHEN 'none' THEN session_user ELSE role::name END
    FROM pg_catalog.current_setting('role') AS role
$$;

-- What AWS IAM GRANT and REVOKE have in common: who may, for which role. The words are those of the
-- user guide's "Troubleshooting"; the SQLSTATEs were not recorded.
CREATE OR REPLACE FUNCTION dsqlkit.trustable_role(role_name text, deed text) RETURNS oid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    role_oid oid;
BEGIN
    SELECT r.oid INTO role_oid FROM pg_roles r WHERE r.rolname = role_name;
    IF role_oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42704',
            MESSAGE = format('role "%s" does not exist', role_name);
    END IF;
    IF dsqlkit.caller() <> 'admin' OR role_name = 'admin' OR role_oid < 16384 THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('permission denied to %s IAM trust with role %s', deed, role_name);
    END IF;
    RETURN role_oid;
END
$$;

-- AWS IAM GRANT. The role also gets a privilege on the view of the mappings, so that it cannot be
-- dropped while it is mapped. That a mapping may be granted twice was not recorded; PostgreSQL's
-- GRANT of a role takes it so.
CREATE OR REPLACE PROCEDURE dsqlkit.grant_trust(role_name text, arn text) LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    role_oid oid := dsqlkit.trustable_role(role_name, 'grant');
BEGIN
    IF arn !~ '^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[[:alnum:]_+=,.@/-]+$' THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'IAM role must look like an IAM ARN';
    END IF;
    IF NOT (SELECT rolcanlogin FROM pg_roles WHERE oid = role_oid) THEN
        RAISE EXCEPTION USING ERRCODE = '0LP01',
            MESSAGE = format('role %s must have the LOGIN attribute', role_name);
    END IF;
    LOCK TABLE dsqlkit.role_mapping IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO dsqlkit.role_mapping AS m
        SELECT coalesce(max(iam_oid)::bigint + 1, 16384)::oid, grant_trust.arn, role_oid,
            (SELECT oid FROM pg_roles WHERE rolname = 'admin')
        FROM dsqlkit.role_mapping
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE NOTICE USING ERRCODE = '00000',
            MESSAGE = format('role "%s" has already been granted to "%s"', role_name, arn);
    END IF;
    EXECUTE format('GRANT SELECT ON sys.iam_pg_role_mappings TO %I', role_name);
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'AWS IAM GRANT';
END
$$;

-- AWS IAM REVOKE. What is not there is not missed, as with PostgreSQL's REVOKE of a role.
CREATE OR REPLACE PROCEDURE dsqlkit.revoke_trust(role_name text, arn text) LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    role_oid oid := dsqlkit.trustable_role(role_name, 'revoke');
BEGIN
    LOCK TABLE dsqlkit.role_mapping IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM dsqlkit.role_mapping m WHERE m.arn = revoke_trust.arn AND m.pg_role_oid = role_oid;
    IF NOT FOUND THEN
        RAISE WARNING USING ERRCODE = '01000',
            MESSAGE = format('role "%s" has not been granted to "%s"', role_name, arn);
    END IF;
    IF NOT EXISTS (SELECT FROM dsqlkit.role_mapping m WHERE m.pg_role_oid = role_oid) THEN
        EXECUTE format('REVOKE SELECT ON sys.iam_pg_role_mappings FROM %I', role_name);
    END IF;
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'AWS IAM REVOKE';
END
$$;

-- 16 bytes in lower-case base32 without padding, as job ids are written.
CREATE OR REPLACE FUNCTION sys.uuid_to_base32_str(uuid) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT pg_catalog.string_agg(
        pg_catalog.substr('abcdefghijklmnopqrstuvwxyz234567',
            pg_catalog.substring(bits, i * 5 + 1, 5)::bit(5)::int + 1, 1), '' ORDER BY i)
    FROM (SELECT ('x' || pg_catalog.replace($1::text, '-', ''))::bit(128) || B'00' AS bits) AS given
    CROSS JOIN pg_catalog.generate_series(0, 25) AS i
$$;

-- A job id as DSQL writes it: random bytes.
CREATE OR REPLACE FUNCTION dsqlkit.new_job_id() RETURNS text LANGUAGE sql VOLATILE
    AS $$ SELECT sys.uuid_to_base32_str(pg_catalog.gen_random_uuid()) $$;

CREATE OR REPLACE FUNCTION dsqlkit.require_table(target regclass, name text) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    IF target IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42P01',
            MESSAGE = pg_catalog.format('relation "%s" does not exist', name);
    END IF;
END
$$;

-- What a type is, and the size that it is declared with: a domain is what it is made of.
CREATE OR REPLACE FUNCTION dsqlkit.declared(type oid, size int, OUT base oid, OUT modifier int) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE below (type, size) AS (
        SELECT $1, $2
        UNION ALL
        SELECT t.typbasetype, t.typtypmod FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typbasetype <> 0
    )
    SELECT b.type, b.size FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typbasetype = 0
$$;

-- Refuses an index for the types of its keys. That a domain is refused in the words of its type is a guess.
CREATE OR REPLACE FUNCTION dsqlkit.require_keys(index oid) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    refused text;
    declared bigint;
BEGIN
    SELECT min(format_type(d.base, NULL)) FILTER (
            WHERE d.base IN ('jsonb'::regtype, 'bytea'::regtype, 'interval'::regtype)),
        sum(d.modifier - 4) FILTER (
            WHERE d.base IN ('varchar'::regtype, 'bpchar'::regtype) AND d.modifier > 4)
        INTO refused, declared
        FROM pg_attribute a JOIN pg_index x ON x.indexrelid = a.attrelid,
            LATERAL dsqlkit.declared(a.atttypid, a.atttypmod) AS d
        WHERE a.attrelid = index AND a.attnum <= x.indnkeyatts;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('datatype %s is not supported in a key', refused);
    END IF;
    IF declared > 2000 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'key size greater than 2000 bytes not supported';
    END IF;
END
$$;

-- Refuses what an index on a table cannot be, by making it on an empty table like that one, and taking
-- both back. keys is the statement's text from its list of keys on; what is returned is the same as PostgreSQL writes it.
CREATE OR REPLACE FUNCTION dsqlkit.try_index(
    is_unique boolean, target regclass, key_columns text[], keys text, caller_path text
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    own_path text := current_setting('search_path');
    refused text;
    written text;
BEGIN
    SELECT min(format_type(d.base, NULL)) INTO refused
        FROM pg_attribute a, LATERAL dsqlkit.declared(a.atttypid, a.atttypmod) AS d
        WHERE a.attrelid = target AND a.attname = ANY (key_columns)
            AND d.base IN ('json'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'interval'::regtype);
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = format('datatype %s is not supported in a key', refused);
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE dsqlkit_try (LIKE %s INCLUDING GENERATED)', target);
    PERFORM dsqlkit.assign('search_path', caller_path, true);
    EXECUTE format('CREATE %sINDEX dsqlkit_try_index ON pg_temp.dsqlkit_try %s',
        CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END, keys);
    PERFORM dsqlkit.assign('search_path', own_path, true);
    PERFORM dsqlkit.require_keys('pg_temp.dsqlkit_try_index'::regclass);
    written := regexp_replace(dsqlkit.indexdef('pg_temp.dsqlkit_try_index'::regclass, 0, false), '^.*? USING \w+ ', '');
    DROP TABLE pg_temp.dsqlkit_try;
    RETURN written;
END
$$;

-- Refuses one index more than a table may have, builds in progress counted. All of it is asked of one snapshot: to_regclass
-- would find an index of this moment, which pg_index does not have yet.
CREATE OR REPLACE FUNCTION dsqlkit.require_room(target regclass) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    IF (SELECT count(*) FROM (
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
                JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE x.indrelid = require_room.target
            UNION
            SELECT p.object_name FROM dsqlkit.pending_index p WHERE p.target = require_room.target
        ) AS i) >= 24 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'more than 24 indexes per table are not allowed';
    END IF;
END
$$;

-- CREATE INDEX without ASYNC, which runs at once on an empty table while disable_sync_create_index is off (user guide,
-- session parameters), and is refused otherwise. That it is refused in the same words where the table has rows was not
-- recorded. refused is what else speaks against it: the missing ASYNC comes first.
CREATE OR REPLACE FUNCTION dsqlkit.check_index_at_once(
    is_unique boolean, target regclass, target_name text, key_columns text[], keys text, caller_path text,
    refused_as text, refused text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    relation record;
    is_taken boolean := true;
BEGIN
    IF lower(current_setting('dsql.disable_sync_create_index', true)) IN ('off', 'false', 'no', '0') THEN
        PERFORM dsqlkit.require_table(target, target_name);
        SELECT c.relname, c.relkind INTO relation FROM pg_class c WHERE c.oid = target;
        IF relation.relkind <> 'r' THEN
            RAISE EXCEPTION USING ERRCODE = '42809',
                MESSAGE = format('cannot create index on relation "%s"', relation.relname);
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', target) INTO is_taken;
    END IF;
    IF is_taken THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'unsupported mode. please use CREATE INDEX ASYNC.';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = refused_as, MESSAGE = refused;
    END IF;
    PERFORM dsqlkit.require_room(target);
    PERFORM dsqlkit.try_index(is_unique, target, key_columns, keys, caller_path);
END
$$;

-- The same, and runs it with the caller's rights and search path.
CREATE OR REPLACE PROCEDURE dsqlkit.index_at_once(
    ddl text, is_unique boolean, target regclass, target_name text, key_columns text[], keys text, refused_as text, refused text
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dsqlkit.check_index_at_once(is_unique, target, target_name, key_columns, keys,
        pg_catalog.current_setting('search_path'), refused_as, refused);
    EXECUTE ddl;
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'CREATE INDEX';
END
$$;

-- As PostgreSQL's makeObjectName: what is too long is taken from the longer of two names.
CREATE OR REPLACE FUNCTION dsqlkit.object_name(first text, second text, label text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    room CONSTANT int := 61 - octet_length(label);
    of_first int := octet_length(first);
    of_second int := octet_length(second);
BEGIN
    WHILE of_first + of_second > room LOOP
        IF of_first > of_second THEN
            of_first := of_first - 1;
        ELSE
            of_second := of_second - 1;
        END IF;
    END LOOP;
    WHILE octet_length(first) > of_first LOOP
        first := left(first, -1);
    END LOOP;
    WHILE octet_length(second) > of_second LOOP
        second := left(second, -1);
    END LOOP;
    RETURN concat_ws('_', first, second, label);
END
$$;

-- CREATE INDEX ASYNC. Refuses at once what a synchronous build would refuse at once, and leaves
-- the rest to the job, which exists when the transaction commits. target is resolved by the caller,
-- with the caller's search path, and NULL if there is no table of that name. addition names the index
-- after its columns if it has no name. key_columns has NULL for an expression.
CREATE OR REPLACE FUNCTION dsqlkit.submit_index(
    is_unique boolean, if_not_exists boolean, index_name text, target regclass, target_name text,
    key_columns text[], included text[], tail text, keys text, caller_path text, addition text, OUT job_id text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    relation record;
    name text := index_name;
    missing text;
    taken boolean;
    n int := 0;
    written text;
BEGIN
    PERFORM dsqlkit.require_table(target, target_name);
    SELECT c.relname, c.relkind, c.relowner, c.relnamespace, s.nspname
        INTO relation
        FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.oid = target;
    IF relation.relkind <> 'r' THEN
        RAISE EXCEPTION USING ERRCODE = '42809',
            MESSAGE = format('cannot create index on relation "%s"', relation.relname);
    END IF;
    IF NOT pg_has_role(dsqlkit.caller(), relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('must be owner of table %s', relation.relname);
    END IF;
    SELECT c INTO missing FROM unnest(key_columns || included) AS c
        WHERE c IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = target AND a.attname = c AND NOT a.attisdropped)
        LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42703',
            MESSAGE = format('column "%s" does not exist', missing);
    END IF;
    PERFORM dsqlkit.require_room(target);
    written := dsqlkit.try_index(is_unique, target, key_columns, keys, caller_path);
    LOOP
        name := coalesce(index_name, dsqlkit.object_name(relation.relname, addition, 'idx' || CASE n WHEN 0 THEN '' ELSE n::text END));
        SELECT EXISTS (
            SELECT FROM pg_class c WHERE c.relname = name AND c.relnamespace = relation.relnamespace
                -- A build whose index was dropped, or whose table was replaced while it began, drops
                -- the index that it made.
                AND NOT EXISTS (SELECT FROM pg_index x JOIN dsqlkit.job j
                        ON j.object_name = format('%I.%I', relation.nspname, name)
                    WHERE x.indexrelid = c.oid AND j.status = 'processing' AND (
                        j.target <> x.indrelid
                        OR EXISTS (SELECT FROM dsqlkit.dropped_build d WHERE d.job_id = j.job_id)))
            UNION ALL
            SELECT FROM dsqlkit.pending_index p
            WHERE p.object_name = format('%I.%I', relation.nspname, name)) INTO taken;
        EXIT WHEN index_name IS NOT NULL OR NOT taken;
        n := n + 1;
    END LOOP;
    IF taken AND NOT if_not_exists THEN
        RAISE EXCEPTION USING ERRCODE = '42P07',
            MESSAGE = format('relation "%s" already exists', name);
    END IF;
    IF taken THEN
        RAISE NOTICE USING ERRCODE = '42P07',
            MESSAGE = format('relation "%s" already exists, skipping', name);
    END IF;
    job_id := dsqlkit.new_job_id();
    INSERT INTO dsqlkit.job (job_id, status, details, job_type, class_id, object_name,
        update_time, target, target_name, owner, search_path, ddl)
    VALUES (job_id, CASE WHEN taken THEN 'completed' ELSE 'submitted' END,
        CASE WHEN taken THEN format('relation "%s" already exists, skipping', name) END,
        'INDEX_BUILD', 'pg_class'::regclass, format('%I.%I', relation.nspname, name),
        CASE WHEN taken THEN clock_timestamp() END,
        target, format('%I.%I', relation.nspname, relation.relname),
        pg_get_userbyid(relation.relowner), caller_path,
        format('CREATE %sINDEX CONCURRENTLY %I %s',
            CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END, name, tail));
    IF NOT taken THEN
        INSERT INTO dsqlkit.coming_index VALUES (job_id, nextval('dsqlkit.coming_oid')::oid, name, relation.relnamespace,
            relation.relowner, target, is_unique,
            ARRAY(SELECT coalesce((SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = target AND a.attname = u.c), 0)
                FROM unnest(key_columns) WITH ORDINALITY AS u (c, place) ORDER BY place),
            ARRAY(SELECT a.attnum FROM unnest(included) WITH ORDINALITY AS u (c, place)
                JOIN pg_attribute a ON a.attrelid = target AND a.attname = u.c ORDER BY place),
            format('CREATE %sINDEX %I ON %I.%I USING btree_index %s', CASE WHEN is_unique THEN 'UNIQUE ' ELSE '' END,
                name, relation.nspname, relation.relname, written));
    END IF;
    -- Tells the endpoint to report this statement as CREATE INDEX, and that there is a job.
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'CREATE INDEX';
END
$$;

-- Drops an index that is still to be built, if that is what the name finds: whether it did. It is the
-- runner that ends the build, once this is committed. Until then the shared lock keeps the build from
-- its end (see builds_dropped.py).
CREATE OR REPLACE FUNCTION dsqlkit.drop_pending_index(
    index_schema text, index_name text, caller_schemas name[]
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    pending record;
BEGIN
    SELECT p.job_id, p.object_name, p.target, c.relname, c.relowner, n.nspowner INTO pending
        FROM unnest(CASE WHEN index_schema IS NULL THEN caller_schemas ELSE ARRAY[index_schema::name] END)
            WITH ORDINALITY AS s (name, place)
        LEFT JOIN dsqlkit.pending_index p ON p.object_name = format('%I.%I', s.name, index_name)
        LEFT JOIN pg_class c ON c.oid = p.target
        LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE p.job_id IS NOT NULL OR to_regclass(format('%I.%I', s.name, index_name)) IS NOT NULL
        ORDER BY s.place LIMIT 1;
    IF pending.job_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(20201, hashtext(pending.job_id));
    IF dsqlkit.has_ended(pending.job_id) THEN
        RETURN false;
    END IF;
    IF NOT pg_has_role(dsqlkit.caller(), pending.relowner, 'USAGE')
            AND NOT pg_has_role(dsqlkit.caller(), pending.nspowner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('must be owner of index %s', index_name);
    END IF;
    INSERT INTO dsqlkit.dropped_build VALUES (pending.job_id, (SELECT x.indexrelid FROM pg_index x
        WHERE x.indexrelid = to_regclass(pending.object_name) AND x.indrelid = pending.target)) ON CONFLICT DO NOTHING;
    -- Tells the endpoint which table's schema changes, and which build is to end.
    RAISE INFO USING ERRCODE = 'DSQ03', MESSAGE = pending.relname, DETAIL = pending.job_id;
    RETURN true;
END
$$;

-- DROP INDEX, by the caller's rights and search path. schemas has NULL for a name without one.
CREATE OR REPLACE PROCEDURE dsqlkit.drop_index(
    schemas text[], names text[], if_exists text, behavior text
) LANGUAGE plpgsql AS $$
DECLARE
    others text[] := '{}';
BEGIN
    FOR i IN 1 .. pg_catalog.cardinality(names) LOOP
        IF NOT dsqlkit.drop_pending_index(schemas[i], names[i], pg_catalog.current_schemas(false)) THEN
            others := others || pg_catalog.concat_ws('.',
                pg_catalog.quote_ident(schemas[i]), pg_catalog.quote_ident(names[i]));
        END IF;
    END LOOP;
    IF others <> '{}' THEN
        EXECUTE pg_catalog.format('DROP INDEX %s %s %s',
            if_exists, pg_catalog.array_to_string(others, ', '), behavior);
    END IF;
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'DROP INDEX';
END
$$;

-- ALTER TABLE ASYNC ... VALIDATE CONSTRAINT. Refuses at once what PostgreSQL would refuse before it
-- looks at rows. The job's type and which object it names were not recorded.
CREATE OR REPLACE FUNCTION dsqlkit.submit_validation(
    target regclass, target_name text, constraint_name text, OUT job_id text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    relation record;
    constraint_oid oid;
    kind "char";
BEGIN
    PERFORM dsqlkit.require_table(target, target_name);
    SELECT c.relname, c.relkind, c.relowner, s.nspname INTO relation
        FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.oid = target;
    IF relation.relkind <> 'r' THEN
        RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format(
            'ALTER action VALIDATE CONSTRAINT cannot be performed on relation "%s"',
            relation.relname);
    END IF;
    IF NOT pg_has_role(dsqlkit.caller(), relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('must be owner of table %s', relation.relname);
    END IF;
    SELECT c.oid, c.contype INTO constraint_oid, kind
        FROM pg_constraint c WHERE c.conrelid = target AND c.conname = constraint_name;
    IF constraint_oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format(
            'constraint "%s" of relation "%s" does not exist', constraint_name, relation.relname);
    END IF;
    IF kind NOT IN ('c', 'f') THEN
        RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format(
            'constraint "%s" of relation "%s" is not a foreign key or check constraint',
            constraint_name, relation.relname);
    END IF;
    job_id := dsqlkit.new_job_id();
    INSERT INTO dsqlkit.job (job_id, job_type, class_id, object_id, object_name, target,
        target_name, owner, search_path, ddl)
    VALUES (job_id, 'VALIDATE_CONSTRAINT', 'pg_constraint'::regclass, constraint_oid,
        format('%I.%I', relation.nspname, constraint_name), target,
        format('%I.%I', relation.nspname, relation.relname), pg_get_userbyid(relation.relowner),
        'pg_catalog', format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I',
            relation.nspname, relation.relname, constraint_name));
    RAISE INFO USING ERRCODE = 'DSQ01', MESSAGE = 'ALTER TABLE';
END
$$;

-- Submits an ANALYZE of each table that has changed much since its last one, by PostgreSQL's measure.
CREATE OR REPLACE FUNCTION dsqlkit.submit_analyses() RETURNS void LANGUAGE sql AS $$
    INSERT INTO dsqlkit.job (job_id, job_type, class_id, object_id, object_name, target,
        target_name, owner, search_path, ddl)
    SELECT dsqlkit.new_job_id(), 'ANALYZE', 'pg_class'::regclass, s.relid, name, s.relid, name,
        pg_catalog.pg_get_userbyid(c.relowner), 'pg_catalog', 'ANALYZE ' || name
    FROM pg_catalog.pg_stat_user_tables s JOIN pg_catalog.pg_class c ON c.oid = s.relid,
        pg_catalog.format('%I.%I', s.schemaname, s.relname) AS name
    WHERE s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0)
        AND s.schemaname <> 'dsqlkit' AND c.relkind = 'r' AND c.relpersistence = 'p'
$$;

REVOKE EXECUTE ON FUNCTION dsqlkit.submit_analyses() FROM PUBLIC;

-- The relations of the catalog itself that have changed so much. PostgreSQL's autovacuum looks after them elsewhere: here it is kept
-- from analysing, as that is a job's.
CREATE OR REPLACE VIEW dsqlkit.outdated_catalog AS
    SELECT pg_catalog.format('pg_catalog.%I', s.relname) AS name
    FROM pg_catalog.pg_stat_sys_tables s JOIN pg_catalog.pg_class c ON c.oid = s.relid
    WHERE s.schemaname = 'pg_catalog' AND s.relname <> 'pg_statistic'
        AND s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0);

-- How a waiting session learns that a job has ended: the runner then takes and keeps this lock. A
-- lock is seen at once, where the job's row is hidden by the snapshot of the waiting transaction.
CREATE OR REPLACE FUNCTION dsqlkit.tell_ended(job_id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM dsqlkit.job j WHERE j.job_id = tell_ended.job_id AND j.status = 'failed') THEN
        PERFORM pg_catalog.pg_advisory_lock(20202, pg_catalog.hashtext(job_id));
    END IF;
    PERFORM pg_catalog.pg_advisory_lock(20200, pg_catalog.hashtext(job_id));
END
$$;

REVOKE EXECUTE ON FUNCTION dsqlkit.tell_ended(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION dsqlkit.is_told(subject int, job_id text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_try_advisory_lock_shared(subject, pg_catalog.hashtext(job_id)) THEN
        PERFORM pg_catalog.pg_advisory_unlock_shared(subject, pg_catalog.hashtext(job_id));
        RETURN false;
    END IF;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION dsqlkit.has_ended(job_id text) RETURNS boolean LANGUAGE sql AS $$
    SELECT dsqlkit.is_told(20200, job_id)
$$;

-- How long a CALL waits for a job. Not recorded: as long as a transaction may live.
CREATE OR REPLACE FUNCTION dsqlkit.wait_limit() RETURNS interval LANGUAGE sql IMMUTABLE
    AS $$ SELECT interval '300 seconds' $$;

-- Waits until the job has ended, whatever its end, and answers a row: whether the job has done what it was to do, which it has
-- not when the wait was too long (live, by the source of AWS's plug-in for Flyway). What is said of a job that does not exist was
-- not recorded.
DROP PROCEDURE IF EXISTS sys.wait_for_job(text);

CREATE OR REPLACE PROCEDURE sys.wait_for_job(job_id text, INOUT succeeded boolean DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    known text;
    until timestamptz := clock_timestamp() + dsqlkit.wait_limit();
BEGIN
    IF job_id IS NULL OR job_id !~ '^[a-z2-7]{25}[aeimquy4]$' THEN
        RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'Unable to convert text to UUID';
    END IF;
    SELECT j.status INTO known FROM sys.jobs j WHERE j.job_id = wait_for_job.job_id;
    IF known IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('job "%s" does not exist', job_id);
    END IF;
    WHILE known NOT IN ('completed', 'failed') LOOP
        IF dsqlkit.has_ended(job_id) THEN
            known := CASE WHEN dsqlkit.is_told(20202, job_id) THEN 'failed' ELSE 'completed' END;
        ELSE
            EXIT WHEN clock_timestamp() > until;
            PERFORM pg_catalog.pg_sleep(0.02);
        END IF;
    END LOOP;
    succeeded := known = 'completed';
END
$$;

