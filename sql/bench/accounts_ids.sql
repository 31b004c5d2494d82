-- The accounts that a bench moves money between: the first so many, by id.
\if :{?count} \else \set count 1000000 \endif

SELECT id FROM accounts ORDER BY id LIMIT :'count'::bigint;
