-- Claim a table for a load, unless another load has renewed its claim of late. One row, or none.
\if :{?table} \else \set table accounts2 \endif
\if :{?load} \else \set load 6f9619ff-8b86-4011-b42d-00c04fc964ff \endif
\if :{?loader} \else \set loader somebody \endif
\if :{?dead} \else \set dead 6f9619ff-8b86-4011-b42d-00c04fc964ff \endif
\if :{?lease_s} \else \set lease_s 20 \endif

INSERT INTO loads AS held (table_name, load, loader, renewed_at)
VALUES (:'table', :'load'::uuid, :'loader', now())
ON CONFLICT (table_name) DO UPDATE
SET load = excluded.load, loader = excluded.loader, renewed_at = now()
WHERE held.load = excluded.load OR held.load = :'dead'::uuid
    OR held.renewed_at IS NULL OR held.renewed_at < now() - :'lease_s'::float8 * interval '1 second'
RETURNING load;
