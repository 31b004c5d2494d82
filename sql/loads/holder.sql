-- Who has claimed a table, and how long ago the claim was renewed, in seconds; null: not running.
\if :{?table} \else \set table accounts2 \endif

SELECT load, loader, extract(epoch FROM now() - renewed_at)::float8 AS age_s
FROM loads WHERE table_name = :'table';
