-- How many of what a database may have (AWS's quotas page). Run with catalog.sql, by its rules.

CREATE OR REPLACE FUNCTION dsqlkit.count_objects() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    made record;
BEGIN
    IF tg_tag = 'CREATE SCHEMA' AND (SELECT count(*) FROM pg_namespace
            WHERE nspname !~ '^(pg_|dsqlkit)' AND nspname NOT IN ('public', 'sys', 'information_schema')) > 10 THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'more than 10 schemas not allowed';
    END IF;
    FOR made IN
        SELECT kinds.* FROM (VALUES ('r', 1000, 'tables'), ('v', 5000, 'views'), ('S', 5000, 'sequences'))
            AS kinds (relkind, most, name)
        WHERE kinds.relkind IN (SELECT c.relkind FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid)
    LOOP
        IF (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind = made.relkind AND nspname !~ '^(pg_|dsqlkit)'
                    AND nspname NOT IN ('sys', 'information_schema')) > made.most THEN
            RAISE EXCEPTION USING ERRCODE = '54000',
                MESSAGE = format('creating more than %s %s%s not allowed', made.most, made.name,
                    CASE made.relkind WHEN 'S' THEN ' is' ELSE '' END);
        END IF;
    END LOOP;
    IF tg_tag = 'CREATE VIEW' AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() d
            WHERE d.object_type = 'view' AND octet_length(pg_get_viewdef(d.objid)) > 2097152) THEN
        RAISE EXCEPTION USING ERRCODE = '54000', MESSAGE = 'view definition too large';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION dsqlkit.count_statistics() RETURNS event_trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() d JOIN pg_statistic_ext s ON s.oid = d.objid
            WHERE (SELECT count(*) FROM pg_statistic_ext o WHERE o.stxrelid = s.stxrelid) > 5) THEN
        RAISE EXCEPTION USING ERRCODE = '54000',
            MESSAGE = 'more than 5 extended statistics per table are not allowed';
    END IF;
END
$$;

DROP EVENT TRIGGER IF EXISTS count_statistics;

CREATE EVENT TRIGGER count_statistics ON ddl_command_end WHEN TAG IN ('CREATE STATISTICS')
    EXECUTE FUNCTION dsqlkit.count_statistics();

DROP EVENT TRIGGER IF EXISTS count_objects;

CREATE EVENT TRIGGER count_objects ON ddl_command_end
    WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE', 'CREATE VIEW', 'CREATE SEQUENCE')
    EXECUTE FUNCTION dsqlkit.count_objects();

