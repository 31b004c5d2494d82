-- DSQL's functions in the schema sys, beside its views and wait_for_job (catalog.sql). Run with catalog.sql, by its rules.
--
-- A live run of 2026-09 listed 17 by name, with the arguments of the first three. What they answer was recorded of
-- dsql_major_version and current_session_id alone; of the others, those whose names tell it do what they say.

CREATE OR REPLACE FUNCTION sys.dsql_major_version() RETURNS integer LANGUAGE sql IMMUTABLE
    AS $$ SELECT 1 $$;

CREATE OR REPLACE FUNCTION sys.base32_str_to_uuid(text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF $1 !~ '^[a-z2-7]{25}[aeimquy4]$' THEN
        RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = 'Unable to convert text to UUID';
    END IF;
    RETURN (SELECT pg_catalog.string_agg(pg_catalog.lpad(pg_catalog.to_hex(
            pg_catalog.substring(bits, i * 4 + 1, 4)::bit(4)::int), 1, '0'), '' ORDER BY i)::uuid
        FROM (SELECT pg_catalog.string_agg(
                (pg_catalog.strpos('abcdefghijklmnopqrstuvwxyz234567', pg_catalog.substr($1, k, 1)) - 1)::bit(5)::text, '' ORDER BY k
            )::varbit AS bits FROM pg_catalog.generate_series(1, 26) AS k) AS given
        CROSS JOIN pg_catalog.generate_series(0, 31) AS i);
END
$$;

-- The type that a domain is of, in the end.
CREATE OR REPLACE FUNCTION sys.base_type_oid(oid) RETURNS oid LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE below (type, base) AS (
        SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = $1
        UNION ALL
        SELECT t.oid, t.typbasetype FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.base
    )
    SELECT type FROM below WHERE base = 0
$$;

-- In bytes.
CREATE OR REPLACE FUNCTION sys.cluster_size() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) $$;

CREATE OR REPLACE FUNCTION sys.cluster_size_limit() RETURNS bigint LANGUAGE sql STABLE
    AS $$ SELECT 10995116277760 $$;

CREATE OR REPLACE FUNCTION sys.current_session_id() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT sys.uuid_to_base32_str(pg_catalog.md5(pg_catalog.concat_ws(' ', a.pid, a.backend_start))::uuid)
    FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a
$$;

CREATE OR REPLACE FUNCTION sys.current_transaction_id() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT sys.uuid_to_base32_str(pg_catalog.md5(pg_catalog.concat_ws(' ', pg_catalog.pg_backend_pid(), pg_catalog.now()))::uuid)
$$;

CREATE OR REPLACE FUNCTION sys.iam_session_user() RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT m.arn FROM sys.iam_pg_role_mappings m WHERE m.pg_role_name = session_user ORDER BY m.iam_oid LIMIT 1 $$;

-- The types that a column may have (user guide, "Supported data types").
CREATE OR REPLACE FUNCTION sys.supported_datatypes() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.pg_type t
    WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typname IN ('int2', 'int4', 'int8', 'float4', 'float8',
        'numeric', 'bpchar', 'varchar', 'text', 'date', 'time', 'timetz', 'timestamp', 'timestamptz', 'interval', 'bool', 'bytea',
        'uuid', 'json', 'jsonb') ORDER BY t.oid
$$;

CREATE OR REPLACE FUNCTION sys.job_err_msg(text) RETURNS text LANGUAGE sql STABLE STRICT
    AS $$ SELECT j.details FROM sys.jobs j WHERE j.job_id = $1 AND j.status = 'failed' $$;

-- What these take and answer is not known.
CREATE OR REPLACE FUNCTION dsqlkit.not_known(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = pg_catalog.format('function %s not supported', name),
        HINT = 'It is there on a real cluster; what it answers was not recorded.';
END
$$;

CREATE OR REPLACE FUNCTION sys.decode_job_ext_status(bytea) RETURNS text LANGUAGE sql AS $$ SELECT dsqlkit.not_known('decode_job_ext_status') $$;

CREATE OR REPLACE FUNCTION sys.decode_job_statement(bytea) RETURNS text LANGUAGE sql AS $$ SELECT dsqlkit.not_known('decode_job_statement') $$;

CREATE OR REPLACE FUNCTION sys.decode_job_status(bytea) RETURNS text LANGUAGE sql AS $$ SELECT dsqlkit.not_known('decode_job_status') $$;

CREATE OR REPLACE FUNCTION sys.fetch_seq_data_tuple(oid) RETURNS text LANGUAGE sql AS $$ SELECT dsqlkit.not_known('fetch_seq_data_tuple') $$;

CREATE OR REPLACE FUNCTION sys.get_key_desc(oid) RETURNS text LANGUAGE sql AS $$ SELECT dsqlkit.not_known('get_key_desc') $$;

-- pg_dump is known to read a real cluster whole, where it would have had to PREPARE a query for each function that it dumps, which
-- DSQL refuses: so it takes none of them for a client's. What tells it so was not recorded. Here all of sys belongs to
-- the one extension, with the privileges that it has from the beginning (catalog.sql takes that back).
SET allow_system_table_mods = on;

INSERT INTO pg_catalog.pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    SELECT o.classid, o.objid, 0, 'pg_catalog.pg_extension'::regclass, e.oid, 0, 'e'
    FROM dsqlkit.sys_object o, pg_catalog.pg_extension e
    WHERE e.extname = 'plpgsql';

INSERT INTO pg_catalog.pg_init_privs (objoid, classoid, objsubid, privtype, initprivs)
    SELECT n.oid, 'pg_catalog.pg_namespace'::regclass, 0, 'e', n.nspacl FROM pg_catalog.pg_namespace n WHERE n.nspname = 'sys'
    UNION ALL SELECT c.oid, 'pg_catalog.pg_class'::regclass, 0, 'e',
            (SELECT array_agg(a) FROM unnest(c.relacl) AS a WHERE a::text ~ '^(pg_superuser)?=')
        FROM pg_catalog.pg_class c WHERE c.relnamespace = 'sys'::regnamespace;

RESET allow_system_table_mods;

