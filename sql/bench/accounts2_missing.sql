-- One of these ids that no account has; no row where each has one.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif

SELECT wanted.id
FROM unnest(:'ids'::uuid[]) AS wanted (id)
LEFT JOIN accounts2 AS held ON held.id = wanted.id
WHERE held.id IS NULL
LIMIT 1;
