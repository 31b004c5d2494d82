-- One of these ids that no account has; no row where each has one.
\if :{?ids} \else \set ids '{1,2}' \endif

SELECT wanted.id
FROM unnest(:'ids'::bigint[]) AS wanted (id)
LEFT JOIN accounts AS held ON held.id = wanted.id
WHERE held.id IS NULL
LIMIT 1;
