-- The queries of some views, by their names.
\if :{?views} \else \set views '{}' \endif

SELECT v.schemaname AS schema, v.viewname AS view, v.definition AS query
FROM pg_views AS v
WHERE v.viewname = ANY (:'views'::text[]) AND v.schemaname NOT IN ('pg_catalog', 'information_schema', 'sys')
ORDER BY v.schemaname, v.viewname;
